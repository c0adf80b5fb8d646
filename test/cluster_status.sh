#!/bin/sh
# Kept for those who know the seed's scripts: this is `krakenctl status`.
exec "$(dirname "$(readlink -f "$0")")/../bin/krakenctl" status "$@"
