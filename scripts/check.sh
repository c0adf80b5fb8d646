#!/usr/bin/env bash
# Lint, types, architecture, unit tests: under a minute, so that it is run often; of generated cases a fifth (test/support/slice.ts), `npm test` takes all.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh
if packages_are_stale; then install_packages || exit 1; fi

# Side by side, since most of them keep one core busy; told in this order.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
names=()
run() {
  local name=$1
  shift
  names+=("$name")
  {
    "$@" >"$folder/$name.out" 2>&1
    echo $? >"$folder/$name.code"
  } &
}
bin=node_modules/.bin
run lint $bin/biome check --error-on-warnings .
run types $bin/tsc --noEmit --incremental --tsBuildInfoFile node_modules/.cache/krakenctl-types.json
run architecture node scripts/architecture.mjs
run controls node scripts/controls.mjs --match
# Three at once, since some wait for programs that they start; young objects have room, so that they are looked through less often.
export KRAKENCTL_SLICE=5 NODE_OPTIONS=--max-semi-space-size=64
# What runs the install and pull programs of a VM, process by process, is left to `npm test`.
programs='test/cluster/render/agent/(unattended|enrolment|kraken-pull)\.test'
run 'unit tests' $bin/jest --selectProjects unit --silent --maxWorkers=3 --testPathIgnorePatterns "$programs"
wait
failed=0
for name in "${names[@]}"; do
  if [ "$(cat "$folder/$name.code" 2>/dev/null)" = 0 ]; then
    echo " ✔ $name"
  else
    failed=1
    echo " ✘ $name"
    tail -n 60 "$folder/$name.out"
  fi
done
exit $failed
