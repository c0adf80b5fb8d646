#!/usr/bin/env bash
# Runs the e2e suite on real Kraken images of the local engine and writes what was seen to docs/evidence/.
# Usage: scripts/e2e-evidence.sh v0.1.27
set -uo pipefail
cd "$(dirname "$0")/.."
version=${1:?which version of the kraken-* images, for example v0.1.27}
out=docs/evidence/e2e-real-$version.md
bash scripts/prepare.sh || exit
# The suite ends an engine that it had to start, so the ids are asked before.
node -e "require('./dist/lab/engine').ensureEngine(() => undefined)" || exit
ids=$(for part in testfs origin tracker build-index proxy agent; do
  id=$(docker image inspect --format '{{.Id}}' "kraken-$part:$version") || exit
  echo "| kraken-$part:$version | $id |"
done) || exit
log=$(mktemp)
KRAKENCTL_TEST_LONG=1 KRAKENCTL_TEST_VMS=${KRAKENCTL_TEST_VMS:-12} KRAKEN_IMAGES=real KRAKEN_VERSION=$version npx --no-install jest --selectProjects e2e --runInBand --verbose >"$log" 2>&1
status=$?
{
  echo "# e2e on real Kraken $version"
  echo
  echo "Commit $(git rev-parse --short HEAD), $(date -u +%Y-%m-%d). Repeat: \`scripts/e2e-evidence.sh $version\` with the images in the local engine."
  echo "The observer that judges each end state imports nothing of src. jest exited $status."
  echo
  echo "| image | id |"
  echo "|---|---|"
  echo "$ids"
  echo
  echo '```'
  grep -E '^ +(✓|✕)|^(PASS|FAIL|Tests:|Test Suites:)|kraken-images|^  [a-z]' "$log" | sed 's/ ▸ lab: kraken-images/images:/'
  echo '```'
} >"$out"
tail -n 4 "$out"
[ $status -eq 0 ] || tail -n 60 "$log"
rm -f "$log"
exit $status
