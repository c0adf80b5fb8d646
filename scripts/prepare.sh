#!/usr/bin/env bash
# Brings npm packages and the build to what the tree says; quick when nothing changed. Sourced or run by demo, test and check.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v node >/dev/null; then
  echo "krakenctl needs Node.js 20.12 or newer, and there is no node on PATH" >&2
  exit 2
fi
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 12) ? 0 : 1)'; then
  echo "krakenctl needs Node.js 20.12 or newer; this is $(node --version)" >&2
  exit 2
fi
. scripts/packages.sh
if packages_are_stale; then
  echo " ▸ npm packages (a minute the first time)"
  install_packages
fi
node scripts/build.mjs
