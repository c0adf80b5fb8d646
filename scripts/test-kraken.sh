#!/usr/bin/env bash
# The contract suite on the stand-in, or with --registry and --version on real images.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: npm run test:kraken -- [options]
  --registry R   take R/kraken-<part>:<version>; '' for images of the local engine
  --version V    default v0.1.27
  --only WORDS   rules whose title matches
  --plant FAULT  stand-in with a planted fault (the run should fail)
  --record       write docs/evidence/contract-<stand-in|real>.md and .json
TEXT
}

version=v0.1.27 registry='' real=false record=false only='' plant=''
while [ $# -gt 0 ]; do
  case "$1" in
    --registry) registry="${2?--registry needs a value}" real=true && shift 2 ;;
    --version) version="${2:?--version needs a value}" && shift 2 ;;
    --only) only="${2:?--only needs a value}" && shift 2 ;;
    --plant) plant="${2:?--plant needs a value}" && shift 2 ;;
    --record) record=true && shift ;;
    --help | -h) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
  esac
done

export KRAKEN_CONTRACT_VERSION="$version"
if $real; then export KRAKEN_CONTRACT_REGISTRY="$registry"; fi
if [ -n "$plant" ]; then export KRAKEN_CONTRACT_PLANT="$plant"; fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export KRAKEN_CONTRACT_USED="$scratch/images.json"
status=0
npx jest --selectProjects contract --testPathPatterns 'contract/kraken/kraken\.test' ${only:+--testNamePattern "$only"} \
  --verbose --json --outputFile "$scratch/result.json" >/dev/null || status=$?
if $record && [ -f "$KRAKEN_CONTRACT_USED" ]; then
  mkdir -p docs/evidence
  # The suite ends an engine that it had to start.
  node -e "require('./dist/lab/engine').ensureEngine(() => undefined)"
  node test/contract/kraken/report.mjs "$scratch/result.json" docs/evidence "$(cat "$KRAKEN_CONTRACT_USED")"
  node -e "require('./dist/lab/engine').stopOwnEngine()"
fi
exit "$status"
