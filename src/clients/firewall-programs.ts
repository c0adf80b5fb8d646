/**
 * What runs on a host for the rules of its firewall. Constant texts, values on stdin; each takes the host's own lock, so that the timer that takes
 * rules back and whoever keeps them never work at once.
 *
 * On the host: `rules.nft` holds, `trial.nft` is tried. The rename of the second onto the first is the moment in which rules are kept: whatever ends
 * before it is taken back, whatever comes after it changes nothing.
 */

/** From `$c`, the cluster. No cluster has `_` in its name, so that no unit of one is a timer of another. */
const places = `LC_ALL=C; export LC_ALL; PATH=/usr/local/sbin:/usr/sbin:/sbin:$PATH; export PATH; umask 022
d=/etc/kraken/$c/firewall; kept=$d/rules.nft; trial=$d/trial.nft; note=$d/reverted; back=$d/take-back
table=krakenctl_$(printf %s "$c" | tr - _); unit=krakenctl-firewall-$c.service; unitfile=/etc/systemd/system/$unit
timer=krakenctl-firewall-\${c}_revert; until=/run/krakenctl/firewall-$c.until
sum() { [ -f "$1" ] && h=$(sha256sum < "$1") && echo "\${h%% *}"; }
listing() { nft -s list table inet "$table" 2> /dev/null; }
# What nft itself makes of a file, in a network of its own: equal texts are equal rules, to the letter.
meant() { unshare -n sh -c 'nft -f "$1" && nft -s list table inet "$2"' sh "$1" "$table" 2> /dev/null; }
is_loaded() { [ -f "$1" ] && m=$(meant "$1") && [ -n "$m" ] && [ "$m" = "$(listing)" ]; }
timers() { systemctl list-units --plain --no-legend "\${timer}_*.timer" 2> /dev/null | awk '{ print $1 }'; }
disarm() { for t in $(timers); do [ "$t" = "$1" ] || systemctl stop "$t" 2> /dev/null || :; done; }
`;

/** A holder that is stuck must not keep a host shut: after its time the one who waits goes on. */
const lock = `mkdir -p /run/krakenctl; exec 8>>"/run/krakenctl/firewall-$c.lock"; flock -w 10 8 || :
`;

/** $1: cluster. By the timer, or by us. Rules that were kept meanwhile stay. Where the earlier ones cannot be loaded, all is open. */
const takeBackProgram = `#!/bin/sh
# made by krakenctl: takes back rules that nobody kept
c=$1; ${places}${lock}[ -e "$trial" ] || exit 0
to=open; if [ -f "$kept" ] && nft -f "$kept"; then to=kept; else nft delete table inet "$table" 2> /dev/null; fi
if [ "$to" = open ] && nft list table inet "$table" > /dev/null 2>&1; then echo "the rules of $c could not be taken back" >&2; exit 1; fi
printf '%s %s %s\\n' "$(date +%s)" "$(sum "$trial")" "$to" > "$note"; rm -f "$trial" "$until"; sync "$d"
echo "rules of $c on trial were taken back: $to"
`;

const begin = `IFS= read -r c; ${places}`;

/** stdin: cluster. stdout: \`word value\`, a line each. */
export const observeProgram = `${begin}[ -d /run/systemd/system ] || echo missing systemd
for p in nft unshare flock systemctl systemd-run; do command -v $p > /dev/null || echo missing $p; done
for f in kept trial; do eval "p=\\$$f"; s=$(sum "$p") && echo $f $s; done
s=$(sum "$unitfile") && echo unit $s
systemctl is-enabled --quiet "$unit" 2> /dev/null && systemctl is-active --quiet "$unit" && echo enabled yes
[ -r "$note" ] && echo reverted $(cat "$note")
if [ -n "$(timers)" ]; then left=0; [ -r "$until" ] && left=$(($(cat "$until") - $(date +%s))); echo armed $left; fi
command -v nft > /dev/null || exit 0
why=$(nft list tables 2>&1 > /dev/null) || { echo error $why; exit 0; }
nft list table inet "$table" > /dev/null 2>&1 || exit 0
if is_loaded "$kept"; then echo loaded kept; elif is_loaded "$trial"; then echo loaded trial; else echo loaded other; fi
echo rules $(nft -j list table inet "$table" 2> /dev/null); :`;

const exitRefused = 65;
const exitUnarmed = 66;
export const firewallExits = {
  /** nft does not take the rules; stderr says why. */
  refused: exitRefused,
  /** systemd makes no timer that would take them back, so nothing was loaded. */
  unarmed: exitUnarmed,
} as const;

const underEffects = (effectLock: string) => `${effectLock}set -e; ${begin}${lock}`;

export interface FirewallPrograms {
  stage: string;
  tryOut: string;
  keep: string;
  takeBack: string;
  enable: string;
  remove: string;
}

