#!/bin/bash
# Leaves a node out of this host's load balancer (out), or takes it back (in), and waits until no request of before is under way. The same
# for every peer. $1: nginx's container, $2: its nginx.conf on the host, $3: out or in, $4: the node's address.
set -euo pipefail
container=$1 file=$2 what=$3 address=${4//./\\.}
workers() { docker top "$container" -eo pid,args | awk '/nginx: worker process/ && !/shutting down/ {print $1}' | sort; }
busy() { docker top "$container" -eo args | grep -q 'shutting down'; }

if [ "$what" = out ]; then
  cp -p "$file" "$file.whole"
  sed "s/\(server $address:[0-9]* [^;]*\);/\1 down;/" "$file" >"$file.new"
else
  mv "$file.whole" "$file.new"
fi
docker exec "$container" nginx -t -q -c "/etc/krakenctl/$(basename "$file").new"
mv "$file.new" "$file"
before=$(workers)
docker kill -s HUP "$container" >/dev/null
while [ "$(workers)" = "$before" ] || busy; do sleep 0.05; done
