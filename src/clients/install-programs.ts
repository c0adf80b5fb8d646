import { underEffectLock } from './files';

/** Programs of a load balancer: what VMs install from, and what they say of themselves. Values travel on stdin. */

/**
 * stdin: cluster, id, release, image, sum of the small files, epoch, a line each; then those files as tar. The image comes from this host's own engine. All
 * is laid aside, then a link is renamed: a VM that downloads meanwhile gets one or the other.
 */
export const publishProgram = `${underEffectLock}set -e; LC_ALL=C; export LC_ALL
IFS= read -r cluster; IFS= read -r id; IFS= read -r release; IFS= read -r image; IFS= read -r sum; IFS= read -r epoch
base=/var/lib/kraken/$cluster/nginx; d=$base/releases/$id; link=$base/install
small() { g=$(cd "$d" && cat install release.tar | sha256sum) && [ "\${g%% *}" = "$sum" ]; }
# Hundreds of megabytes are summed once a day: whoever writes to them leaves another time or size, and a disk that forgets is found by the next day's. What
# is downloaded is summed by each VM again.
summed() {
  a="$(stat -c '%i %s %.9Y' "$1/image.tar" 2> /dev/null) $(awk '$2 == "image.tar" { print $1 }' "$1/sums")"
  [ -z "$(find "$base/archive" -mmin -1440 2> /dev/null)" ] || ! grep -qsxF -- "$a" "$base/archive" || return 0
  awk '$2 == "image.tar" { print $1 "  " $2 }' "$1/sums" | (cd "$1" && sha256sum --quiet --check -) > /dev/null 2>&1 || return 1
  { echo "$a" > "$base/archive"; } 2> /dev/null || :
}
whole() {
  [ -f "$d/sums" ] && small && summed "$d" &&
    awk '$2 != "image.tar" { print $1 "  " $2 }' "$d/sums" | (cd "$d" && sha256sum --quiet --check -) > /dev/null 2>&1
}
# What is served already has the archive of this very image, undamaged.
had() {
  [ "$(cat "$link/reference" 2> /dev/null)" = "$image" ] && [ "$(grep -v '^release ' "$link/desired")" = "$(cat "$t/desired")" ] && summed "$link"
}
put() { printf '%s' "$2" > "$d/.$1.new"; chmod 644 "$d/.$1.new"; sync "$d/.$1.new"; mv -f -T -- "$d/.$1.new" "$d/$1"; }
newline='
'
# Turns that an earlier operation gave, but for those of all, were given for its own gate.
if [ "$(readlink "$link" 2> /dev/null)" = "releases/$id" ] && whole; then
  cat > /dev/null
  if [ "$(cat "$d/epoch" 2> /dev/null)" != "$epoch" ]; then
    grep -qsx all "$d/turns" || { put turns "sentinel $newline"; put wave "0$newline"; }
    put epoch "$epoch$newline"; sync "$d"
  fi
  [ "$(cat "$d/epoch")" = "$epoch" ] && echo same; exit
fi
if ! whole; then
  mkdir -p "$base/releases"; t=$(mktemp -d "$base/releases/.new.XXXXXXXX"); trap 'rm -rf -- "$t"' EXIT
  tar -xf - -C "$t" --no-same-owner; chmod 755 "$t"
  docker image inspect --format 'image {{.Id}}
architecture {{.Architecture}}' "$image" > "$t/desired"
  # Kraken's parts push on beside it: their databases wait for whatever the disk has to write, so that has to be little at a time.
  renice -n 19 $$ > /dev/null; ! command -v ionice > /dev/null || ionice -c 3 -p $$ || :
  if had; then ln -- "$link/image.tar" "$t/image.tar"; grep ' image.tar ' "$link/sums" > "$t/sums.new"
  else
    { docker save "$image" && echo > "$t/.saved"; } | dd of="$t/image.tar" bs=4M iflag=fullblock oflag=dsync status=none
    rm "$t/.saved"; chmod 644 "$t/image.tar"
  fi
  echo "$image" > "$t/reference"; echo "release $release" >> "$t/desired"
  # Whoever has an older one waits until it was tried out.
  echo "sentinel " > "$t/turns"; echo 0 > "$t/wave"; echo "$epoch" > "$t/epoch"
  if [ ! -e "$link" ]; then echo all >> "$t/turns"; echo 100 > "$t/wave"; fi
  # What was summed when it came is not summed anew: what it has become since shows in that sum.
  (cd "$t" && for f in desired image.tar release.tar; do
    grep -qs " $f " sums.new || { g=$(sha256sum < "$f"); echo "\${g%% *} $f $(stat -c %s "$f")" >> sums.new; }
  done && mv sums.new sums)
  find "$t" -type f -exec sync {} +
  rm -rf -- "$d"; mv -T -- "$t" "$d"
else cat > /dev/null; fi
ln -sfn "releases/$id" "$link.new"; mv -f -T "$link.new" "$link"; sync "$base"
for old in "$base"/releases/*; do [ "$old" = "$d" ] || rm -rf -- "$old"; done
[ "$(readlink "$link")" = "releases/$id" ] && whole && echo written`;

