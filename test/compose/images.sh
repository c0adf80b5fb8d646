#!/usr/bin/env bash
# Images under the official names, for a machine that no registry answers: Temporal's own programs built from its Go modules and
# PostgreSQL from Debian's packages, on the lab's Debian image. An image of such a name that is there already is used as it is.
# usage: images.sh FOLDER   (FOLDER keeps the programs; a second run builds nothing)
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/../.."
label=krakenctl-temporal-proof
server_version=1.32.1 ui_version=2.54.1 postgres_version=15.18
export DOCKER_BUILDKIT=0

have() { docker image inspect "$1" > /dev/null 2>&1; }
say() { echo " ▸ images: $*" >&2; }

programs() {
  mkdir -p "$folder/bin"
  if [ ! -x "$folder/bin/temporal-server" ]; then
    say "building Temporal $server_version (minutes)"
    GOBIN="$folder/bin" CGO_ENABLED=0 nice -n 15 go install \
      "go.temporal.io/server/cmd/server@v$server_version" "go.temporal.io/server/cmd/tools/sql@v$server_version"
    mv "$folder/bin/sql" "$folder/bin/temporal-sql-tool"
    mv "$folder/bin/server" "$folder/bin/temporal-server"
  fi
  if [ ! -x "$folder/bin/ui-server" ]; then
    say "building the Web UI's server $ui_version"
    GOBIN="$folder/bin" CGO_ENABLED=0 nice -n 15 go install "github.com/temporalio/ui-server/v2/cmd/server@v$ui_version"
    mv "$folder/bin/server" "$folder/bin/ui-server"
  fi
  if [ ! -x "$folder/bin/temporal" ]; then
    cp "$(node -e 'require("./dist/cli/temporal-server").temporalServerBinary().then(console.log)')" "$folder/bin/temporal"
  fi
}

# build NAME FILE… < Dockerfile without FROM: files are copied into the build's folder first.
build() {
  local name=$1 context
  shift
  context=$(mktemp -d "$folder/context.XXXXXX")
  [ $# -eq 0 ] || cp -rL "$@" "$context"
  { echo "FROM $base"; echo "LABEL $label=1"; cat; } > "$context/Dockerfile"
  say "$name"
  docker build -q --force-rm -t "$name" "$context" > /dev/null
  rm -rf "$context"
}

install='apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends'
module() { echo "$(go env GOMODCACHE)/$1"; }

node scripts/build.mjs
node -e 'require("./dist/lab/engine").ensureEngine(console.error).catch((error) => { console.error(error.message); process.exit(1); })'
base=$(node -e 'require("./dist/lab/base-image").ensureBaseImage(console.error).then(console.log)')

if ! have "postgres:$postgres_version"; then
  build "postgres:$postgres_version" test/compose/postgres-entrypoint.sh << DOCKERFILE
RUN $install postgresql && rm -rf /var/lib/apt/lists/* && pg_dropcluster 15 main
RUN /usr/lib/postgresql/15/bin/postgres --version | grep -qF '$postgres_version'
ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PGDATA=/var/lib/postgresql/data
RUN mkdir -p /var/lib/postgresql/data /var/run/postgresql && chown postgres: /var/lib/postgresql/data /var/run/postgresql
COPY postgres-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
DOCKERFILE
fi

if ! have "temporalio/server:$server_version" || ! have "temporalio/admin-tools:$server_version" || ! have "temporalio/ui:$ui_version"; then
  programs
fi
if ! have "temporalio/server:$server_version"; then
  build "temporalio/server:$server_version" "$folder/bin/temporal-server" << 'DOCKERFILE'
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends netcat-openbsd && rm -rf /var/lib/apt/lists/* \
  && groupadd -g 1000 temporal && useradd -u 1000 -g temporal -m temporal
COPY temporal-server /usr/local/bin/
WORKDIR /etc/temporal
USER temporal
DOCKERFILE
fi
if ! have "temporalio/admin-tools:$server_version"; then
  schema=$folder/schema
  rm -rf "$schema" && mkdir -p "$schema"
  cp -r "$(module go.temporal.io/server@v$server_version)/schema/." "$schema" && chmod -R u+w "$schema"
  build "temporalio/admin-tools:$server_version" "$folder/bin/temporal-sql-tool" "$folder/bin/temporal" "$schema" << 'DOCKERFILE'
RUN groupadd -g 1000 temporal && useradd -u 1000 -g temporal -m temporal
COPY temporal-sql-tool temporal /usr/local/bin/
COPY schema /etc/temporal/schema
USER temporal
DOCKERFILE
fi
if ! have "temporalio/ui:$ui_version"; then
  build "temporalio/ui:$ui_version" "$folder/bin/ui-server" "$(module github.com/temporalio/ui-server/v2@v$ui_version)/config/docker.yaml" << 'DOCKERFILE'
RUN groupadd -g 1000 temporal && useradd -u 1000 -g temporal -m temporal
WORKDIR /home/ui-server
COPY ui-server ./
COPY docker.yaml ./config/docker.yaml
USER temporal
ENTRYPOINT ["./ui-server", "--env", "docker", "start"]
DOCKERFILE
fi

# This machine's Node.js with its npm; and whom it trusts, since a registry's mirror may have a certificate of its own.
if ! have node:20-bookworm-slim; then
  cp "$(readlink -f "$(command -v node)")" "$folder/node"
  build node:20-bookworm-slim "$folder/node" "$(npm root -g)/npm" /etc/ssl/certs/ca-certificates.crt << 'DOCKERFILE'
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && groupadd -g 1000 node && useradd -u 1000 -g node -m node
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
DOCKERFILE
fi
