#!/usr/bin/env bash
# Runs a campaign or a bench without Ansible from a tree that may be new: PROGRAM [its options]
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/prepare.sh >&2
exec node -r ./test/campaign/register.cjs "$@"
