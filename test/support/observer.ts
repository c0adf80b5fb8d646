import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tarOf } from './tar';

/**
 * The independent observer: what is on the lab's hosts, by the docker CLI, redis-cli, curl and sha256sum, and by nothing of
 * `src`. It judges every end state, so a fault of the product cannot hide in it. A host is named by its lab container.
 */
export interface ContainerFacts {
  id: string;
  name: string;
  /** As it was asked for. */
  image: string;
  imageId: string;
  /** Docker's State.Status. */
  state: string;
  labels: Record<string, string>;
  createdAt: string;
  startedAt: string;
  restartCount: number;
  exitCode: number;
  memoryBytes: number;
  nanoCpus: number;
  networkMode: string;
  restartPolicy: string;
}

export interface RedisNodeFacts {
  id: string;
  /** `address:port` */
  address: string;
  flags: string[];
  /** Empty for a master. */
  masterId: string;
  linkState: string;
  /** As Redis writes them, `0-5460`. */
  slots: string[];
}

export interface RedisFacts {
  /** `CLUSTER INFO` */
  cluster: Record<string, string>;
  /** `INFO replication`; `master_link_status` on a replica. */
  replication: Record<string, string>;
  /** The cluster as this instance sees it. */
  nodes: RedisNodeFacts[];
}

/** All containers of the host's engine, running or not, by name. */
export async function observeContainers(host: string): Promise<Record<string, ContainerFacts>> {
  const ids = lines(await onHost(host, ['docker', 'ps', '-aq', '--no-trunc']));
  if (ids.length === 0) return {};
  const inspected = JSON.parse(await onHost(host, ['docker', 'inspect', ...ids])) as Inspected[];
  const facts = inspected.map(toFacts).sort((a, b) => a.name.localeCompare(b.name));
  return Object.fromEntries(facts.map((it) => [it.name, it]));
}

/** Hex SHA-256 of every regular file below the folder, by path; none when the folder is missing. */
export async function observeFiles(host: string, folder = '/etc/kraken'): Promise<Record<string, string>> {
  const find = ['find', folder, '-type', 'f', '-exec', 'sha256sum', '{}', '+'];
  const found = await tryOnHost(host, find);
  if (found.code !== 0 && !/No such file/.test(found.stderr)) throw new Error(`${host}: ${found.stderr}`);
  const pairs = lines(found.stdout).map((line) => [line.slice(66), line.slice(0, 64)] as const);
  return Object.fromEntries(pairs.sort(([a], [b]) => a.localeCompare(b)));
}

/** Text of every file of the cluster's record on this host, by file name; none when there is no record. */
export async function observeRecord(host: string, cluster: string): Promise<Record<string, string>> {
  const folder = `/var/lib/krakenctl/${cluster}`;
  const paths = Object.keys(await observeFiles(host, folder));
  const texts = await Promise.all(
    paths.map(async (path) => [path.slice(folder.length + 1), await readText(host, path)]),
  );
  return Object.fromEntries(texts);
}

export function readText(host: string, path: string): Promise<string> {
  return onHost(host, ['cat', path]);
}

/** Changes a file as a person would, for what a plan should find. */
export async function appendText(host: string, path: string, text: string): Promise<void> {
  await onHost(host, ['tee', '-a', path], text);
}

/** An instance as it sees itself and its cluster, by redis-cli in its own container. */
export async function observeRedis(host: string, container: string, port: number): Promise<RedisFacts> {
  const cli = (...words: string[]) =>
    onHost(host, ['docker', 'exec', container, 'redis-cli', '-p', String(port), ...words]);
  const [cluster, replication, nodes] = await Promise.all([
    cli('cluster', 'info'),
    cli('info', 'replication'),
    cli('cluster', 'nodes'),
  ]);
  return { cluster: colonPairs(cluster), replication: colonPairs(replication), nodes: lines(nodes).map(toRedisNode) };
}

/** What the running instance says of one of its settings, as `CONFIG GET` does; with a value, after it was set by hand. */
export async function redisSetting(host: string, container: string, setting: string, value?: string): Promise<string> {
  const port = container.endsWith('-replica') ? '6380' : '6379';
  const cli = (...words: string[]) => onHost(host, ['docker', 'exec', container, 'redis-cli', '-p', port, ...words]);
  if (value !== undefined) await cli('config', 'set', setting, value);
  return lines(await cli('config', 'get', setting))[1] ?? '';
}

