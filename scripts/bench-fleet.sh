#!/usr/bin/env bash
# Agents on many VMs of the lab, krakenctl against Ansible, in one run. [--vms N] [--streams N] [--forks N] [--record]
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/prepare.sh >&2
if ! command -v ansible-playbook >/dev/null; then
  echo " ▸ installing ansible (apt)" >&2
  apt-get install -y -qq --no-install-recommends ansible >/dev/null
fi
exec node -r ./test/campaign/register.cjs bench/fleet/deploy.ts "$@"
