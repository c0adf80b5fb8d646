import { createHash } from 'node:crypto';
import { pack } from 'tar-stream';
import { agentContainer } from '../cluster/agents/names';
import type { AgentFacts } from '../cluster/agents/observed';
import type { AgentRelease } from '../cluster/agents/release';
import { labels } from '../cluster/names';
import { RemoteCommandError } from './errors';
import { asProgram, underEffectLock } from './files';
import type { AgentHost, AgentQuery, PullReport } from './host';
import type { SshConnection } from './ssh';

/** An agent on a VM, by constant programs; values travel on stdin. */

/** stdin: cluster, release, image, ports, a line each. stdout: `word value`, a line each. */
const observeProgram = `LC_ALL=C; export LC_ALL
IFS= read -r cluster; IFS= read -r release; IFS= read -r image; IFS= read -r ports
base=/var/lib/kraken/$cluster/agent; current=/etc/kraken/$cluster/agent; unit=/etc/systemd/system/kraken-agent.service
[ -d /run/systemd/system ] || echo missing systemd
for p in docker ss ip awk tar sha256sum getent; do command -v $p > /dev/null || echo missing $p; done
for f in /etc/kraken/*/origin; do [ -d "$f" ] && { f=\${f%/origin}; echo node \${f##*/}; break; }; done
if [ -e "$unit" ]; then
  sed -n 's/^X-Krakenctl-Cluster=/cluster /p; s/^X-Krakenctl-Owner=/owner /p' "$unit"
  echo unit $(systemctl is-active kraken-agent.service 2> /dev/null); systemctl is-enabled --quiet kraken-agent.service 2> /dev/null && echo enabled yes
else echo unit absent; fi
[ -L "$current" ] && { c=$(readlink "$current"); echo current \${c##*/}; }
[ -d "$base/releases/$release" ] && (cd "$base/releases/$release" && sha256sum --quiet --check sums) > /dev/null 2>&1 && echo complete yes
[ -r "$base/choice" ] && echo choice $(cat "$base/choice")
l=/etc/kraken/$cluster/agent-login; [ -r "$l/login.conf" ] && { g=$(sha256sum < "$l/login.conf"); g=\${g%% *}; [ "$(cat "$l/in-force" 2> /dev/null)" = "$g" ] || g=unread; echo login $g; }
docker inspect --format '{{if .State.Running}}gateway {{index .Config.Labels "${labels.fingerprint}"}}{{end}}' "kraken-$cluster-gateway" 2> /dev/null
docker inspect --format '{{if eq (index .Config.Labels "${labels.cluster}") "'"$cluster"'"}}container {{index .Config.Labels "${labels.fingerprint}"}} {{.State.Status}} {{.State.StartedAt}} {{.Config.Image}}{{end}}' "kraken-$cluster-agent" 2> /dev/null
own=$(cat "$base/releases/$release/image.id" 2> /dev/null)
{ docker image inspect "$image" || { [ -n "$own" ] && docker image inspect "$own"; }; } > /dev/null 2>&1 && echo image yes
[ -z "$own" ] || echo own "$own"
if [ "$(docker inspect --format '{{.State.Running}}' "kraken-$cluster-agent" 2> /dev/null)" != true ]; then for p in $ports; do w=$(ss -Hltnp "sport = :$p" 2> /dev/null | sed -n '1s/.*users:(("\\([^"]*\\)".*/\\1/p;1q'); [ -z "$(ss -Hltn "sport = :$p" 2> /dev/null)" ] || echo taken $p \${w:-unknown}; done; fi
echo free $(df -PB1 /var/lib/docker 2> /dev/null | awk 'NR == 2 { print $4 }'); :`;

/**
 * stdin: cluster, release, sum of \`sums\`, a line each; then the release as tar. Written aside, checked by its sums, renamed. A release
 * that is there and damaged is put aside first, and what runs from it is to be started again.
 */
