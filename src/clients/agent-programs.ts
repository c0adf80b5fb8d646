import { labels } from '../cluster/names';
import { underEffectLock } from './files';

/** What runs on a VM for its agent; values travel on stdin. */

/**
 * stdin: cluster, release, image, ports of the agent, ports of its ways, a line each. stdout: `word value`, a line each. The Engine is asked once for both
 * containers, and not where no agent was ever brought. A port of the ways is ours where a socket of ours listens on it, or our gateway.
 */
export const observeProgram = `LC_ALL=C; export LC_ALL
IFS= read -r cluster; IFS= read -r release; IFS= read -r image; IFS= read -r ports; IFS= read -r ways
units=/etc/systemd/system; base=/var/lib/kraken/$cluster/agent; current=/etc/kraken/$cluster/agent; unit=$units/kraken-agent.service
[ -d /run/systemd/system ] || echo missing systemd
for p in docker ss ip awk tar sha256sum getent; do command -v $p > /dev/null || echo missing $p; done
for f in /etc/kraken/*/origin; do [ -d "$f" ] && { f=\${f%/origin}; echo node \${f##*/}; break; }; done
ours=; if [ -e "$unit" ]; then
  sed -n 's/^X-Krakenctl-Cluster=/cluster /p; s/^X-Krakenctl-Owner=/owner /p' "$unit"
  for f in $units/*.target.wants/kraken-agent.service; do [ -L "$f" ] && echo enabled yes; done
  sockets=; for f in $units/kraken-relay-*.socket; do [ -e "$f" ] && sockets="$sockets \${f##*/}"; done
  set -- $(systemctl is-active kraken-agent.service $sockets 2> /dev/null); echo unit $1
  for f in $sockets; do [ $# -eq 0 ] || shift; [ "\${1-}" = active ] && ours="$ours $units/$f"; done
  [ -z "$ours" ] || ours=$(sed -n 's/^ListenStream=.*://p' $ours)
else echo unit absent; fi
[ -L "$current" ] && { c=$(readlink "$current"); echo current \${c##*/}; }
[ -d "$base/releases/$release" ] && (cd "$base/releases/$release" && sha256sum --quiet --check sums) > /dev/null 2>&1 && echo complete yes
[ -r "$base/choice" ] && echo choice $(cat "$base/choice")
l=/etc/kraken/$cluster/agent-login; [ -r "$l/login.conf" ] && { g=$(sha256sum < "$l/login.conf"); g=\${g%% *}; [ "$(cat "$l/in-force" 2> /dev/null)" = "$g" ] || g=unread; echo login $g; }
here=; if [ -e "$unit" ] || [ -d "$base" ]; then
  here=$(docker inspect --format '{{if eq .Name "/kraken-'"$cluster"'-gateway"}}{{if .State.Running}}gateway {{index .Config.Labels "${labels.fingerprint}"}}{{end}}{{else if eq (index .Config.Labels "${labels.cluster}") "'"$cluster"'"}}container {{index .Config.Labels "${labels.fingerprint}"}} {{.State.Status}} {{.State.StartedAt}} {{.Config.Image}}{{end}}' "kraken-$cluster-agent" "kraken-$cluster-gateway" 2> /dev/null); echo "$here"
fi
own=; [ -r "$base/releases/$release/image.id" ] && own=$(cat "$base/releases/$release/image.id")
{ docker image inspect "$image" || { [ -n "$own" ] && docker image inspect "$own"; }; } > /dev/null 2>&1 && echo image yes
[ -z "$own" ] || echo own "$own"
case $here in *"container "*" running "*) ports=;; esac
case $here in *"gateway "*) nginx=nginx; ours="$ours $(sed -n 's/^ *listen 127.0.0.1:\\([0-9]*\\);/\\1/p' "$current/gateway/nginx.conf" 2> /dev/null)";; *) nginx=;; esac
ours=" $(echo $ours) "
for p in $(ss -Hltn 2> /dev/null | awk -v ports=" $ports $ways " '{ n = split($4, a, ":"); if (index(ports, " " a[n] " ") && !seen[a[n]]++) print a[n] }'); do
  h=; case " $ports " in *" $p "*) ;; *) h=way; case $ours in *" $p "*) continue;; esac;; esac
  w=$(ss -Hltnp "sport = :$p" 2> /dev/null | sed -n '1s/.*users:(("\\([^"]*\\)",pid=\\([0-9]*\\).*/\\2 \\1/p;1q'); n=\${w#* }
  # A gateway of another release, and a relay that outlived its unit's file: whoever takes its place stops it.
  [ "$h" = way ] && { [ -n "$nginx" ] && [ "$n" = nginx ] || grep -qs kraken-relay- "/proc/\${w%% *}/cgroup"; } && continue
  echo taken $p \${n:-unknown}
done
echo free $(df -PB1 /var/lib/docker 2> /dev/null | awk 'NR == 2 { print $4 }'); :`;

