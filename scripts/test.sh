#!/usr/bin/env bash
# All tests, on a machine where nothing was installed before; can be run again.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/prepare.sh
exec node scripts/run-tests.mjs "$@"