/**
 * stdin: cluster, epoch, sentinel or nothing (the one before), a line each; then `all` or the addresses of VMs that may take what is served, beside those that may already.
 * Refused where another operation has published since, or this one has not.
 */
export const turnsProgram = `${underEffectLock}set -e; LC_ALL=C; export LC_ALL; IFS= read -r cluster; IFS= read -r epoch; IFS= read -r sentinel
d=$(readlink -f "/var/lib/kraken/$cluster/nginx/install"); cd "$d"
served=$(cat epoch 2> /dev/null || echo "$epoch"); [ "$served" = "$epoch" ] || { cat > /dev/null; echo "other $served"; exit 0; }
[ -n "$sentinel" ] || sentinel=$(sed -n 's/^sentinel //p' turns 2> /dev/null || :)
n=$(mktemp "$d/.turns.XXXXXXXX"); trap 'rm -f -- "$n" "$n.wave"' EXIT
{ cat; grep -sv '^sentinel ' turns || :; } | awk '$0 == "all" { all = 1 } !known[$0]++ { line[++count] = $0 }
  END { if (all) print "all"; else for (i = 1; i <= count; i++) print line[i] }' | sort > "$n.wave"; { echo "sentinel $sentinel"; cat "$n.wave"; } > "$n"
# For VMs whose agent is of a krakenctl that knew percentages alone.
if grep -qx all "$n"; then echo 100; else echo 0; fi > "$n.wave"
if cmp -s "$n" turns && cmp -s "$n.wave" wave; then echo same; exit 0; fi
chmod 644 "$n" "$n.wave"; sync "$n" "$n.wave"; g=$(sha256sum < "$n")
mv -f -T -- "$n" turns; mv -f -T -- "$n.wave" wave; sync "$d"
[ "$(sha256sum < turns)" = "$g" ] && echo written`;

/** stdin: cluster, mark, then an address a line. Those that are listed already get the newer mark; the longest list is ten thousand. */
export const dismissProgram = `${underEffectLock}set -e; LC_ALL=C; export LC_ALL; IFS= read -r cluster; IFS= read -r mark
f=/var/lib/kraken/$cluster/nginx/dismissed; n=$(mktemp "$f.XXXXXXXX"); trap 'rm -f -- "$n" "$n.ours"' EXIT
while IFS= read -r address; do echo "$address $mark"; done > "$n.ours"
{ cat "$n.ours"; [ ! -e "$f" ] || awk 'NR == FNR { ours[$1]; next } !($1 in ours)' "$n.ours" "$f"; } | head -n 10000 > "$n"
if cmp -s "$n" "$f"; then echo same; exit 0; fi
chmod 644 "$n"; sync "$n"; mv -f -T -- "$n" "$f"; sync "$(dirname "$f")"; head -n "$(grep -c "" "$n.ours")" "$f" | cmp -s - "$n.ours" && echo written`;

/**
 * stdin: cluster. stdout: `word value`, a line each, then each name in the spool with its age in seconds and what it says, cut. One program for all names:
 * there may be ten thousand.
 */
export const lookProgram = `LC_ALL=C; export LC_ALL; IFS= read -r cluster; base=/var/lib/kraken/$cluster/nginx
[ ! -f "$base/dismissed" ] || awk '{ print "dismissed " $1 " " $2 }' "$base/dismissed"
l=$(readlink "$base/install" 2> /dev/null || :); echo "published \${l#releases/}"
[ ! -f "$base/install/epoch" ] || echo "epoch $(head -c 20 "$base/install/epoch")"
! grep -qsx all "$base/install/turns" || echo "turns all"
[ -d "$base/spool" ] || exit 0
cd "$base/spool" || exit; now=$(date +%s)
find . -maxdepth 1 -type f -name '[0-9]*' ! -name '*[!0-9.]*' -printf '%f %Ts\\n' | head -n 10000 | awk -v now="$now" '{
  said = ""; file = "./" $1
  while (length(said) < 1024 && (getline line < file) > 0) said = said line ";"
  close(file); said = substr(said, 1, 1024); gsub(/[^A-Za-z0-9._; -]/, "?", said)
  print "vm " $1 " " (now - $2) " " said
}'`;

/** stdin: cluster, token. stdout: address, sum and salt of each VM that came with it; what does not look so is no answer. */
export const applicantsProgram = `LC_ALL=C; export LC_ALL; IFS= read -r cluster; IFS= read -r token
cd "/var/lib/kraken/$cluster/nginx/spool" 2> /dev/null || exit 0
case $token in ''|*[!0-9a-z]*) exit 0;; esac
for f in *."$token"; do [ -f "$f" ] || continue; echo "\${f%.*} $(sed -n 's/^login //p' "$f" | head -n 1 | head -c 200)"; done`;