/** @param effectLock see \`underEffectLock\` of the files. */
export function firewallPrograms(effectLock: string): FirewallPrograms {
  const start = underEffects(effectLock);
  return {
    /**
     * stdin: cluster, sum, then the rules. What an earlier trial left is taken back first, unless it is this very one and still under way. nft has
     * read the rules before they get their name.
     */
    stage: `${start}IFS= read -r s
if [ -e "$trial" ]; then if [ "$(sum "$trial")" = "$s" ] && { [ -n "$(timers)" ] || ! is_loaded "$trial"; }; then cat > /dev/null; echo same; exit 0; fi; exec 8>&-; sh "$back" "$c" > /dev/null < /dev/null; ${lock}fi
mkdir -p "$d"; t=$(mktemp "$d/.krakenctl.XXXXXXXX"); trap 'rm -f -- "$t"' EXIT; cat > "$t"; [ "$(sum "$t")" = "$s" ]
w=$(nft -c -f "$t" 2>&1) && [ -n "$(meant "$t")" ] || { echo "$w" >&2; exit ${exitRefused}; }
cat > "$back.next" <<'PROGRAM'
${takeBackProgram}PROGRAM
sync "$back.next"; mv -f -T "$back.next" "$back"; chmod 644 "$t"; sync "$t"; mv -f -T "$t" "$trial"; sync "$d"; echo written`,
    /**
     * stdin: cluster, sum, seconds. The timer runs before the rules are loaded, and a new one before an old one is stopped: there is no moment
     * in which rules are on trial that nobody would take back.
     */
    tryOut: `${start}IFS= read -r s; IFS= read -r seconds
if [ ! -e "$trial" ] && [ "$(sum "$kept")" = "$s" ] && is_loaded "$kept"; then echo kept; exit 0; fi
[ "$(sum "$trial")" = "$s" ] || { echo gone; exit 0; }
own="\${timer}_$(date +%s%N)"; systemd-run --quiet --collect --unit="$own" --on-active="$seconds" --timer-property=AccuracySec=100ms /bin/sh "$back" "$c" >&2 || exit ${exitUnarmed}
systemctl is-active --quiet "$own.timer"; echo $(($(date +%s) + seconds)) > "$until"; disarm "$own.timer"
nft -f "$trial"; is_loaded "$trial"; echo loaded`,
    /** stdin: cluster, sum. Sent over a login that was begun after the rules were loaded. */
    keep: `${start}IFS= read -r s
if [ ! -e "$trial" ]; then if [ "$(sum "$kept")" = "$s" ] && is_loaded "$kept"; then disarm; echo kept; elif [ -r "$note" ] && grep -q " $s " "$note"; then echo reverted; else echo gone; fi; exit 0; fi
[ "$(sum "$trial")" = "$s" ] || { echo gone; exit 0; }
is_loaded "$trial" || { echo unloaded; exit 0; }
mv -f -T "$trial" "$kept"; sync "$d"; rm -f "$note" "$until"; disarm; is_loaded "$kept"; echo kept-now`,
    /** stdin: cluster. At once, without waiting for the timer. */
    takeBack: `${start}[ -e "$trial" ] || { disarm; echo same; exit 0; }
exec 8>&-; sh "$back" "$c"; disarm; [ ! -e "$trial" ]; echo reverted`,
    /** stdin: cluster, sum, then the unit. Starting it loads the rules that are kept once more. */
    enable: `${start}IFS= read -r s; [ -f "$kept" ]
if [ "$(sum "$unitfile")" = "$s" ] && systemctl is-enabled --quiet "$unit" && systemctl is-active --quiet "$unit"; then cat > /dev/null; echo same; exit 0; fi
t=$(mktemp /etc/systemd/system/.krakenctl.XXXXXXXX); trap 'rm -f -- "$t"' EXIT; cat > "$t"; [ "$(sum "$t")" = "$s" ]
chmod 644 "$t"; sync "$t"; mv -f -T "$t" "$unitfile"; sync /etc/systemd/system; systemctl daemon-reload
systemctl enable --quiet "$unit" 2> /dev/null; systemctl start "$unit"; systemctl is-enabled --quiet "$unit"; systemctl is-active --quiet "$unit"; is_loaded "$kept"; echo written`,
    /** stdin: cluster. Works where nft is gone too. */
    remove: `${start}did=absent; there() { nft list table inet "$table" > /dev/null 2>&1; }
if [ -e "$unitfile" ]; then did=removed; systemctl disable --quiet --now "$unit" 2> /dev/null || :; rm -f "$unitfile"; sync /etc/systemd/system; systemctl daemon-reload; systemctl reset-failed "$unit" 2> /dev/null || :; fi
rm -f "$trial"; disarm; if there; then did=removed; nft delete table inet "$table"; fi
if [ -d "$d" ]; then did=removed; rm -rf -- "$d"; rmdir "/etc/kraken/$c" /etc/kraken 2> /dev/null || :; fi
rm -f "$until"; if there || [ -e "$d" ] || [ -e "$unitfile" ] || [ -n "$(timers)" ]; then echo "rules of $c are still there" >&2; exit 1; fi; echo "$did"`,
  };
}
