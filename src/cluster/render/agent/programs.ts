import {
  agentBase,
  agentContainer,
  agentFolder,
  agentLog,
  agentUnit,
  loginFolder,
  pendingFile,
  pullProgram,
  unitFolder,
} from '../../agents/names';
import { linkClasses, sizeClasses } from '../../agents/p2p';
import { pidsLimit } from '../../component';
import { labels, mountedConfigFolder } from '../../names';
import type { ClusterSpec } from '../../spec';
import { notice } from '../notice';
import { balancerAddresses } from './balancer-addresses';
import { gatewayActivation, hasGateway, imageAddresses } from './gateway';
import { relaysGone, unitsLaid, unitsStarted } from './unit-activation';

/** Programs of a release, in plain sh. Values stand in them as text that the spec's schema has kept to short alphabets. */

/** The word that Docker knows the image by: never a tag, which may be moved. */
export interface AgentImage {
  reference: string;
  digest: string;
  /** `reference@digest`, or the image's id where it came as an archive. */
  runnable: string;
}

/** Becomes `docker run`. Its own folder is the release, whose name is the fingerprint. */
export function runProgram(spec: ClusterSpec, image: AgentImage): string {
  const { name, agents, logs } = spec;
  const { ports, limit } = agents;
  const hosts = balancerAddresses(spec, spec.ports.lbProxy).map((address) =>
    address.slice(0, address.lastIndexOf(':')),
  );
  const cpus = limit.cpus > 0 ? ` --cpus ${limit.cpus}` : '';
  const privileged = Object.values(ports).some((port) => port < 1024) ? ' --cap-add NET_BIND_SERVICE' : '';
  return `#!/bin/sh
${notice}
set -eu
here=$(dirname "$(readlink -f "$0")")
base=${agentBase(name)}
name=${agentContainer(name)}

# Ours is removed by its label: what is left after a power cut would keep the name.
for id in $(docker ps -aq --no-trunc --filter "name=^/$name\\$" --filter label=${labels.cluster}=${name}); do
  docker rm -f -v "$id" > /dev/null
done

image=${image.runnable}
# Brought as an archive, the image has no digest of a registry: then its id stands in the folder of the release that it came with.
if [ -r "$here/image.id" ] && ! docker image inspect "$image" > /dev/null 2>&1; then image=$(cat "$here/image.id"); fi

# By which address of ours the cluster is reached, others reach us. PEER_IP in /etc/kraken/${name}/agent.env says otherwise.
peer=\${PEER_IP:-}
device=
for host in ${hosts.join(' ')}; do
  [ -z "$device" ] || break
  address=$(getent ahostsv4 "$host" | awk 'NR == 1 { print $1 }')
  route=$(ip -4 route get "\${address:-$host}" 2> /dev/null | head -n 1) || continue
  device=$(echo "$route" | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p')
  [ -n "$peer" ] || peer=$(echo "$route" | sed -n 's/.* src \\([0-9.]*\\).*/\\1/p')
done
[ -n "$peer" ] || { echo "no route to a load balancer: ${hosts.join(' ')}" >&2; exit 1; }

cores=$(nproc)
memory=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)
speed=$(cat "/sys/class/net/$device/speed" 2> /dev/null || echo -1)
${sizeClasses
  .toReversed()
  .map((c) => `if [ "$cores" -ge ${c.cores} ] && [ "$memory" -ge ${c.memoryMebibytes} ]; then size=${c.name}; fi`)
  .join('\n')}
link=${linkClasses.at(-1)!.name}
if [ "$speed" -gt 0 ]; then
${linkClasses
  .slice(0, -1)
  .toReversed()
  .map((c) => `  if [ "$speed" -le ${c.upToMbit} ]; then link=${c.name}; fi`)
  .join('\n')}
fi
printf '%s %s %s %s %s\\n' "$size-$link" "$cores" "$memory" "$speed" "$peer" > "$base/choice"

exec docker run --rm --pull never --name "$name" \\
  --label ${labels.cluster}=${name} --label ${labels.part}=agent --label "${labels.host}=$peer" \\
  --label "${labels.fingerprint}=$(basename "$here")" \\
  --network host --memory ${limit.memoryBytes} --memory-swap ${limit.memoryBytes}${cpus} \\
  --cap-drop ALL${privileged} --security-opt no-new-privileges --pids-limit ${pidsLimit} \\
  --log-driver json-file --log-opt max-size=${logs.maxSizeBytes} --log-opt max-file=${logs.maxFiles} \\
  --tmpfs /tmp -v "$here/config:${mountedConfigFolder}:ro" -v "$base/cache:/var/cache/kraken/kraken-agent" \\
  "$image" /usr/bin/kraken-agent "--config=${mountedConfigFolder}/$size-$link.yaml" \\
  --peer-ip "$peer" --peer-port ${ports.peer} --agent-server-port ${ports.server} --agent-registry-port ${ports.registry}
`;
}

