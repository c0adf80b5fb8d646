#!/bin/sh
# Kept for those who know the seed's scripts: this is `krakenctl test smoke`.
exec "$(dirname "$(readlink -f "$0")")/../bin/krakenctl" test smoke "$@"