/** What the kernel holds a running container to: bytes of memory, and microseconds of CPU in each 100 ms, or `max`. */
export async function kernelLimits(host: string, container: string): Promise<{ memory: string; cpu: string }> {
  const look = async (...paths: string[]) => {
    const tried = await Promise.all(paths.map((path) => tryOnHost(host, ['docker', 'exec', container, 'cat', path])));
    return tried.find((t) => t.code === 0)?.stdout.trim() ?? '';
  };
  const memory = await look('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes');
  const cpu = await look('/sys/fs/cgroup/cpu.max', '/sys/fs/cgroup/cpu/cpu.cfs_quota_us');
  return { memory, cpu: cpu.split(' ')[0]!.replace('-1', 'max') };
}

/**
 * What the kernel lets a container's first process do: capabilities in effect, as a hexadecimal mask; whether it can never get more; how many
 * processes it may have; how its root is mounted.
 */
export async function kernelRights(
  host: string,
  container: string,
): Promise<Record<'effective' | 'noNew' | 'pids' | 'root', string>> {
  const pid = (await onHost(host, ['docker', 'inspect', '--format', '{{.State.Pid}}', container])).trim();
  const [status, groups, mounts] = await Promise.all(
    ['status', 'cgroup', 'mounts'].map((name) => onHost(host, ['cat', `/proc/${pid}/${name}`])),
  );
  const line = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status!)?.[1] ?? '';
  const [, group = ''] = /^(?:\d+:pids|0:):(.*)$/m.exec(groups!) ?? [];
  const limit = `cat /sys/fs/cgroup/pids${group}/pids.max 2> /dev/null || cat /sys/fs/cgroup${group}/pids.max`;
  const [, options = ''] = /^\S+ \/ \S+ (\S+)/m.exec(mounts!) ?? [];
  return {
    effective: line('CapEff'),
    noNew: line('NoNewPrivs'),
    pids: (await onHost(host, ['sh', '-c', limit])).trim(),
    root: options.split(',')[0]!,
  };
}

/** What the host itself gets from the URL. */
export async function httpText(host: string, url: string): Promise<string> {
  return (await onHost(host, ['curl', '-sf', '-m', '5', url])).trim();
}

/** Status that the URL has for the host itself; 0 when nothing answers within 5 s. */
export async function httpStatus(host: string, url: string): Promise<number> {
  const curl = ['curl', '-s', '-o', '/dev/null', '-m', '5', '-w', '%{http_code}', url];
  return Number.parseInt((await tryOnHost(host, curl)).stdout, 10) || 0;
}

/**
 * Makes an image of one file with this text on the host and pushes it, for example as `127.0.0.1:5000/probe/hello:1`.
 * Resolves with the digest that the registry gave it, `sha256:…`.
 */
export async function pushTiny(host: string, reference: string, text: string): Promise<string> {
  await onHost(host, ['docker', 'import', '-', reference], tarOf('probe', Buffer.from(text)));
  const output = await onHost(host, ['docker', 'push', reference]);
  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(output)?.[1];
  if (!digest) throw new Error(`${host}: no digest in the output of docker push: ${output}`);
  return digest;
}

/** Pulls what {@link pushTiny} pushed by its digest, after forgetting it, and resolves with the text that was in it. */
export async function pullTiny(host: string, repository: string, digest: string): Promise<string> {
  const reference = `${repository}@${digest}`;
  await forgetImages(host, repository);
  await onHost(host, ['docker', 'pull', '-q', reference]);
  const id = (await onHost(host, ['docker', 'create', reference, 'none'])).trim();
  const archive = await onHost(host, ['docker', 'cp', `${id}:/probe`, '-']);
  await onHost(host, ['docker', 'rm', id]);
  const size = Number.parseInt(archive.slice(124, 136), 8);
  return archive.slice(512, 512 + size);
}

/** Removes the repository's images from the host's engine, so that a pull has to fetch them. */
export async function forgetImages(host: string, repository: string): Promise<void> {
  const ids = lines(await onHost(host, ['docker', 'image', 'ls', '-q', '--no-trunc', repository]));
  if (ids.length > 0) await onHost(host, ['docker', 'rmi', '-f', ...new Set(ids)]);
}

