import { gatewayContainer, loginFile, loginFolder, pendingFile } from '../../agents/names';
import type { ClusterSpec } from '../../spec';
import { gatewayWays } from './gateway';

/**
 * How a machine gets a credential of its own, where logins are needed: it makes a password, shows its sum with a token, and waits until krakenctl lets it in.
 * The password never leaves it but to log in. Shell, put into install.ts.
 */
export function withLogins(script: string, spec: ClusterSpec): string {
  // Whatever is asked of a load balancer is asked with a login.
  const asked = script.replaceAll(/curl (-fsS[^\n]*?"http:\/\/\$(?:each|balancer)\/install)/g, 'ask $1');
  return asked
    .replace('say() {', () => `${enrolling(spec)}\nsay() {`)
    .replace(
      '      --follow) verb=follow ;;\n',
      (line) => `${line}      --token) wants=token ;;\n      --token=*) token=\${word#--token=} ;;\n`,
    )
    .replace(
      '    case $word in\n',
      (line) => `    if [ "\${wants:-}" = token ]; then token=$word wants=; continue; fi\n${line}`,
    )
    .replace('  find_balancer\n  if [', () => `${choosing}  find_balancer\n  if [`)
    .replace('  sh "$current/deactivate" > /dev/null\n', (line) => `  say_goodbye\n${line}`)
    .replace('  enrol\n  say "removed"\n', () => '  say "removed"\n')
    .replace('    say "nothing to remove"\n', (line) => `    rm -rf ${loginFolder(spec.name)}\n${line}`)
    .replace('  fetch desired\n', (line) => `${line}  [ -z "$token" ] || enrol_login\n`);
}

/** Whoever is let in nowhere any more can still take its agent away. */
const choosing = `  choose_login
  if [ "$verb" = uninstall ]; then
    [ "$(id -u)" -eq 0 ] || fail "this needs root" "run it as root"
    look
    tell
    uninstall
    exit
  fi
`;

function enrolling(spec: ClusterSpec): string {
  const folder = loginFolder(spec.name);
  const pending = `${folder}/${pendingFile}`;
  const ways = gatewayWays(spec).images.map(({ listen }) => listen);
  return `token=
login=

ask() { curl \${login:+-K "$login"} "$@"; }

# What was shown and given up may have been let in since; the token may be used up by that.
was_let_in() {
  [ -r ${pending} ] || return 1
  for each in $balancers; do
    if let_in "$each"; then return 0; fi
  done
  return 1
}

let_in() { curl -fsS -m 5 -K ${pending} -o /dev/null "http://$1/install/epoch" 2> /dev/null; }

# A token where one is given; else the ways of this machine, which know its credential.
choose_login() {
  if [ "$verb" != uninstall ] && was_let_in; then
    if [ "$verb" = check ]; then login=${pending}; else take_login; fi
    # Who hands over to a newer text has taken it already.
    export KRAKENCTL_LOGIN="$login"
  fi
  if [ -r "\${KRAKENCTL_LOGIN:-}" ]; then
    login=$KRAKENCTL_LOGIN token=
    return
  fi
  if [ -n "$token" ]; then
    [ -r "$token" ] || fail "$token: this file with a token cannot be read" "krakenctl agent token create says what is in it"
    login=$token
    return
  fi
  [ ! -r ${folder}/${loginFile} ] || { balancers='${ways.join(' ')}'; return 0; }
  [ "$verb" = uninstall ] || fail "this cluster asks for logins, and this machine has none" "--token FILE; krakenctl agent token create makes one"
}

# From now on its ways go by it.
take_login() {
  cp ${pending} "$tmp/own"
  (
    umask 077
    printf 'proxy_set_header Authorization "Basic %s";\\n' "$(sed -n 's/^user = "\\(.*\\)"$/\\1/p' "$tmp/own" | tr -d '\\n' | base64 | tr -d '\\n')" > ${folder}/.new
  )
  mv -f ${folder}/.new ${folder}/${loginFile}
  rm -f ${pending}
  docker exec ${gatewayContainer(spec.name)} sh -c 'kill -HUP 1' > /dev/null 2>&1 || :
  login=$tmp/own
}

# While it still has its ways.
say_goodbye() {
  printf 'host %s\\nrelease none\\n' "$(uname -n)" > "$tmp/enrol"
  for each in $balancers; do
    ask -fsS -m 5 -o /dev/null -T "$tmp/enrol" "http://$each/install/enrol" 2> /dev/null || say "note: $each did not take our name"
  done
}

# Its password stays here, until it is let in, and is made once; what is shown is a sum of it.
enrol_login() {
  address=$(curl -fsS -m 5 "http://$balancer/install/whoami") || fail "http://$balancer/install/whoami cannot be fetched"
  password=$(sed -n 's/^user = ".*:\\(.*\\)"$/\\1/p' ${pending} 2> /dev/null || :)
  [ -n "$password" ] || password=$(head -c 32 /dev/urandom | sha256sum | cut -c 1-64)
  salt=$(head -c 16 /dev/urandom | sha256sum | cut -c 1-16)
  sum=$(printf '%s%s' "$password" "$salt" | sha1sum | cut -c 1-40)
  mkdir -p /etc/kraken/$cluster
  (
    umask 077
    mkdir -p ${folder}
    printf 'user = "vm-%s.own:%s"\\n' "$address" "$password" > ${folder}/.new
    printf 'login %s %s\\n' "$sum" "$salt" > "$tmp/applies"
  )
  mv -f ${folder}/.new ${pending}
  for each in $balancers; do
    ask -fsS -m 5 -o /dev/null -T "$tmp/applies" "http://$each/install/enrol" 2> /dev/null || say "note: $each did not take our name"
  done
  say "waiting to be let in"
  for _ in $(seq 1 60); do
    if let_in "$balancer"; then
      take_login
      return
    fi
    sleep 2
  done
  fail "nobody let this machine in" "has the token a use left, and does its worker run? krakenctl agent token list; once it lets in: curl -fsSL -K ${pending} http://$balancer/install | sh"
}
`;
}
