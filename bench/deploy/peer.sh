#!/bin/bash
# The bash peer: one multiplexed ssh connection a host, hosts side by side, and nothing done twice. $1: folder with hosts.txt
# (name, address), <name>/files.tar, <name>/files.sum and <name>/containers.sh; KEY and KNOWN in the environment.
set -euo pipefail
data=$1
here=$(dirname "$0")
control=$(mktemp -d)
options=(-i "$KEY" -o UserKnownHostsFile="$KNOWN" -o ControlMaster=auto -o ControlPath="$control/%h" -o ControlPersist=30 -o BatchMode=yes)
on() { ssh "${options[@]}" "root@$1" "${@:2}"; }

host() {
  local name=$1 address=$2
  if ! on "$address" 'cd / && sha256sum --quiet -c - 2>/dev/null' <"$data/$name/files.sum" >/dev/null; then
    on "$address" 'tar -x -C /' <"$data/$name/files.tar"
  fi
  on "$address" 'bash -s' <"$data/$name/containers.sh"
}
mapfile -t hosts <"$data/hosts.txt"
pids=()
for line in "${hosts[@]}"; do host $line & pids+=($!); done
for pid in "${pids[@]}"; do wait "$pid"; done
read -r first_name first <<<"${hosts[0]}"
read -r _ second <<<"${hosts[1]}"
addresses=$(cut -d' ' -f2 "$data/hosts.txt" | tr '\n' ' ')
on "$first" "bash -s kraken-bench-$first_name-redis $addresses" <"$here/redis-cluster.sh"
pids=()
for line in "${hosts[@]}"; do on "${line#* }" 'bash -s' <"$here/ready.sh" & pids+=($!); done
for pid in "${pids[@]}"; do wait "$pid"; done
digest=$(on "$first" 'bash -s push' <"$here/smoke.sh")
on "$second" "bash -s pull $digest" <"$here/smoke.sh"
for line in "${hosts[@]}"; do ssh "${options[@]}" -O exit "root@${line#* }" 2>/dev/null || true; done
rm -rf "$control"
