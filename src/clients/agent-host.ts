import { createHash } from 'node:crypto';
import { pack } from 'tar-stream';
import { agentContainer } from '../cluster/agents/names';
import type { AgentFacts } from '../cluster/agents/observed';
import type { AgentRelease } from '../cluster/agents/release';
import {
  activateProgram,
  deactivateProgram,
  foreignExit,
  forgetProgram,
  installProgram,
  loginProgram,
  observeProgram,
  pullProgram,
  putBackProgram,
  restartProgram,
} from './agent-programs';
import { ForeignOwnerError, RemoteCommandError } from './errors';
import { asProgram } from './files';
import type { AgentHost, AgentQuery, PullReport } from './host';
import type { SshConnection } from './ssh';

/** An agent on a VM, by constant programs (`agent-programs.ts`). */

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
    async activate(cluster, { release, owner, before }) {
      const kept = before && (before.release ?? 'none');
      const input = `${cluster}\n${release}\n${owner}\n${kept ?? ''}\n`;
      return { changed: (await ofOurs(text(activateProgram, input, changeTimeoutMs))).startsWith('yes') };
    },
    async putBack(cluster, { release, owner, before }) {
      const input = `${cluster}\n${release}\n${owner}\n${before ?? ''}\n`;
      return { changed: (await ofOurs(text(putBackProgram, input, changeTimeoutMs))) === 'gone' };
    },
    async giveLogin(cluster, file) {
      const sum = file === undefined ? 'none' : createHash('sha256').update(file).digest('hex');
      const answer = await text(loginProgram, `${cluster}\n${sum}\n${file ?? ''}`, changeTimeoutMs);
      return { changed: answer === 'written' };
    },
    async deactivate(program, owner) {
      const answer = await ofOurs(text(deactivateProgram, `${owner}\n${program}`, changeTimeoutMs));
      return { changed: answer.endsWith('yes') };
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

function linesOf({ cluster, release, image, ports, ways }: AgentQuery): string {
  return `${cluster}\n${release}\n${image}\n${ports.join(' ')}\n${ways.join(' ')}\n`;
}

/** @throws {ForeignOwnerError} where the program found another krakenctl's agent */
async function ofOurs<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof RemoteCommandError) || error.exitCode !== foreignExit) throw error;
    const owner = error.stderrTail.trim();
    const text = `the agent of this VM belongs to another krakenctl (${owner})`;
    throw new ForeignOwnerError(text, error.host, { cause: error });
  }
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
