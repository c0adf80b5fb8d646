import { pack } from 'tar-stream';
import type { PublishedInstall } from '../cluster/agents/install-source';
import { asProgram, underEffectLock } from './files';
import type { InstallSource } from './host';
import type { SshConnection } from './ssh';

/** On a load balancer: what VMs install their agents from, and what they say of themselves. */

/**
 * stdin: cluster, id, release, image, sum of the small files, a line each; then those files as tar. The image comes from this host's own engine. All
 * is laid aside, then a link is renamed: a VM that downloads meanwhile gets one or the other.
 */
const publishProgram = `${underEffectLock}set -e; LC_ALL=C; export LC_ALL
IFS= read -r cluster; IFS= read -r id; IFS= read -r release; IFS= read -r image; IFS= read -r sum
base=/var/lib/kraken/$cluster/nginx; d=$base/releases/$id; link=$base/install
small() { g=$(cd "$d" && cat install release.tar | sha256sum) && [ "\${g%% *}" = "$sum" ]; }
whole() { [ -f "$d/sums" ] && small && awk '{ print $1 "  " $2 }' "$d/sums" | (cd "$d" && sha256sum --quiet --check -) > /dev/null 2>&1; }
if [ "$(readlink "$link" 2> /dev/null)" = "releases/$id" ] && whole; then cat > /dev/null; echo same; exit 0; fi
if ! whole; then
  mkdir -p "$base/releases"; t=$(mktemp -d "$base/releases/.new.XXXXXXXX"); trap 'rm -rf -- "$t"' EXIT
  tar -xf - -C "$t" --no-same-owner; chmod 755 "$t"
  # Kraken's parts push on beside it: their databases wait for whatever the disk has to write, so that has to be little at a time.
  renice -n 19 $$ > /dev/null; ! command -v ionice > /dev/null || ionice -c 3 -p $$ || :
  { docker save "$image" && echo > "$t/.saved"; } | dd of="$t/image.tar" bs=4M iflag=fullblock oflag=dsync status=none
  rm "$t/.saved"; chmod 644 "$t/image.tar"
  docker image inspect --format 'image {{.Id}}
architecture {{.Architecture}}' "$image" > "$t/desired"; echo "release $release" >> "$t/desired"
  # Whoever has an older one waits until it was tried out.
  if [ -e "$link" ]; then echo 0; else echo 100; fi > "$t/wave"
  (cd "$t" && for f in desired image.tar release.tar; do g=$(sha256sum < "$f"); echo "\${g%% *} $f $(stat -c %s "$f")"; done > sums.new && mv sums.new sums)
  find "$t" -type f -exec sync {} +
  rm -rf -- "$d"; mv -T -- "$t" "$d"
else cat > /dev/null; fi
ln -sfn "releases/$id" "$link.new"; mv -f -T "$link.new" "$link"; sync "$base"
for old in "$base"/releases/*; do [ "$old" = "$d" ] || rm -rf -- "$old"; done
[ "$(readlink "$link")" = "releases/$id" ] && whole && echo written`;

/** stdin: cluster, percentage of the VMs that may take what is served. */
const waveProgram = `${underEffectLock}set -e; IFS= read -r cluster; IFS= read -r percent; f=/var/lib/kraken/$cluster/nginx/install/wave; if [ "$(cat "$f")" = "$percent" ]; then echo same; exit 0; fi; d=$(readlink -f "$(dirname "$f")"); echo "$percent" > "$d/wave.new"; chmod 644 "$d/wave.new"; sync "$d/wave.new"; mv -f "$d/wave.new" "$d/wave"; [ "$(cat "$f")" = "$percent" ] && echo written`;

/** stdin: cluster, mark, then an address a line. Those that are listed already get the newer mark; the longest list is ten thousand. */
const dismissProgram = `${underEffectLock}set -e; LC_ALL=C; export LC_ALL; IFS= read -r cluster; IFS= read -r mark
f=/var/lib/kraken/$cluster/nginx/dismissed; n=$(mktemp "$f.XXXXXXXX"); trap 'rm -f -- "$n" "$n.ours"' EXIT
while IFS= read -r address; do echo "$address $mark"; done > "$n.ours"
{ cat "$n.ours"; [ ! -e "$f" ] || awk 'NR == FNR { ours[$1]; next } !($1 in ours)' "$n.ours" "$f"; } | head -n 10000 > "$n"
if cmp -s "$n" "$f"; then echo same; exit 0; fi
chmod 644 "$n"; sync "$n"; mv -f -T -- "$n" "$f"; sync "$(dirname "$f")"; head -n "$(grep -c "" "$n.ours")" "$f" | cmp -s - "$n.ours" && echo written`;

