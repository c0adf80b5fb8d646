import type { ClusterSpec } from '../spec';
import { notice } from './notice';

/**
 * testfs makes a new folder `/tmp/kraken-testfs<chance>` with each start and forgets the one before: all blobs would be gone
 * after a restart. So /tmp is the mounted state folder, and this script turns the new folder into a link to one that stays.
 */
export function testfsScript(spec: ClusterSpec): string {
  return `#!/bin/sh
${notice}
kept=/tmp/files
mkdir -p "$kept"

# What was written before the link stood is hard-linked into the kept folder: a write still going on goes on there too.
keep() {
  cp -rln "$1/." "$kept/" && rm -rf "$1"
}

for old in /tmp/kraken-testfs* /tmp/early.*; do
  if [ -L "$old" ]; then rm "$old"; elif [ -d "$old" ]; then keep "$old"; fi
done

link() {
  round=0
  until set -- /tmp/kraken-testfs* && [ -d "$1" ]; do
    round=$((round + 1))
    if [ $round -gt 1500 ]; then
      echo "testfs made no folder /tmp/kraken-testfs*: its files will not outlive a restart" >&2
      return
    fi
    sleep 0.02
  done
  round=0
  until { rmdir "$1" 2>/dev/null || mv -T "$1" "/tmp/early.$round" 2>/dev/null; ln -sT "$kept" "$1" 2>/dev/null; }; do
    round=$((round + 1))
  done
  for early in /tmp/early.*; do
    if [ -d "$early" ]; then keep "$early"; fi
  done
}

link &
exec /usr/bin/kraken-testfs --port=${spec.ports.testfs}
`;
}
