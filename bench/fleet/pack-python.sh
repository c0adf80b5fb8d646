#!/bin/sh
# Installs python3 on a host and writes the paths of all that came with it to stdout, for those that shall have it without a package manager.
set -e
packages() { dpkg-query -W -f '${binary:Package}\n' | LC_ALL=C sort; }
packages >/tmp/before
apt-get update -qq >/dev/null
apt-get install -y -qq --no-install-recommends python3 >/dev/null 2>&1
packages >/tmp/after
LC_ALL=C comm -13 /tmp/before /tmp/after | xargs dpkg -L | sort -u | while read -r path; do
  if [ -h "$path" ] || [ -f "$path" ]; then echo "$path"; fi
done
