import { agentBase, agentContainer, agentFolder } from '../../agents/names';
import type { AgentRelease } from '../../agents/release';
import type { ClusterSpec } from '../../spec';
import { balancerAddresses } from './balancer-addresses';
import { trustedFile, wayPorts } from './gateway';
import { withLogins } from './install-enrolment';
import { following, newest } from './install-following';
import { withTls } from './install-tls';

/**
 * What `curl http://LB:5000/install | sh` runs on a VM that we do not log in to. Everything is a function and the last line calls the
 * first, so that a download that is cut off runs nothing. It changes the VM only after all is there and checked, and puts back what
 * was there when the new agent does not get ready.
 */
export function installScript(spec: ClusterSpec, release: AgentRelease): string {
  const plain = plainScript(spec, release);
  const script = spec.auth ? withLogins(plain, spec) : plain;
  const trusted = release.files.find(({ path }) => path === `gateway/${trustedFile}`);
  return trusted ? withTls(script, spec, trusted.contents) : script;
}

function plainScript(spec: ClusterSpec, release: AgentRelease): string {
  const { name } = spec;
  const { registry, peer, server } = spec.agents.ports;
  return `#!/bin/sh
# Installs the Kraken agent of cluster ${name} on this machine, as a systemd unit that runs it in Docker.
#   curl -fsSL http://LOAD-BALANCER/install | sh                   install or update
#   curl -fsSL http://LOAD-BALANCER/install | sh -s -- --uninstall remove all of it
#   curl -fsSL http://LOAD-BALANCER/install | sh -s -- --check     say what would be done
# All it needs comes from the load balancer; settings of the Docker daemon stay as they are.
set -eu

cluster=${name}
balancers='${balancerAddresses(spec, spec.ports.lbProxy).join(' ')}'
release=${release.id}
reference=${release.image.reference}
base=${agentBase(name)}
current=${agentFolder(name)}
container=${agentContainer(name)}
ready=http://127.0.0.1:${server}/readiness

say() { printf '%s\\n' "$*"; }

fail() {
  printf 'install: %s\\n' "$1" >&2
  [ -z "\${2:-}" ] || printf '  -> %s\\n' "$2" >&2
  exit 1
}

main() {
  verb=install
  for word in "$@"; do
    case $word in
      --uninstall) verb=uninstall ;;
      --check) verb=check ;;
      --is-dismissed) verb=ask ;; # Of agents before --follow.
      --follow) verb=follow ;;
      --yes | -y) ;;
      *) fail "$word: expected --uninstall, --check or nothing" ;;
    esac
  done
  tmp=$(mktemp -d)
  touched=
  committed=
  brought=
  broken=
  trap leave EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  find_balancer
  if [ "$verb" = ask ]; then is_dismissed; exit; fi
  hand_over "$@"
  [ "$(id -u)" -eq 0 ] || become_root "$@"
  if [ "$verb" = follow ]; then follow; exit; fi
  look
  tell
  case $verb in
    check) say "nothing was changed" ;;
    uninstall) uninstall ;;
    install) install_agent ;;
  esac
}

# Whatever the reason: what was begun and not finished is undone.
leave() {
  code=$?
  trap - EXIT
  if [ -n "$touched" ] && [ -z "$committed" ]; then put_back; fi
  # Not tried again until another operation wants it.
  if [ -n "$broken" ] && [ -d "$base" ]; then echo "$release-$epoch" > "$base/failed"; fi
  if [ -n "$broken" ] || [ "$verb" = follow ]; then enrol; fi
  rm -rf "$tmp"
  exit "$code"
}

# All are asked: one that was away serves what was wanted before. 0: by a krakenctl that gave no number.
find_balancer() {
  for each in $balancers; do
    mark=$(curl -fsS -m 5 "http://$each/install/epoch" 2> /dev/null | tr -dc 0-9 | head -c 16)
    [ -n "$mark" ] || curl -fsS -m 5 -o "$tmp/sums" "http://$each/install/sums" 2> /dev/null || continue
    echo "\${mark:-0} $each"
  done | sort -s -rn -k 1,1 > "$tmp/served"
  epoch=$(awk 'NR == 1 { print $1 }' "$tmp/served")
  serving=$(awk -v epoch="$epoch" '$1 == epoch { print $2 }' "$tmp/served")
  for balancer in $serving; do
    if curl -fsS -m 5 -o "$tmp/sums" "http://$balancer/install/sums" 2> /dev/null; then return; fi
  done
  fail "no load balancer answers: $balancers" "curl http://\${balancers%% *}/health; then: krakenctl agent publish"
}

${newest}
# The mark of the newest krakenctl agent remove for this machine, under the address by which the load balancers know it. All are asked:
# one that was away then does not know.
dismissal() {
  for each in $balancers; do
    address=$(curl -fsS -m 5 "http://$each/install/whoami" 2> /dev/null) || continue
    echo "$address" > "$tmp/whoami-$each"
    curl -fsS -m 5 "http://$each/install/dismissed" 2> /dev/null | awk -v a="$address" '$1 == a { print $2 }'
  done | sort -n | tail -n 1
}

# Whoever installs again after it was dismissed stays: it has seen that mark.
is_dismissed() {
  mark=$(dismissal)
  seen=$(cat "$base/dismissed" 2> /dev/null || :)
  [ -n "$mark" ] && [ "$mark" -gt "\${seen:-0}" ]
}

${following}
# What came through the pipe cannot be read again, so it is fetched once more.
become_root() {
  command -v sudo > /dev/null || fail "this needs root, and there is no sudo" "run it as root"
  say "not root: going on with sudo"
  curl -fsS -m 30 -o "$tmp/install" "http://$balancer/install" || fail "http://$balancer/install cannot be fetched"
  sudo sh "$tmp/install" "$@"
  exit
}

look() {
  missing=
  for program in docker curl systemctl tar sha256sum ip ss awk getent flock; do
    command -v "$program" > /dev/null || missing="$missing $program"
  done
  [ -z "$missing" ] || fail "missing on this machine:$missing" "install them with the package manager"
  [ -d /run/systemd/system ] || fail "systemd does not run here"
  docker version --format '{{.Server.Version}}' > /dev/null 2>&1 || fail "the Docker engine does not answer" "systemctl start docker"
  mkdir -p /run/krakenctl
  exec 9> /run/krakenctl/install.lock
  flock -n 9 || fail "another installation runs on this machine" "wait for it"
  unit=/etc/systemd/system/kraken-agent.service
  other=$(sed -n 's/^X-Krakenctl-Cluster=//p' "$unit" 2> /dev/null || :)
  [ -z "$other" ] || [ "$other" = "$cluster" ] || fail "this machine carries the agent of cluster $other" "remove that one first"
  for folder in /etc/kraken/*/origin; do
    [ ! -d "$folder" ] || fail "this machine is a node of a cluster ($folder)" "an agent runs on machines that carry no part"
  done
  previous=$(readlink "$current" 2> /dev/null || :)
  if [ ! -e "$unit" ]; then
    for port in ${[registry, peer, server, ...wayPorts(spec)].join(' ')}; do
      [ -z "$(ss -Hltn "sport = :$port")" ] || fail "port $port is taken on this machine" "ss -ltnp 'sport = :$port' says by whom"
    done
  fi
}

tell() {
  if [ "$verb" = uninstall ]; then
    say "will remove the agent of cluster $cluster: its unit, its container, its image and its data"
    return
  fi
  say "agent of cluster $cluster, release $release, from http://$balancer"
  say "  image       $reference, about $(awk '$2 == "image.tar" { print int($3 / 1048576) }' "$tmp/sums") MB, into this machine's Docker"
  say "  files       $base, $current, /usr/local/bin/kraken-pull"
  say "  unit        kraken-agent: starts with the machine, comes back after a crash, takes what is served here from then on"
  say "  ports       ${registry} (registry, local Docker alone), ${peer} (peers), ${server} (agent)"
  say "  and nothing else: no setting of the Docker daemon is changed"
}

fetch() {
  curl -fsS -m 1800 --retry 2 -o "$tmp/$1" "http://$balancer/install/$1" || fail "http://$balancer/install/$1 cannot be fetched" "nothing was changed; run it again"
  wanted=$(awk -v name="$1" '$2 == name { print $1 }' "$tmp/sums")
  found=$(sha256sum < "$tmp/$1")
  [ "\${found%% *}" = "$wanted" ] || fail "$1 came damaged" "nothing was changed; run it again"
}

install_agent() {
  fetch desired
  image=$(sed -n 's/^image //p' "$tmp/desired")
  architecture=$(sed -n 's/^architecture //p' "$tmp/desired")
  here=$(docker version --format '{{.Server.Arch}}')
  [ "$here" = "$architecture" ] || fail "the image is for $architecture, this machine is $here"
  if [ "$(docker inspect --format '{{.State.Running}} {{index .Config.Labels "io.krakenctl.fingerprint"}}' "$container" 2> /dev/null)" = "true $release" ] &&
    curl -fsS -m 5 -o /dev/null "$ready" 2> /dev/null; then
    keep_epoch
    enrol
    say "nothing to change: release $release runs and is ready"
    return
  fi
  ! is_older || fail "what is served is older than what this machine has" "the newer is served by a load balancer that is away; or: krakenctl agent publish"
  fetch release.tar
  if ! docker image inspect "$image" > /dev/null 2>&1; then
    free=$(df -PB1 "$(docker info --format '{{.DockerRootDir}}')" | awk 'NR == 2 { print $4 }')
    need=$(awk '$2 == "image.tar" { print $3 * 2 }' "$tmp/sums")
    [ "$free" -gt "$need" ] || fail "not enough room for the image: $free bytes are free, $need are needed" "docker system prune"
    fetch image.tar
    say "loading the image"
    touched=yes
    brought=yes
    docker load -q -i "$tmp/image.tar" > /dev/null || fail "docker load failed" "nothing was changed"
    docker image inspect "$image" > /dev/null 2>&1 || fail "the archive does not hold $image"
    rm -f "$tmp/image.tar"
  fi
  touched=yes
  place
  say "starting"
  if ! sh "$base/releases/$release/activate" > /dev/null || ! become_ready; then
    broken=yes
    tail -n 5 /var/log/kraken/agent.log >&2 2> /dev/null || :
    fail "the new agent did not get ready; what was there before is put back" "its last words are above"
  fi
  committed=yes
  keep_epoch
  rm -f "$base/failed"
  prune
  enrol
  say "done: the agent runs and is ready. Pull through it: kraken-pull library/nginx"
}

place() {
  mkdir -p "$base/releases"
  fresh=$(mktemp -d "$base/releases/.new.XXXXXXXX")
  if ! tar -xf "$tmp/release.tar" -C "$fresh" --no-same-owner || ! (cd "$fresh" && sha256sum --quiet --check sums); then
    rm -rf "$fresh"
    fail "the release is damaged" "nothing was changed"
  fi
  chmod 755 "$fresh"
  printf '%s\\n' "$image" > "$fresh/image.id"
  attended=
  [ -e "$base/unattended" ] || attended=yes
  : > "$base/unattended"
  dismissal > "$base/dismissed"
  own=$base/releases/$release
  if [ ! -d "$own" ]; then
    mv -T "$fresh" "$own"
    return
  fi
  # It may be the one that runs: file by file, so that no power cut leaves this machine without it.
  (cd "$fresh" && find . -type f) | while IFS= read -r file; do
    mkdir -p "$own/\${file%/*}"
    mv -f "$fresh/$file" "$own/$file"
  done
  rm -rf "$fresh"
}

become_ready() {
  for _ in $(seq 1 60); do
    if curl -fsS -m 2 -o /dev/null "$ready" 2> /dev/null; then return 0; fi
    sleep 1
  done
  return 1
}

put_back() {
  [ -z "\${attended:-}" ] || rm -f "$base/unattended"
  if [ -n "$previous" ] && [ "$previous" != "$base/releases/$release" ]; then
    sh "$previous/activate" > /dev/null || :
    rm -rf "$base/releases/$release"
  elif [ -z "$previous" ]; then
    if [ -e "$base/releases/$release/deactivate" ]; then sh "$base/releases/$release/deactivate" > /dev/null || :; fi
    rm -rf "$base"
    for folder in "/var/lib/kraken/$cluster" /var/lib/kraken; do rmdir "$folder" 2> /dev/null || :; done
  fi
  if [ -n "$brought" ]; then docker image rm -f "$image" > /dev/null 2>&1 || :; fi
}

# The one before stays, to go back to. Releases of an older krakenctl start from the image whose id lies beside all of them.
prune() {
  if [ -z "$previous" ] || [ -e "$previous/image.id" ]; then rm -f "$base/image.id"; fi
  for folder in "$base"/releases/*; do
    [ "$folder" = "$base/releases/$release" ] || [ "$folder" = "$previous" ] || rm -rf "$folder"
  done
}

uninstall() {
  if [ ! -e "$current/deactivate" ]; then
    say "nothing to remove"
    return
  fi
  image=$(cat "$current/image.id" 2> /dev/null || cat "$base/image.id" 2> /dev/null || :)
  sh "$current/deactivate" > /dev/null
  if [ -n "$image" ]; then docker image rm -f "$image" > /dev/null 2>&1 || :; fi
  enrol
  say "removed"
}

# So that krakenctl knows how it is, who cannot look here; the agent serves without it.
enrol() {
  printf 'host %s\\nrelease %s\\nkernel %s\\n' "$(uname -n)" "$(runs)" "$(uname -r)" > "$tmp/enrol"
  for word in proven failed; do
    if [ -s "$base/$word" ]; then echo "$word $(cat "$base/$word")" >> "$tmp/enrol"; fi
  done
  for each in $balancers; do
    curl -fsS -m 5 -o /dev/null -T "$tmp/enrol" "http://$each/install/enrol" 2> /dev/null || say "note: $each did not take our name"
  done
}

main "$@"
`;
}
