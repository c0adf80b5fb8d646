#!/bin/bash
# What this node's origin and build-index took in in the last minutes, a line each. $1: minutes.
set -euo pipefail
data=/var/lib/kraken/bench
find $data/origin/cache -type f -name data -mmin "-$1" -printf '%h\n' | sed 's,.*/,blob ,'
find $data/build-index/cache -type f -name data -mmin "-$1" -printf '%P\n' | while IFS= read -r file; do
  printf 'tag %s %s\n' "$(cat "$data/build-index/cache/$file")" "${file%/data}"
done