/** stdin: cluster. stdout: id, then each name in the spool with its age in seconds and what it says, cut. */
const lookProgram = `LC_ALL=C; export LC_ALL; IFS= read -r cluster; base=/var/lib/kraken/$cluster/nginx
[ ! -f "$base/dismissed" ] || awk '{ print "dismissed " $1 " " $2 }' "$base/dismissed"
l=$(readlink "$base/install" 2> /dev/null || :); echo "published \${l#releases/}"
[ -d "$base/spool" ] || exit 0
cd "$base/spool"; n=0; now=$(date +%s)
for f in [0-9]*; do case $f in *[!0-9.]*) continue;; esac; [ -f "$f" ] && [ ! -L "$f" ] || continue; n=$((n + 1)); [ "$n" -le 10000 ] || break
  echo "vm $f $((now - $(stat -c %Y "$f"))) $(head -c 1024 "$f" | tr -c 'A-Za-z0-9._\\n -' '?' | tr '\\n' ';')"
done; :`;

const publishTimeoutMs = 10 * 60_000;

export function createInstallSource(ssh: SshConnection, sudo: string): InstallSource {
  return {
    async publish(cluster, { id, release, image, sum, archive }) {
      const input = Buffer.concat([Buffer.from(`${cluster}\n${id}\n${release}\n${image}\n${sum}\n`), archive]);
      const { stdout } = await ssh.exec(asProgram(sudo, publishProgram), { input, timeoutMs: publishTimeoutMs });
      return { changed: stdout.toString().trim() === 'written' };
    },
    async openWave(cluster, percent) {
      const { stdout } = await ssh.exec(asProgram(sudo, waveProgram), { input: `${cluster}\n${percent}\n` });
      return { changed: stdout.toString().trim() === 'written' };
    },
    async dismiss(cluster, { addresses, mark }) {
      const input = [cluster, mark, ...addresses].map((line) => `${line}\n`).join('');
      const { stdout } = await ssh.exec(asProgram(sudo, dismissProgram), { input });
      return { changed: stdout.toString().trim() === 'written' };
    },
    async look(cluster) {
      const { stdout } = await ssh.exec(asProgram(sudo, lookProgram), { input: `${cluster}\n` });
      return parseLook(stdout.toString());
    },
  };
}

/** What VMs say is not to be trusted: only known words, cut, count. */
function parseLook(text: string): PublishedInstall {
  const lines = text.split('\n');
  const published = lines.flatMap((line) => /^published (\S+)$/.exec(line)?.[1] ?? [])[0];
  const dismissed = new Set(lines.flatMap((line) => /^dismissed (\S+) \d+$/.exec(line)?.[1] ?? []));
  const enrolled = lines.flatMap((line) => {
    const [, address, age, said = ''] = /^vm (\d+\.\d+\.\d+\.\d+) (-?\d+) (.*)$/.exec(line) ?? [];
    if (!address) return [];
    const word = (name: string) => new RegExp(`(?:^|;)${name} ([\\w.-]{1,64})(?:;|$)`).exec(said)?.[1];
    const vm = { address, ageSeconds: Number(age), host: word('host'), release: word('release') };
    return [dismissed.has(address) ? { ...vm, leaving: true } : vm];
  });
  return { published, enrolled };
}

/** The same files give the same bytes. */
export async function installArchive(script: string, release: Buffer): Promise<Buffer> {
  const archive = pack();
  const chunks: Buffer[] = [];
  const read = (async () => {
    for await (const chunk of archive) chunks.push(chunk as Buffer);
  })();
  const mtime = new Date(0);
  archive.entry({ name: 'install', mode: 0o644, mtime }, script);
  archive.entry({ name: 'release.tar', mode: 0o644, mtime }, release);
  archive.finalize();
  await read;
  return Buffer.concat(chunks);
}
