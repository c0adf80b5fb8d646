import { agentUnit, gatewayUnit, unitFolder } from '../../agents/names';
import type { ClusterSpec } from '../../spec';
import { hasGateway } from './gateway';
import { updateUnit } from './units';

/** Parts of the program that makes a release the one that runs, about its units. Whatever has systemd read all of its units anew is done for all of ours at once. */

/** What is new comes beside what is there; `stale`: sockets that have another text now. An attempt that was cut leaves a note of them: the next one sees the same texts. */
export const unitsLaid = `fresh=
stale=
laid=$base/laid
if [ -e "$laid" ]; then
  changed=yes
  for unit in $(cat "$laid"); do
    if [ -e "$here/systemd/$unit" ]; then stale="$stale $unit"; fi
  done
fi
for unit in "$here"/systemd/*; do
  target=${unitFolder}/\${unit##*/}
  if [ ! -e "$target" ]; then
    fresh="$fresh $unit"
  elif ! cmp -s "$unit" "$target"; then
    case $unit in *.socket) stale="$stale \${unit##*/}" ;; esac
    echo "$stale" > "$laid"
    cp "$unit" "$target.new"
    mv -f "$target.new" "$target"
    changed=yes
  fi
done
if [ -n "$fresh" ]; then
  echo "$stale" > "$laid"
  cp $fresh ${unitFolder}
  changed=yes
fi`;

export const relaysGone = `# Relays of load balancers that are no more. Sockets first: who asks in between would start what was just stopped, and that keeps the port.
for kind in socket service; do
  gone=
  for unit in ${unitFolder}/kraken-relay-*.$kind; do
    if [ -e "$unit" ] && [ ! -e "$here/systemd/\${unit##*/}" ]; then gone="$gone \${unit##*/}"; fi
  done
  [ -n "$gone" ] || continue
  systemctl disable --now --quiet $gone 2> /dev/null || :
  (cd ${unitFolder} && rm -f $gone)
  changed=yes
done
# One that was started anew when its socket was stopped has no file any more, and still holds its port.
if [ -n "$had" ]; then
  for unit in $(systemctl list-units --all --plain --no-legend --type=service 2> /dev/null | awk '$1 ~ /^kraken-relay-[0-9]+[.]service$/ { print $1 }'); do
    [ ! -e "$here/systemd/$unit" ] || continue
    systemctl stop "$unit"
    changed=yes
  done
fi`;

export function unitsStarted(spec: ClusterSpec): string {
  return `is_enabled() {
  for link in ${unitFolder}/*.target.wants/"$1"; do
    if [ -L "$link" ]; then return 0; fi
  done
  return 1
}
off=
started=
for unit in "$here"/systemd/*.socket "$here"/systemd/*.timer "$here"/systemd/${agentUnit}${hasGateway(spec) ? ` "$here"/systemd/${gatewayUnit}` : ''}; do
  [ -e "$unit" ] || continue
  unit=\${unit##*/}
  # Whom we log in to is told; the others look for themselves.
  if [ "$unit" = ${updateUnit}.timer ] && [ ! -e "$base/unattended" ]; then
    if is_enabled "$unit"; then systemctl disable --now --quiet "$unit" 2> /dev/null; changed=yes; fi
    continue
  fi
  is_enabled "$unit" || off="$off $unit"
  case $unit in *.service) ;; *) started="$started $unit" ;; esac
done
# Each of these has systemd read all of its units anew, so it is one for all of ours.
if [ -n "$off" ]; then
  systemctl enable --quiet $off
  changed=yes
elif [ "$changed" = yes ]; then
  systemctl daemon-reload
fi
if [ -n "$stale" ]; then
  systemctl stop $stale
  systemctl stop $(echo "$stale" | sed 's/[.]socket/.service/g')
fi
if [ "$changed" = yes ] || systemctl is-active $started 2> /dev/null | grep -qvx active; then
  systemctl start $started || { echo "relays do not start; who listens here: $(ss -Hltnp 2> /dev/null | awk '{ print $4, $6 }')" >&2; exit 69; }
  changed=yes
fi
rm -f "$laid"`;
}
