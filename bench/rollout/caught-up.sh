#!/bin/bash
# Waits until this node has what the others took in while it was away, as the ring has it belong here. The same for every peer. $1: lines of
# taken-in.sh on the others, with commas between; $2: this node's address; $3: seconds that this takes at least, while the others take the node back.
set -euo pipefail
origin=http://127.0.0.1:8080 tags=http://127.0.0.1:8082
status() { curl -s -m 10 -o /dev/null -w '%{http_code}' "$@"; }
has() {
  case $1 in
    blob)
      local blob=$origin/internal/namespace/bench/blobs/sha256:$2
      [ "$(status -I "$blob?local=true")" = 200 ] && return
      curl -fsS -m 10 -o /dev/null -D - "$origin/blobs/sha256:$2/locations" | grep -qi "^origin-locations:.*$address:" || return 0
      status "$blob/metainfo" >/dev/null
      [ "$(status -I "$blob?local=true")" = 200 ]
      ;;
    tag) [ "$(status -X PUT "$tags/tags/${3//\//%2F}/digest/$2")" = 200 ] ;;
  esac
}
address=$2
ends_at=$((SECONDS + ${3:-0}))
while read -r kind what name; do
  [ -z "$kind" ] || until has "$kind" "$what" "$name"; do sleep 0.3; done
done < <(tr , '\n' <<<"$1" | sort -u)
[ "$ends_at" -le "$SECONDS" ] || sleep $((ends_at - SECONDS))
