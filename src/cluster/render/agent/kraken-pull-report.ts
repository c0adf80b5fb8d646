/** What kraken-pull says, and how it ends. Shell, joined in kraken-pull.ts. */
export const report = `usage() {
  cat <<'TEXT'
usage: kraken-pull [--json] [--quiet] [--no-fallback] IMAGE
       kraken-pull --help | --version

IMAGE is nginx, library/nginx:1.27, bms/app@sha256:..., or one of them behind a load balancer of the cluster
(10.0.1.10:5000/bms/app:2), the agent (127.0.0.1:8080/...) or docker.io. It is pulled through the Kraken agent of this
machine, compared with what a load balancer has, and tagged as it was written.

  --json          one JSON object on standard output, nothing else
  --quiet, -q     nothing is said unless something is wrong
  --no-fallback   never pull through a load balancer
  --help, -h      this text
  --version       of the krakenctl that installed this program

exit codes: 0 pulled and verified, 2 usage, 3 the image does not exist, 4 the digest differs, 5 neither agent nor load
balancer could serve it, 6 Docker cannot be used, 7 the configuration is missing or damaged
TEXT
}

# What others wrote (a registry, Docker, whoever typed the image) may hold anything; terminals and JSON get one printable line.
clean() {
  printf '%s' "$1" | tr '\\n\\r\\t' '   ' | tr -c ' -~' '?' | cut -c 1-600
}

json_text() {
  printf '"%s"' "$(clean "$1" | sed 's/[\\\\"]/\\\\&/g')"
}

json_or_null() {
  if [ -n "$1" ]; then json_text "$1"; else printf null; fi
}

# print_json OK [CODE MESSAGE HINT]
print_json() {
  printf '{"ok":%s,"image":%s,"reference":%s' "$1" "$(json_text "$image")" "$(json_or_null "$reference")"
  printf ',"digest":%s,"id":%s,"via":%s' "$(json_or_null "$digest")" "$(json_or_null "$id")" "$(json_or_null "$via")"
  printf ',"seconds":%s' "$(($(date +%s) - started))"
  [ -z "$warning" ] || printf ',"warning":%s' "$(json_text "$warning")"
  [ "$1" = true ] || printf ',"error":{"code":"%s","message":%s,"hint":%s}' "$2" "$(json_text "$3")" "$(json_text "$4")"
  printf '}\\n'
}

# fail EXIT CODE MESSAGE HINT
fail() {
  if [ "$json" = yes ]; then
    print_json false "$2" "$3" "$4"
  else
    printf 'kraken-pull: %s\\n  %s\\n' "$(clean "$3")" "$(clean "$4")" >&2
  fi
  exit "$1"
}

refuse() {
  fail 2 USAGE "$1" "\${2:-kraken-pull --help says what is understood}"
}

warn() {
  warning=\${warning:+$warning; }$1
  printf 'kraken-pull: warning: %s\\n' "$(clean "$1")" >&2
}

# In the background and waited for: a shell acts on a signal between commands only, and a pull can take minutes.
run() {
  child=running
  "$@" 8>&- 9>&- &
  wait "$!"
  outcome=$?
  child=''
  return "$outcome"
}

stop() {
  # A second signal ends the program at once.
  trap - HUP INT TERM
  # Where the shell stood, its own output may have been turned away.
  exec >&8 2>&9
  if [ -n "$child" ] && [ -n "\${!:-}" ]; then
    running=$!
    kill -TERM "$running" 2>/dev/null
    (sleep 3; kill -KILL "$running") >/dev/null 2>&1 8>&- 9>&- &
    killer=$!
    wait "$running" 2>/dev/null
    kill "$killer" 2>/dev/null
  fi
  fail "$1" INTERRUPTED "$image: interrupted" 'run it again: what was loaded already is not loaded twice'
}

leave() {
  [ "$drop" = no ] || docker rmi "$transport" >/dev/null 2>&1
  [ -z "$scratch" ] || rm -rf "$scratch"
}`;
