#!/bin/bash
# What every peer runs on the first node: forms the Redis Cluster with the wanted roles, or sees that it is formed. $1: the redis container,
# then the nodes' addresses in order.
set -euo pipefail
container=$1
shift
nodes=("$@")
count=${#nodes[@]}
cli() { docker exec "$container" redis-cli "$@"; }
whole() { cli -h "$1" -p "$2" cluster info | tr -d '\r' | grep -q '^cluster_state:ok'; }
linked() { for a in "${nodes[@]}"; do cli -h "$a" -p 6380 info replication | tr -d '\r' | grep -q '^master_link_status:up' || return 1; done; }

if [ "$(cli cluster info | tr -d '\r' | sed -n 's/^cluster_size://p')" = "$count" ] && whole "${nodes[0]}" 6379 && linked; then
  echo unchanged
  exit 0
fi
# Time spent in waiting, for those who want it apart.
waited=0
began() { start=$(date +%s%3N); }
ended() { waited=$((waited + $(date +%s%3N) - start)); }
began
until for a in "${nodes[@]}"; do cli -h "$a" -p 6379 ping >/dev/null && cli -h "$a" -p 6380 ping >/dev/null || exit 1; done; do sleep 0.1; done
ended
for a in "${nodes[@]}"; do
  for port in 6379 6380; do cli cluster meet "$a" "$port" >/dev/null; done
done
for i in "${!nodes[@]}"; do
  from=$((i * 16384 / count)) to=$(((i + 1) * 16384 / count - 1))
  cli -h "${nodes[$i]}" -p 6379 cluster addslotsrange "$from" "$to" >/dev/null
done
for i in "${!nodes[@]}"; do
  master=${nodes[$(((i + count - 1) % count))]}
  id=$(cli -h "$master" -p 6379 cluster myid | tr -d '\r')
  began
  until [ "$(cli -h "${nodes[$i]}" -p 6380 cluster replicate "$id" 2>&1 | tr -d '\r')" = OK ]; do sleep 0.1; done
  ended
done
began
until whole "${nodes[0]}" 6379 && linked; do sleep 0.1; done
ended
echo "redis $waited" >>/run/bench-waits
echo changed
