#!/bin/bash
# An image of a few bytes through this node's own proxy, there and back by digest, all bytes compared. The same for every peer.
set -euo pipefail
proxy=http://127.0.0.1:8083
base=$proxy/v2/bench/canary
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
sum() { echo "sha256:$(sha256sum "$1" | cut -d' ' -f1)"; }
upload() {
  local place
  place=$(curl -fsS -m 10 -o /dev/null -D - -d '' "$base/blobs/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
  case $place in /*) place=$proxy$place ;; esac
  case $place in *\?*) place="$place&" ;; *) place="$place?" ;; esac
  curl -fsS -m 10 -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$1" "${place}digest=$(sum "$1")"
}
described() { printf '{"mediaType":"%s","size":%s,"digest":"%s"}' "$1" "$(stat -c %s "$2")" "$(sum "$2")"; }

head -c 600 /dev/urandom >layer
printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["%s"]}}' "$(sum layer)" >config
type=application/vnd.docker.distribution.manifest.v2+json
printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]}' "$type" \
  "$(described application/vnd.docker.container.image.v1+json config)" \
  "$(described application/vnd.docker.image.rootfs.diff.tar.gzip layer)" >manifest
upload layer
upload config
curl -fsS -m 10 -o /dev/null -X PUT -H "Content-Type: $type" --data-binary @manifest "$base/manifests/1"
curl -fsS -m 10 -H "Accept: $type" "$base/manifests/$(sum manifest)" | cmp - manifest
for blob in layer config; do curl -fsS -m 10 "$base/blobs/$(sum $blob)" | cmp - "$blob"; done
