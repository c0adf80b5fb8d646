#!/usr/bin/env bash
# krakenctl against Ansible, a bash loop and the bare limit, on the same lab hosts in one run. [--runs N] [--images real|stand-in] [--record]
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/prepare.sh >&2
if ! command -v ansible-playbook >/dev/null; then
  echo " ▸ installing ansible (apt)" >&2
  apt-get install -y -qq --no-install-recommends ansible >/dev/null
fi
exec node bench/deploy/run.mjs "$@"
