/**
 * What runs on a host while effects are sent to it (decisions 15; docs/decisions/0007). One program for each holder, on the very
 * SSH connection that carries the effects, as the user who has the effects' rights.
 *
 * stdin: cluster, realm (empty for the cluster's own), epoch, patience in seconds, a line each; then `beat` lines (a number: seconds of silence that are allowed), `done`
 * for a clean end. stdout: `PROVE` when the program wants a connection to the Engine's socket to be opened, `READY` when it holds.
 * It ends with one of {@link fenceExits} when it may not hold.
 */

export const fenceExits = {
  /** Somebody else holds the host, and goes on holding it. */
  busy: 75,
  /** A higher epoch was here; stderr has it. */
  stale: 76,
  /** No ancestor of this program is an sshd: it cannot be told whose connection this is. */
  noSession: 77,
  /** An older holder's session did not die. */
  undying: 78,
  /** It cannot be shown that the Engine is done with what a broken connection sent. */
  unproven: 79,
  /** What a broken connection sent is still being worked on by the Engine. */
  unsettled: 80,
} as const;

/** Time in which the worker opens its connection for the proof. */
const proofSeconds = 5;

/** Every effect's program holds this lock shared while it runs, so that a holder who follows a broken one can wait for it to end. */
export const effectLock = '/run/krakenctl/effects.lock';

const parameters = 'IFS= read -r cluster; IFS= read -r realm; IFS= read -r epoch; IFS= read -r patience';

const places =
  'run=/run/krakenctl; record="/var/lib/krakenctl/$cluster"; mark="$record/epoch${realm:+-$realm}"; own="$run/$cluster${realm:+.$realm}"; lock="$own.lock"; holder="$own.holder"; beat="$own.beat.$$"; umask 022; mkdir -p "$run" "$record"; boot=$(cat /proc/sys/kernel/random/boot_id)';

/** `Name:` and `PPid:` of /proc/PID/status are escaped by the kernel; a process cannot forge a line by its name. */
const processes = [
  `parent() { sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null; }`,
  // Field 22 of stat, counted behind the name, which may hold anything.
  'started() { s=$(cat "/proc/$1/stat" 2>/dev/null) || return 1; s=${s##*) }; set -- $s; echo "${20}"; }',
  `tree() { grep -s '^PPid:' /proc/[0-9]*/status | sed 's,^/proc/\\([0-9]*\\)/status:PPid:[[:space:]]*,\\1 ,' | awk -v root="$1" '{ up[$1] = $2 } END { in_tree[root] = 1; do { more = 0; for (p in up) if (!(p in in_tree) && (up[p] in in_tree)) { in_tree[p] = 1; more = 1 } } while (more); for (p in in_tree) print p }'; }`,
  `alive() { grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"; }`,
].join('\n');

/** The first ancestor that is an sshd; the parent alone would be sudo, or a login shell. */
const findSession = `session=$$
while :; do
  session=$(parent "$session"); [ "\${session:-0}" -gt 1 ] || exit ${fenceExits.noSession}
  case $(cat "/proc/$session/comm" 2>/dev/null) in sshd|sshd-session) break;; esac
done`;

/**
 * Stops, then kills the whole tree of a session: sshd alone is not enough, since what it has read already is in its children's hands.
 * Spares the tree of $2. Succeeds when all of them are gone.
 */
const endSession = `end_session() {
  doomed=""; kill -STOP "$1" 2>/dev/null
  for look in 1 2 3 4 5; do
    spared=" $(tree "$2" | tr '\\n' ' ')"; more=""
    for p in $(tree "$1"); do
      case "$spared" in *" $p "*) continue;; esac
      case " $doomed " in *" $p "*) continue;; esac
      kill -STOP "$p" 2>/dev/null; more="$more $p"
    done
    [ -n "$more" ] || break
    doomed="$doomed $more"
  done
  for p in $doomed; do kill -KILL "$p" 2>/dev/null; done
  for wait in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    left=""; for p in $doomed; do alive "$p" && left="$left $p"; done
    [ -n "$left" ] || return 0
    sleep 0.1
  done
  return 1
}`;

/** A lower epoch that holds is ended; an equal or a higher one is waited for, and then left alone. */
const takeLock = `seen=$(cat "$mark" 2>/dev/null || echo 0)
[ "$epoch" -ge "$seen" ] || { echo "$seen" >&2; exit ${fenceExits.stale}; }
exec 9>>"$lock"
turn=0
until flock -n 9; do
  if read -r old_session old_start old_boot old_epoch 2>/dev/null < "$holder" && [ "$old_epoch" -lt "$epoch" ] && [ "$old_boot" = "$boot" ] && [ "$old_session" != "$session" ] && [ "$(started "$old_session")" = "$old_start" ]; then
    end_session "$old_session" "$$" || exit ${fenceExits.undying}
  fi
  turn=$((turn + 1)); [ "$turn" -le 4 ] || exit ${fenceExits.busy}
  flock -w 1 9 && break
done
seen=$(cat "$mark" 2>/dev/null || echo 0)
[ "$epoch" -ge "$seen" ] || { echo "$seen" >&2; exit ${fenceExits.stale}; }
if [ "$epoch" -gt "$seen" ]; then printf '%s\\n' "$epoch" > "$mark.next"; sync "$mark.next"; mv -f "$mark.next" "$mark"; sync "$record"; fi`;