/** systemd keeps the file open for appending, so it is copied and emptied, never renamed. */
export function rotateProgram({ logs }: ClusterSpec): string {
  return `#!/bin/sh
${notice}
set -eu
log=${agentLog}
[ "$(stat -c %s "$log" 2> /dev/null || echo 0)" -gt ${logs.maxSizeBytes} ] || exit 0
n=${logs.maxFiles}
while [ "$n" -gt 1 ]; do
  older=$n
  n=$((n - 1))
  if [ -e "$log.$n" ]; then mv -f "$log.$n" "$log.$older"; fi
done
cp "$log" "$log.1"
: > "$log"
`;
}

/** It was let in after its installation had given that up: the text that is served takes what it has shown. */
function lateEnrolment(spec: ClusterSpec): string {
  const pending = `${loginFolder(spec.name)}/${pendingFile}`;
  return `if [ -r ${pending} ]; then
  for balancer in ${balancerAddresses(spec, spec.ports.lbProxy).join(' ')}; do
    curl -fsS -m 30 -K ${pending} -o "$tmp/install" "http://$balancer/install" 2> /dev/null || continue
    sh "$tmp/install" --follow < /dev/null
    exit
  done
fi
`;
}

/** A VM that nobody logs in to runs what is served with `--follow`: what there is to decide, the newest text decides. */
export function updateProgram(spec: ClusterSpec): string {
  return `#!/bin/sh
${notice}
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
${spec.auth ? lateEnrolment(spec) : ''}# Newest first: one that was away serves what was wanted before.
for balancer in ${imageAddresses(spec).join(' ')}; do
  epoch=$(curl -fsS -m 10 "http://$balancer/install/epoch" 2> /dev/null | tr -dc 0-9 | head -c 16)
  echo "\${epoch:-0} $balancer"
done | sort -s -rn -k 1,1 > "$tmp/balancers"
while read -r _ balancer; do
  curl -fsS -m 30 -o "$tmp/install" "http://$balancer/install" 2> /dev/null || continue
  sh "$tmp/install" --follow < /dev/null
  exit
done < "$tmp/balancers"
echo "no load balancer answers" >&2
exit 1
`;
}

/** Of relays the sockets go first, and all of them before the agent: without it nobody would take their ports for ours. What has a VM go on by itself after a cut is the last. */
const unitPattern =
  'kraken-agent-log.* kraken-relay-*.socket kraken-relay-* kraken-agent.service kraken-agent-update.*';

/**
 * Makes the release that it lies in the one that runs, and ends when its container was seen running. Run again it changes nothing. The
 * link is renamed over the one before: there is no moment without a release.
 */
