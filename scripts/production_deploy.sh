#!/bin/sh
# Kept for those who know the seed's scripts: this is `krakenctl deploy`.
exec "$(dirname "$(readlink -f "$0")")/../bin/krakenctl" deploy "$@"