/**
 * Connections of the Engine's socket whose client is gone, by inode. Such a one may carry work; it may also be one that the Engine forgot to
 * close: the connection of every \`docker exec\` (seen on 20.10) stays until the Engine's garbage collector comes by, for up to two minutes.
 */
const orphans = `orphans() { ss -xHan src '*/docker.sock' 2>/dev/null | awk '$2 == "ESTAB" && $8 == 0 { print $6 }'; }`;

/** Longer than the Engine needs for any create, start, stop or remove; what a late pull or load brings does no harm. */
const orphanSeconds = 30;

/**
 * The one before did not say \`done\`: its programs may still run, and the Engine may still work on what it sent. A connection of the
 * Engine's socket without an owner is such work, unless it was there before that holder began, or for so long that no effect lasts so long;
 * one that waits to be accepted may be. An empty list counts only when a connection that is there was seen in it.
 */
const settle = `if [ -e "$holder" ] && [ "$(sed 's/^[^ ]* [^ ]* \\([^ ]*\\) .*/\\1/' "$holder")" = "$boot" ]; then
  exec 8>>${effectLock}; flock -w 3 8 || exit ${fenceExits.unsettled}; exec 8>&-
  command -v ss >/dev/null 2>&1 || exit ${fenceExits.unproven}
  # Not watched yet: whoever freezes before it answers must not hold the host for ever.
  ( sleep ${proofSeconds} 9>&-; kill -KILL $$ ) 9>&- < /dev/null > /dev/null 2>&1 & guard=$!
  echo PROVE; IFS= read -r opened || exit ${fenceExits.busy}
  kill -KILL "$guard"
  touch "$own.known" "$own.waited"
  verdict=""
  for look in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
    now=$(cut -d. -f1 /proc/uptime)
    orphans | awk -v now="$now" -v known="$own.known" -v waited="$own.waited" 'BEGIN { while ((getline line < known) > 0) old[line] = 1; while ((getline line < waited) > 0) { split(line, f, " "); since[f[1]] = f[2] } } !($1 in old) { print $1, ($1 in since) ? since[$1] : now }' > "$own.waited.next"
    mv -f "$own.waited.next" "$own.waited"
    working=$(awk -v now="$now" 'now - $2 < ${orphanSeconds} { n++ } END { print n + 0 }' "$own.waited")
    verdict=$(ss -xHan src '*/docker.sock' 2>/dev/null | awk -v working="$working" '$2 == "LISTEN" { waiting += $3 } $2 == "ESTAB" && $8 != 0 { owned++ } END { if (working || waiting) print "busy"; else if (!owned) print "unseen"; else print "settled" }')
    [ "$verdict" = settled ] && break
    sleep 0.1
  done
  case $verdict in settled) ;; busy) exit ${fenceExits.unsettled};; *) exit ${fenceExits.unproven};; esac
fi
rm -f "$own.waited"; orphans > "$own.known"
printf '%s %s %s %s\\n' "$session" "$(started "$session")" "$boot" "$epoch" > "$holder.$$"; mv -f "$holder.$$" "$holder"`;

/**
 * A holder from whom nothing was heard for its patience is frozen or cut off: its work was given to another by now or will be, and what
 * it has not sent yet must never arrive. The watch ends the whole session, and lets go of the lock last.
 */
const watch = `rm -f "$own.beat."*; : > "$beat"
(
  self=$(exec sh -c 'echo $PPID'); missed=0
  while sleep 1 9>&-; do
    if [ -s "$beat" ]; then read -r patience < "$beat"; : > "$beat"; missed=0; else missed=$((missed + 1)); [ "$missed" -lt "$patience" ] || break; fi
  done
  rm -f "$beat"; end_session "$session" "$self"
) < /dev/null > /dev/null 2>&1 &
watcher=$!
echo READY
while IFS= read -r line; do
  if [ "$line" = done ]; then rm -f "$holder"; break; fi
  echo "$line" > "$beat"
done
kill -KILL "$watcher"; rm -f "$beat"`;

export const holdProgram = [
  parameters,
  places,
  processes,
  endSession,
  findSession,
  takeLock,
  orphans,
  settle,
  watch,
].join('\n');