/** Another krakenctl's, which its unit names: nothing of it is touched. */
export const foreignExit = 67;
const refuseForeign = `o=$(sed -n 's/^X-Krakenctl-Owner=//p' /etc/systemd/system/kraken-agent.service 2> /dev/null || :); [ -z "$o" ] || [ "$o" = "$owner" ] || { printf %s "$o" >&2; exit ${foreignExit}; }; `;

/**
 * stdin: cluster, release, sum of \`sums\`, a line each; then the release as tar. Written aside, checked by its sums, renamed; it comes onto the disk before
 * it is made the one that runs. A release that is there and damaged may be that one: it is mended file by file, so that it is never away, and what runs
 * from it is to be started again.
 */
export const installProgram = `${underEffectLock}set -e
IFS= read -r cluster; IFS= read -r release; IFS= read -r sum
base=/var/lib/kraken/$cluster/agent; d=$base/releases/$release
whole() { [ -f "$d/sums" ] && g=$(sha256sum < "$d/sums") && [ "\${g%% *}" = "$sum" ] && (cd "$d" && sha256sum --quiet --check sums) > /dev/null 2>&1; }
if whole; then cat > /dev/null; echo same; exit 0; fi
mkdir -p "$base/releases"; t=$(mktemp -d "$base/releases/.new.XXXXXXXX"); trap 'rm -rf -- "$t"' EXIT
tar -xf - -C "$t" --no-same-owner --no-same-permissions -p; g=$(sha256sum < "$t/sums"); [ "\${g%% *}" = "$sum" ]; (cd "$t" && sha256sum --quiet --check sums)
chmod 755 "$t"
if [ -d "$d" ]; then
  find "$t" -type f -exec sync {} +; : > "$base/repaired"
  (cd "$t" && find . -type f) | while IFS= read -r f; do mkdir -p "$d/\${f%/*}"; mv -f -T -- "$t/$f" "$d/$f"; done
else mv -T -- "$t" "$d"; fi
whole; echo written`;

/**
 * stdin: cluster, release, owner, what is kept beside it, a line each: the release before it, \`none\`, or nothing where that is not known and all stay. The id
 * of an image beside all releases is an older krakenctl's; the release that was started from it is no more in force.
 */
export const activateProgram = `${underEffectLock}IFS= read -r cluster; IFS= read -r release; IFS= read -r owner; IFS= read -r before; base=/var/lib/kraken/$cluster/agent
${refuseForeign}rm -f "$base/unattended"; sh "$base/releases/$release/activate" || exit
case $before in "" | none | "$release") rm -f "$base/image.id";; *) [ ! -e "$base/releases/$before/image.id" ] || rm -f "$base/image.id";; esac
[ -n "$before" ] && [ "$before" != "$release" ] || exit 0
for d in "$base"/releases/* "$base"/releases/.new.* "$base"/releases/.old.*; do case \${d##*/} in "$release" | "$before") ;; *) rm -rf -- "$d";; esac; done`;

