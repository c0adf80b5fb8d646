import { programs, pulling } from './kraken-pull-docker';
import { imageName } from './kraken-pull-image';
import { registries } from './kraken-pull-registries';
import { report } from './kraken-pull-report';
import { settings } from './kraken-pull-settings';

const start = `#!/bin/sh
# Pulls one image through this machine's Kraken agent, or through a load balancer when the agent cannot. Made by krakenctl.
set -uf
LC_ALL=C
export LC_ALL
umask 077

config=\${KRAKEN_PULL_CONFIG:-/etc/kraken/kraken-pull.conf}
started=$(date +%s)
json=no quiet=no fallback=yes
image='' reference='' digest='' id='' via='' warning=''
scratch='' child='' transport='' drop=no`;

const end = `say_done() {
  case $via in agent) through="the agent at $agent" ;; *) through="load balancer $load_balancer" ;; esac
  if [ "$json" = yes ]; then
    print_json true
  elif [ "$quiet" = no ]; then
    printf '%s\\n%s\\nthrough %s in %s s\\n' "$reference" "$digest" "$through" "$(($(date +%s) - started))"
  fi
}

exec 8>&1 9>&2
trap leave EXIT
trap 'stop 129' HUP
trap 'stop 130' INT
trap 'stop 143' TERM
read_arguments "$@"
read_settings
read_image
check_programs
if [ "$json$quiet" = nono ] && [ -t 1 ]; then exec 3>&1; else exec 3>/dev/null; fi
resolve
if [ "$agent_serves" = yes ] && pull_through "$agent"; then
  via=agent
else
  [ "$agent_serves" = no ] || agent_reason=$reason
  fall_back
  via=load-balancer
fi
name_it
say_done
`;

/**
 * /usr/local/bin/kraken-pull of every machine with an agent (docs/kraken-pull.md). POSIX sh, which each of them has; no value of its
 * settings lies in the text, so that one text is right for all machines.
 */
export const krakenPullScript = [start, report, settings, imageName, programs, registries, pulling, end].join('\n\n');
