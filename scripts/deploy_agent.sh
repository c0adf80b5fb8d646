#!/bin/sh
# Kept for those who know the seed's scripts: this is `krakenctl agent deploy`.
exec "$(dirname "$(readlink -f "$0")")/../bin/krakenctl" agent deploy "$@"