/**
 * stdin: cluster, release, owner, the release before it or nothing, a line each. Whatever was made the one that runs, the one before is; where there was none, no more is
 * done than the release is taken away.
 */
export const putBackProgram = `${underEffectLock}set -e; IFS= read -r cluster; IFS= read -r release; IFS= read -r owner; IFS= read -r before
base=/var/lib/kraken/$cluster/agent; d=$base/releases/$release
${refuseForeign}if [ -n "$before" ]; then sh "$base/releases/$before/activate" > /dev/null; fi
[ "$(readlink "/etc/kraken/$cluster/agent" 2> /dev/null || :)" != "$d" ] && [ -e "$d" ] || { echo same; exit 0; }
rm -rf -- "$d"; for f in "$base/releases" "$base" "/var/lib/kraken/$cluster" /var/lib/kraken; do rmdir "$f" 2> /dev/null || :; done
echo gone`;

/**
 * stdin: cluster, sum of the credential's file or `none`, a line each; then the file. Its folder is mounted, so that a rename is seen; the gateway, where one
 * runs, is told to read it again, and `in-force` keeps the sum of what it was told of: where that was cut, it is told once more.
 */
export const loginProgram = `${underEffectLock}set -e; LC_ALL=C; export LC_ALL; IFS= read -r cluster; IFS= read -r sum
d=/etc/kraken/$cluster/agent-login; f=$d/login.conf; has() { g=$(sha256sum < "$f" 2> /dev/null) && echo "\${g%% *} $(stat -c %a "$f")"; }
if [ "$sum" = none ]; then cat > /dev/null; if [ -e "$d" ]; then rm -rf -- "$d"; echo written; else echo same; fi; exit 0; fi
if [ "$(has || :)" = "$sum 600" ]; then cat > /dev/null; if [ "$(cat "$d/in-force" 2> /dev/null)" = "$sum" ]; then echo same; exit 0; fi
else
umask 077; (umask 022; mkdir -p "\${d%/*}"); mkdir -p "$d"; t=$(mktemp "$d/.new.XXXXXXXX"); trap 'rm -f -- "$t"' EXIT; cat > "$t"
g=$(sha256sum < "$t"); [ "\${g%% *}" = "$sum" ]; sync "$t"; mv -f -T -- "$t" "$f"; sync "$d"
fi
if [ "$(docker inspect --format '{{.State.Running}}' "kraken-$cluster-gateway" 2> /dev/null)" = true ]; then docker exec "kraken-$cluster-gateway" sh -c "kill -HUP 1"; fi
(umask 077; echo "$sum" > "$d/.in-force"); mv -f -T -- "$d/.in-force" "$d/in-force"
[ "$(has)" = "$sum 600" ] && echo written`;

/** stdin: owner, a line; then the program. */
export const deactivateProgram = `${underEffectLock}IFS= read -r owner; ${refuseForeign}exec sh -s`;

export const restartProgram = `${underEffectLock}set -e; IFS= read -r name; before=$(docker inspect --format '{{.Id}}' "$name" 2> /dev/null || :); systemctl restart kraken-agent.service; for _ in $(seq 1 30); do now=$(docker inspect --format '{{.State.Running}} {{.Id}}' "$name" 2> /dev/null || :); case $now in "true "*) [ "\${now#true }" = "$before" ] || { echo yes; exit 0; };; esac; sleep 0.5; done; tail -n 5 /var/log/kraken/agent.log >&2; exit 69`;

/** stdin: image. The answer is kraken-pull's JSON, whatever its exit code. */
export const pullProgram = `IFS= read -r image; command -v kraken-pull > /dev/null || exit 127; kraken-pull --json "$image" || :`;

/** stdin: image. Untags it; what else names the image keeps it. */
export const forgetProgram = 'IFS= read -r image; docker image rm "$image" > /dev/null 2>&1 || :';