export function activateProgram(spec: ClusterSpec, image: AgentImage): string {
  const { name } = spec;
  const { server } = spec.agents.ports;
  return `#!/bin/sh
${notice}
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
release=\${here##*/}
base=${agentBase(name)}
current=${agentFolder(name)}
changed=no
had=
[ ! -e ${unitFolder}/${agentUnit} ] || had=yes

(cd "$here" && sha256sum --quiet --check sums) >&2 || { echo "the release $release is damaged" >&2; exit 65; }
other=$(sed -n 's/^X-Krakenctl-Cluster=//p' ${unitFolder}/${agentUnit} 2> /dev/null || :)
[ -z "$other" ] || [ "$other" = ${name} ] || { echo "this VM carries the agent of cluster $other" >&2; exit 66; }

mkdir -p "\${current%/*}" "$base/cache" "$(dirname ${agentLog})"
${unitsLaid}
if [ "$(readlink "$current" 2> /dev/null)" != "$here" ]; then
  # All of it is on disk before it is the one that runs: a power cut leaves the one before, or this one whole.
  sync -f "$here" ${unitFolder}
  ln -s "$here" "$current.$$"
  mv -f -T "$current.$$" "$current"
  sync "\${current%/*}"
  changed=yes
fi

${relaysGone}
if [ "$(readlink ${pullProgram} 2> /dev/null)" != "$current/kraken-pull" ]; then
  if [ -e ${pullProgram} ] && [ ! -L ${pullProgram} ]; then echo "${pullProgram} is there and not ours" >&2; exit 66; fi
  mkdir -p "$(dirname ${pullProgram})"
  ln -sfn "$current/kraken-pull" ${pullProgram}
  changed=yes
fi
ln -sfn "$current/kraken-pull.conf" /etc/kraken/kraken-pull.conf

${unitsStarted(spec)}
state() { docker inspect --format '{{.State.Running}} {{index .Config.Labels "${labels.fingerprint}"}} {{.Config.Image}}' "$1" 2> /dev/null || :; }
is_of_this() { case "$(state "$1") " in "true $release "*) ;; *) return 1 ;; esac; }
# A look at the sockets costs next to nothing, one at the Engine a tenth of a second of a core. That one may know of it a moment later.
comes_up() {
  for _ in $(seq 1 "$3"); do
    [ -z "$(ss -Hltn "sport = :$2" 2> /dev/null)" ] || break
    sleep 0.2
  done
  for _ in 1 2 3; do
    if is_of_this "$1"; then return 0; fi
    sleep 1
  done
  return 1
}
${hasGateway(spec) ? gatewayActivation(spec) : ''}
is_right() {
  seen=$(state ${agentContainer(name)})
  made=\${seen##* }
  case $seen in "true $release "*) ;; *) return 1 ;; esac
  [ "$made" = ${image.runnable} ] || [ "$made" = "$(cat "$here/image.id" 2> /dev/null)" ]
}
# One whose files were mended has read what they were before.
if [ -e "$base/repaired" ] || ! systemctl is-active --quiet ${agentUnit} || ! is_right; then
  systemctl restart ${agentUnit}
  rm -f "$base/repaired"
  changed=yes
  comes_up ${agentContainer(name)} ${server} 75 || {
    echo "the agent does not run; the end of ${agentLog}:" >&2
    tail -n 5 ${agentLog} >&2 2> /dev/null || :
    exit 69
  }
fi
echo "$changed $release"
`;
}

/** Takes the agent away; data too unless told to keep it. What others put here stays. */
export function deactivateProgram({ name, auth }: ClusterSpec, hadLogin = auth !== undefined): string {
  return `#!/bin/sh
${notice}
set -eu
current=${agentFolder(name)}
owner=$(sed -n 's/^X-Krakenctl-Cluster=//p' ${unitFolder}/${agentUnit} 2> /dev/null || :)
did=no
if [ -z "$owner" ] || [ "$owner" = ${name} ]; then
  for unit in ${unitPattern
    .split(' ')
    .map((pattern) => `${unitFolder}/${pattern}`)
    .join(' ')}; do
    [ -e "$unit" ] || continue
    systemctl disable --now --quiet "$(basename "$unit")" 2> /dev/null || :
    rm -f "$unit" ${unitFolder}/*.target.wants/"$(basename "$unit")"
    did=yes
  done
  # An older name may still be loaded as failed; a systemd that does not listen must not keep the rest from going.
  if [ "$did" = yes ]; then
    systemctl daemon-reload || :
    systemctl reset-failed 'kraken-agent*' 'kraken-relay-*' 2> /dev/null || :
  fi
  [ "$(readlink ${pullProgram} 2> /dev/null)" != "$current/kraken-pull" ] || rm -f ${pullProgram}
  [ "$(readlink /etc/kraken/kraken-pull.conf 2> /dev/null)" != "$current/kraken-pull.conf" ] || rm -f /etc/kraken/kraken-pull.conf
  rm -f ${agentLog} ${agentLog}.[0-9]*
fi
for id in $(docker ps -aq --no-trunc --filter label=${labels.cluster}=${name} --filter label=${labels.part}=agent); do
  docker rm -f -v "$id" > /dev/null
  did=yes
done
if [ -L "$current" ]; then rm -f "$current"; did=yes; fi
if [ -d ${agentBase(name)} ]; then rm -rf ${agentBase(name)}; did=yes; fi
${hadLogin ? `if [ -d ${loginFolder(name)} ]; then rm -rf ${loginFolder(name)}; did=yes; fi\n` : ''}for folder in /etc/kraken/${name} /etc/kraken /var/lib/kraken/${name} /var/lib/kraken /var/log/kraken; do rmdir "$folder" 2> /dev/null || :; done
echo "$did"
`;
}