const installProgram = `${underEffectLock}set -e
IFS= read -r cluster; IFS= read -r release; IFS= read -r sum
base=/var/lib/kraken/$cluster/agent; d=$base/releases/$release
whole() { [ -f "$d/sums" ] && g=$(sha256sum < "$d/sums") && [ "\${g%% *}" = "$sum" ] && (cd "$d" && sha256sum --quiet --check sums) > /dev/null 2>&1; }
if whole; then cat > /dev/null; echo same; exit 0; fi
mkdir -p "$base/releases"; t=$(mktemp -d "$base/releases/.new.XXXXXXXX"); trap 'rm -rf -- "$t" "$base/releases/.old.$$"' EXIT
tar -xf - -C "$t" --no-same-owner --no-same-permissions -p; g=$(sha256sum < "$t/sums"); [ "\${g%% *}" = "$sum" ]; (cd "$t" && sha256sum --quiet --check sums)
chmod 755 "$t"; find "$t" -type f -exec sync {} +
if [ -e "$d" ]; then : > "$base/repaired"; mv -T -- "$d" "$base/releases/.old.$$"; fi
mv -T -- "$t" "$d"; sync "$base/releases"; whole; echo written`;

/** stdin: cluster, release. The id of an image beside all releases is an older krakenctl's; the release that was started from it is no more in force. */
const activateProgram = `${underEffectLock}IFS= read -r cluster; IFS= read -r release; base=/var/lib/kraken/$cluster/agent; rm -f "$base/unattended"; sh "$base/releases/$release/activate" || exit; rm -f "$base/image.id"`;

/**
 * stdin: cluster, sum of the credential's file or `none`, a line each; then the file. Its folder is mounted, so that a rename is seen; the gateway, where one
 * runs, is told to read it again, and `in-force` keeps the sum of what it was told of: where that was cut, it is told once more.
 */
