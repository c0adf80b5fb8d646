#!/usr/bin/env bash
# Plants one bug after the other in a copy and runs the suite that must catch it. `controls.sh unit workflows` runs only these suites' bugs.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/prepare.sh
exec node scripts/controls.mjs "$@"
