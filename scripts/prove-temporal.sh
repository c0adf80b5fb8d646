#!/usr/bin/env bash
# The production Temporal of docker-compose.temporal.yml on this machine, with two workers and the lab; ends what it started.
# Minutes where no registry answers: the images are then built (test/compose/images.sh). Needs docker-compose 1.29 or newer, Go, root.
# usage: prove-temporal.sh [--keep-images] [jest options]
set -euo pipefail
cd "$(dirname "$0")/.."
keep=false
if [ "${1:-}" = --keep-images ]; then keep=true && shift; fi
command -v docker-compose > /dev/null || { echo 'docker-compose is missing: apt-get install docker-compose' >&2; exit 1; }

# Images under official names that are not the official ones must not stay behind.
remove_images() {
  $keep && return
  # An image below another goes only after it.
  for _ in 1 2 3; do
    docker image ls -q --filter label=krakenctl-temporal-proof=1 | sort -u | xargs -r docker rmi -f > /dev/null 2>&1 || true
  done
}
trap remove_images EXIT

bash test/compose/images.sh build/temporal-proof
export DOCKER_BUILDKIT=0
# On the machine's network, as far as npm is concerned: a build has no other use of it.
docker build -q --force-rm --network host --label krakenctl-temporal-proof=1 -t krakenctl:temporal-proof . > /dev/null
docker image ls --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}' | grep -E '^(postgres|temporalio/[a-z-]*|node|krakenctl):' || true
npx jest -c test/compose/jest.config.js --runInBand --verbose "$@"