const loginProgram = `${underEffectLock}set -e; LC_ALL=C; export LC_ALL; IFS= read -r cluster; IFS= read -r sum
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

/** stdin: the program. */
const deactivateProgram = `${underEffectLock}exec sh -s`;

const restartProgram = `${underEffectLock}set -e; IFS= read -r name; before=$(docker inspect --format '{{.Id}}' "$name" 2> /dev/null || :); systemctl restart kraken-agent.service; for _ in $(seq 1 150); do now=$(docker inspect --format '{{.State.Running}} {{.Id}}' "$name" 2> /dev/null || :); case $now in "true "*) [ "\${now#true }" = "$before" ] || { echo yes; exit 0; };; esac; sleep 0.1; done; tail -n 5 /var/log/kraken/agent.log >&2; exit 69`;

/** stdin: image. The answer is kraken-pull's JSON, whatever its exit code. */
const pullProgram = `IFS= read -r image; command -v kraken-pull > /dev/null || exit 127; kraken-pull --json "$image" || :`;

/** stdin: image. Untags it; what else names the image keeps it. */
const forgetProgram = 'IFS= read -r image; docker image rm "$image" > /dev/null 2>&1 || :';

/** An agent is given 10 s to end, and 15 s to begin. */
const changeTimeoutMs = 60_000;
const pullTimeoutMs = 25 * 60_000;

export function createAgentHost(ssh: SshConnection, sudo: string): AgentHost {
  const run = (program: string, input: string | Buffer, timeoutMs?: number) =>
    ssh.exec(asProgram(sudo, program), { input, timeoutMs });
  const text = async (program: string, input: string | Buffer, timeoutMs?: number) =>
    (await run(program, input, timeoutMs)).stdout.toString().trim();
  return {
    async observe(query) {
      return parseFacts(await text(observeProgram, linesOf(query)), query);
    },
    async install(cluster, release) {
      const header = Buffer.from(`${cluster}\n${release.id}\n${release.sumOfSums}\n`);
      const answer = await text(installProgram, Buffer.concat([header, release.archive]), changeTimeoutMs);
      return { changed: answer === 'written' };
    },
    async activate(cluster, release) {
      const answer = await text(activateProgram, `${cluster}\n${release}\n`, changeTimeoutMs);
      return { changed: answer.startsWith('yes') };
    },
    async giveLogin(cluster, file) {
      const sum = file === undefined ? 'none' : createHash('sha256').update(file).digest('hex');
      const answer = await text(loginProgram, `${cluster}\n${sum}\n${file ?? ''}`, changeTimeoutMs);
      return { changed: answer === 'written' };
    },
    async deactivate(program) {
      return { changed: (await text(deactivateProgram, program, changeTimeoutMs)).endsWith('yes') };
    },
    async restart(cluster) {
      await run(restartProgram, `${agentContainer(cluster)}\n`, changeTimeoutMs);
    },
    async pull(image) {
      return parsePull(ssh.host, image, await text(pullProgram, `${image}\n`, pullTimeoutMs));
    },
    async forget(image) {
      await run(forgetProgram, `${image}\n`);
    },
    async tail(lines) {
      return (await run('tail -n "$(cat)" /var/log/kraken/agent.log', `${lines}\n`)).stdout.toString();
    },
    async follow({ lines, signal, onLine }) {
      await followLog(ssh, asProgram(sudo, 'IFS= read -r n; exec tail -n "$n" -F /var/log/kraken/agent.log'), {
        lines,
        signal,
        onLine,
      });
    },
  };
}

function linesOf({ cluster, release, image, ports }: AgentQuery): string {
  return `${cluster}\n${release}\n${image}\n${ports.join(' ')}\n`;
}

/** Later lines of a word add to its earlier ones. */
function parseFacts(text: string, wanted: AgentQuery): AgentFacts {
  const words = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [word = '', ...rest] = line.split(' ');
    words.set(word, [...(words.get(word) ?? []), rest.join(' ').trim()]);
  }
  const first = (word: string) => words.get(word)?.[0] || undefined;
  const [release, state, startedAt, image = ''] = first('container')?.split(' ') ?? [];
  const isWanted = image === wanted.image || image === first('own');
  return {
    unit: first('unit') ?? 'unknown',
    enabled: first('enabled') === 'yes',
    cluster: first('cluster'),
    owner: first('owner'),
    current: first('current'),
    complete: first('complete') === 'yes',
    container: release && state ? { release, state, startedAt: startedAt ?? '', image, isWanted } : undefined,
    image: first('image') === 'yes',
    login: first('login'),
    gateway: first('gateway'),
    choice: parseChoice(first('choice')),
    nodeOf: first('node'),
    takenPorts: (words.get('taken') ?? []).map((entry) => {
      const [port, ...program] = entry.split(' ');
      return { port: Number(port), program: program.join(' ') };
    }),
    missing: words.get('missing') ?? [],
    freeBytes: Number(first('free') ?? 0),
  };
}

function parseChoice(text: string | undefined): AgentFacts['choice'] {
  const [className, cores, memory, speed, peer] = text?.split(' ') ?? [];
  if (!className || !peer) return undefined;
  const linkMbit = Number(speed) > 0 ? Number(speed) : undefined;
  return { className, cores: Number(cores), memoryMebibytes: Number(memory), linkMbit, peer };
}

function parsePull(host: string, image: string, text: string): PullReport {
  try {
    const report = JSON.parse(text) as PullReport;
    if (typeof report.ok === 'boolean') return report;
  } catch {
    // Told below, with what was said instead.
  }
  throw new RemoteCommandError(`${host}: kraken-pull ${image} said no JSON: ${text.slice(0, 200)}`, host, 1, text);
}

interface Following {
  lines: number;
  signal: AbortSignal;
  onLine: (line: string) => void;
}

async function followLog(ssh: SshConnection, program: string, { lines, signal, onLine }: Following): Promise<void> {
  const { ended } = await ssh.session(program, (channel) => ({
    ended: new Promise<void>((resolve) => {
      let rest = '';
      channel.on('data', (chunk: Buffer) => {
        const all = (rest + chunk.toString()).split('\n');
        rest = all.pop() ?? '';
        for (const line of all) onLine(line);
      });
      channel.on('close', () => resolve());
      channel.on('error', () => undefined);
      channel.write(`${lines}\n`);
      signal.addEventListener('abort', () => channel.close(), { once: true });
    }),
  }));
  await ended;
}

/** The same files give the same bytes. */
export async function releaseArchive(release: AgentRelease): Promise<Buffer> {
  const archive = pack();
  const chunks: Buffer[] = [];
  const read = (async () => {
    for await (const chunk of archive) chunks.push(chunk as Buffer);
  })();
  const mtime = new Date(0);
  for (const { path, mode, contents } of release.files) archive.entry({ name: path, mode, mtime }, contents);
  archive.entry({ name: 'sums', mode: 0o644, mtime }, release.sums);
  archive.finalize();
  await read;
  return Buffer.concat(chunks);
}
