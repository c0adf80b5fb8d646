#!/bin/bash
# The smoke test of every peer but krakenctl, which has its own canary: a tiny image through one load balancer, by digest through another.
set -euo pipefail
if [ "$1" = push ]; then
  tar -c -C / etc/hostname | docker import - 127.0.0.1:5000/bench/smoke:1 >/dev/null
  docker push 127.0.0.1:5000/bench/smoke:1 | sed -n 's/.*digest: \(sha256:[0-9a-f]*\).*/\1/p'
else
  docker pull -q "127.0.0.1:5000/bench/smoke@$2" >/dev/null
fi
