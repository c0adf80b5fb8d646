#!/usr/bin/env bash
# Lint, types, architecture, unit tests: under a minute, so that it is run often.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh
if packages_are_stale; then install_packages || exit 1; fi

failed=0
run() {
  local name=$1
  shift
  local out
  if out=$("$@" 2>&1); then
    echo " ✔ $name"
  else
    failed=1
    echo " ✘ $name"
    printf '%s\n' "$out" | tail -n 60
  fi
}
run lint npx --no-install biome check --error-on-warnings .
run types npx --no-install tsc --noEmit
run architecture node scripts/architecture.mjs
run 'unit tests' npx --no-install jest --selectProjects unit --silent --maxWorkers=100%
exit $failed