/** Runs a program on the host; its standard output. @throws {Error} with what it said, unless it exits 0. */
export async function onHost(host: string, argv: string[], input?: string | Buffer): Promise<string> {
  const { code, stdout, stderr } = await tryOnHost(host, argv, input);
  if (code !== 0) throw new Error(`${host}: ${argv.slice(0, 8).join(' ')} exited ${code}: ${stderr.trim()}`);
  return stdout;
}

export async function tryOnHost(host: string, argv: string[], input?: string | Buffer): Promise<Ended> {
  const within = await enter(host);
  const exec = ['exec', ...(input === undefined ? [] : ['-i']), host];
  const [program, ...args] = within ? [...within, ...argv] : ['docker', ...exec, ...argv];
  return new Promise((resolve) => {
    const options = { timeout: 60_000, maxBuffer: 64 << 20 };
    const child = execFile(program!, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr: stderr || (error?.message ?? '') });
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

/** The first process of each host as it was found, with the time of its start: another life of the host has another. */
const firsts = new Map<string, { pid: string; startedAt: string }>();
const clean = ['env', '-i', 'HOME=/root', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'];

/**
 * Root goes into the namespaces of the host by itself: what `docker exec` does for it takes the Engine a hundred milliseconds of a core, and a wait looks
 * some hundred times. Undefined where that cannot be, or where the host does not run: `docker exec` says why.
 */
async function enter(host: string): Promise<string[] | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  let first = firsts.get(host);
  if (!first || startOf(first.pid) !== first.startedAt) {
    first = await firstProcess(host);
    if (!first) return undefined;
    firsts.set(host, first);
  }
  return ['nsenter', '--target', first.pid, '--all', '--', ...clean];
}

async function firstProcess(host: string): Promise<{ pid: string; startedAt: string } | undefined> {
  const argv = ['inspect', '--format', '{{.State.Status}} {{.State.Pid}}', host];
  const said = await new Promise<string>((resolve) => {
    execFile('docker', argv, { timeout: 60_000 }, (error, stdout) => resolve(error ? '' : stdout));
  });
  const [state, pid = ''] = said.trim().split(' ');
  const startedAt = state === 'running' ? startOf(pid) : undefined;
  return startedAt === undefined ? undefined : { pid, startedAt };
}

/** Field 22 of proc(5)'s stat; the second one is in parentheses and may hold anything. */
function startOf(pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

interface Inspected {
  Id: string;
  Name: string;
  Image: string;
  Created: string;
  RestartCount: number;
  State: { Status: string; StartedAt: string; ExitCode: number };
  Config: { Image: string; Labels: Record<string, string> | null };
  HostConfig: { Memory: number; NanoCpus: number; NetworkMode: string; RestartPolicy: { Name: string } };
}

function toFacts(it: Inspected): ContainerFacts {
  return {
    id: it.Id,
    name: it.Name.replace(/^\//, ''),
    image: it.Config.Image,
    imageId: it.Image,
    state: it.State.Status,
    labels: it.Config.Labels ?? {},
    createdAt: it.Created,
    startedAt: it.State.StartedAt,
    restartCount: it.RestartCount,
    exitCode: it.State.ExitCode,
    memoryBytes: it.HostConfig.Memory,
    nanoCpus: it.HostConfig.NanoCpus,
    networkMode: it.HostConfig.NetworkMode,
    restartPolicy: it.HostConfig.RestartPolicy.Name,
  };
}

/** `<id> <ip:port@bus[,host]> <flags> <master> <ping> <pong> <epoch> <link> <slot> …` */
function toRedisNode(line: string): RedisNodeFacts {
  const [id = '', address = '', flags = '', masterId = '', , , , linkState = '', ...slots] = line.split(' ');
  return {
    id,
    address: address.replace(/@.*/, ''),
    flags: flags.split(','),
    masterId: masterId === '-' ? '' : masterId,
    linkState,
    slots,
  };
}

function colonPairs(text: string): Record<string, string> {
  const pairs = text.split(/\r?\n/).map((line) => /^([^#:]+):(.*)$/.exec(line));
  return Object.fromEntries(pairs.filter((it) => it !== null).map(([, key, value]) => [key, value]));
}

function lines(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line !== '');
}
