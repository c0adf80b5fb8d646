#!/usr/bin/env bash
# The production Temporal of docker-compose.temporal.yml on this machine, with two workers and the lab; ends what it started.
# Minutes where no registry answers: the images are then built (test/compose/images.sh). Needs docker-compose 1.29 or newer, Go, root.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v docker-compose > /dev/null || { echo 'docker-compose is missing: apt-get install docker-compose' >&2; exit 1; }
bash test/compose/images.sh build/temporal-proof
export DOCKER_BUILDKIT=0
# On the machine's network, as far as npm is concerned: a build has no other use of it.
docker build -q --force-rm --network host -t krakenctl:temporal-proof . > /dev/null
docker image ls --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}' | grep -E '^(postgres|temporalio/|node|krakenctl):' || true
exec npx jest -c test/compose/jest.config.js --runInBand --verbose "$@"
