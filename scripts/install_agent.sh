#!/bin/sh
# Kept for those who know the seed's scripts; it must not look as if it had done something.
echo "$(basename "$0"): not built yet: agents; meanwhile Docker can pull through a load balancer that is in its insecure-registries, and docs/from-the-scripts.md says more" >&2; exit 2
