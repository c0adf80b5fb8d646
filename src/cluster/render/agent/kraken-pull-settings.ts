/** How kraken-pull reads its settings and its command line. Shell, joined in kraken-pull.ts. */
export const settings = `matches() {
  printf '%s\\n' "$1" | grep -Eqx -- "$2"
}

word_count() {
  printf '%s\\n' "$1" | awk '{ print NF }'
}

damaged() {
  fail 7 CONFIG_INVALID "$config, line $number: $1" 'krakenctl wrote this file: install the agent of this machine again'
}

# expect VALUE EXPRESSION WHAT
expect() {
  matches "$1" "$2" || damaged "$key has $value, expected $3"
}

# Parsed and never sourced: a value is not a command, whoever wrote it.
read_settings() {
  hint='is the Kraken agent installed on this machine? KRAKEN_PULL_CONFIG names another file'
  [ -f "$config" ] || fail 7 CONFIG_MISSING "there is no configuration $config" "$hint"
  [ -r "$config" ] || fail 7 CONFIG_MISSING "the configuration $config cannot be read" 'try again with sudo'
  loopback='127(\\.[0-9]{1,3}){3}:[0-9]{1,5}'
  address='[A-Za-z0-9.-]+:[0-9]{1,5}'
  number=0 known=' '
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    case $line in
      '' | '#'*) continue ;;
      *=*) key=\${line%%=*} value=\${line#*=} ;;
      *) damaged "expected KEY=value, found $line" ;;
    esac
    case $known in *" $key "*) damaged "$key was set before" ;; esac
    known="$known$key "
    case $key in
      CLUSTER) cluster=$value; expect "$value" '[A-Za-z0-9._-]+' 'the name of a cluster' ;;
      VERSION) expect "$value" '[A-Za-z0-9._+-]+' 'a version' ;;
      AGENT) agent=$value; expect "$value" "$loopback" 'an address such as 127.0.0.1:8080' ;;
      LOAD_BALANCERS) load_balancers=$value; expect "$value" "$address( $address)*" 'addresses such as 10.0.1.10:5000' ;;
      RELAYS) relays=$value relays_at=$number; expect "$value" "$loopback( $loopback)*" 'addresses such as 127.0.0.1:8095' ;;
      *) damaged "$key is not a setting" ;;
    esac
  done <"$config"
  for key in CLUSTER AGENT LOAD_BALANCERS RELAYS; do
    case $known in *" $key "*) ;; *) damaged "the file ends without $key=" ;; esac
  done
  number=$relays_at
  [ "$(word_count "$relays")" = "$(word_count "$load_balancers")" ] || damaged 'RELAYS needs one address for each of LOAD_BALANCERS'
}

print_version() {
  version=$(sed -n 's/^VERSION=//p' "$config" 2>/dev/null | head -n 1)
  matches "$version" '[A-Za-z0-9._+-]+' || version=unknown
  printf 'kraken-pull %s\\n' "$version"
}

read_arguments() {
  # First of all, so that a mistake before --json is told in JSON too.
  for word in "$@"; do
    case $word in --json) json=yes ;; --) break ;; esac
  done
  options=yes images=0
  for word in "$@"; do
    case $options$word in
      yes--) options=no ;;
      yes--json) ;;
      yes--quiet | yes-q) quiet=yes ;;
      yes--no-fallback) fallback=no ;;
      yes--help | yes-h) usage; exit 0 ;;
      yes--version) print_version; exit 0 ;;
      yes-*) refuse "unknown option $word" ;;
      *) images=$((images + 1)) image=$word ;;
    esac
  done
  [ "$images" -gt 0 ] || refuse 'which image? None was named'
  [ "$images" -eq 1 ] || refuse 'one image at a time, more were named'
}`;
