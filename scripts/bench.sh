#!/usr/bin/env bash
# Runs a bench that has Ansible for a peer, which is installed where it is missing: PROGRAM [its options]
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/prepare.sh >&2
if ! command -v ansible-playbook >/dev/null; then
  echo " ▸ installing ansible (apt)" >&2
  apt-get install -y -qq --no-install-recommends ansible >/dev/null
fi
# A peer of its own where Debian has it.
apt-get install -y -qq --no-install-recommends ansible-mitogen >/dev/null 2>&1 || true
exec node -r ./test/campaign/register.cjs "$@"
