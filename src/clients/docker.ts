import { setTimeout as pause } from 'node:timers/promises';
import Docker from 'dockerode';
import { labels } from '../cluster/names';
import type { EngineClient } from './docker-client';
import { imageVerbs } from './docker-images';
import { cpuResources, limitsOf, limitVerbs, memoryResources } from './docker-limits';
import { logVerbs } from './docker-logs';
import { EngineError, ImageMissingError, NameTakenError, RegistryUnreachableError } from './errors';
import type { ContainerCreate, ContainerInfo, Engine } from './host';
import type { StreamAgent } from './stream-agent';

interface EngineReply extends Error {
  statusCode?: number;
  json?: { message?: string };
}

/** Docker Engine API over connections of the given agent. The version is the engine's own. */
export function createEngine(agent: StreamAgent, host: string): Engine {
  // Only the agent connects; host and port are never dialled.
  const docker = new Docker({ protocol: 'http', host: 'docker', port: 80, agent } as Docker.DockerOptions);
  const client: EngineClient = { docker, host, ask: (what, request) => named({ host, what }, request) };
  return { ...containerVerbs(client), ...limitVerbs(client), ...imageVerbs(client), ...logVerbs(client) };
}

async function named<T>({ host, what }: { host: string; what: string }, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw engineFailure(error as EngineReply, host, what);
  }
}

function engineFailure(error: EngineReply, host: string, what: string): Error {
  const status = error.statusCode;
  // Of an answer that is a stream dockerode gives no JSON; its words are behind the status, and `reason` is the status alone.
  const text =
    error.json?.message ?? (error.message.replace(/^\(HTTP code \d+\) .*? - /, '').trim() || `status ${status}`);
  const message = `${host}: docker ${what}: ${text}`;
  if (isImageMissing(text, status)) return new ImageMissingError(message, host, { cause: error });
  if (isRegistrySilent(text, what)) return new RegistryUnreachableError(message, host, { cause: error });
  if (status === 409 && what.startsWith('create')) return new NameTakenError(message, host, status, { cause: error });
  return new EngineError(message, host, status ?? 0, { cause: error });
}

/** Words of registries and engines of several versions for "no such image, or not for you". */
function isImageMissing(text: string, status: number | undefined): boolean {
  if (
    /manifest unknown|manifest for .* not found|pull access denied|repository .* not found|name unknown|no basic auth|no matching manifest/i.test(
      text,
    )
  )
    return true;
  return status === 404 && /manifest|repository/i.test(text);
}

/** In the words of Go's network, which the Engine passes on. */
function isRegistrySilent(text: string, what: string): boolean {
  if (!/^(manifest|pull) /.test(what)) return false;
  return /dial tcp|no such host|connection re(fused|set)|no route to host|i\/o timeout|Client\.Timeout|handshake timeout|: EOF$/i.test(
    text,
  );
}

type ContainerVerbs = Pick<
  Engine,
  'version' | 'info' | 'names' | 'list' | 'inspect' | 'create' | 'start' | 'stop' | 'remove' | 'hangUp' | 'exec'
>;

/** Statuses that say "it is so already". */
async function already(statuses: number[], request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!statuses.includes((error as EngineReply).statusCode ?? 0)) throw error;
  }
}

function containerVerbs({ docker, ask }: EngineClient): ContainerVerbs {
  const inspect = async (idOrName: string): Promise<ContainerInfo | undefined> => {
    if (idOrName === '') return undefined;
    try {
      return toInfo(await docker.getContainer(idOrName).inspect());
    } catch (error) {
      if ((error as EngineReply).statusCode === 404) return undefined;
      throw error;
    }
  };
  return {
    version: () =>
      ask('version', async () => {
        const v = await docker.version();
        return { version: v.Version, apiVersion: v.ApiVersion, platform: `${v.Os}/${v.Arch}` };
      }),
    info: () =>
      ask('info', async () => {
        const { Driver, DockerRootDir } = (await docker.info()) as { Driver: string; DockerRootDir: string };
        return { storageDriver: Driver, root: DockerRootDir };
      }),
    names: () =>
      ask('ps', async () =>
        (await docker.listContainers({ all: true })).map((c) => ({
          id: c.Id,
          name: (c.Names[0] ?? '').replace(/^\//, ''),
          cluster: c.Labels[labels.cluster],
        })),
      ),
    list: ({ cluster, names }) =>
      ask('ps', async () => {
        const all = await docker.listContainers({ all: true });
        const wanted = all.filter(
          (c) => c.Labels[labels.cluster] === cluster || c.Names.some((n) => names.includes(n.replace(/^\//, ''))),
        );
        // The list lacks start time, restarts and exit code; what vanished in between is simply not there.
        const infos = await Promise.all(wanted.map((c) => inspect(c.Id)));
        return infos.filter((c) => c !== undefined);
      }),
    inspect: (idOrName) => ask(`inspect ${idOrName}`, () => inspect(idOrName)),
    create: (container) =>
      ask(`create ${container.name}`, async () => (await docker.createContainer(toCreate(container))).id),
    start: (id) => ask(`start ${id}`, () => already([304], docker.getContainer(id).start())),
    stop: (id, t) => ask(`stop ${id}`, () => already([304, 404], docker.getContainer(id).stop({ t }))),
    // With the volumes that have no name: what must outlive a container lies in folders.
    remove: (id) => ask(`rm ${id}`, () => already([404], docker.getContainer(id).remove({ v: true }))),
    hangUp: (id) => ask(`hang up ${id}`, () => hangUp(docker, id)),
    exec: (id, argv) => ask(`exec ${argv[0]}`, () => execute(docker, id, argv)),
  };
}

/** An exec is looked at this often, at first; so long it may take. */
const execLooksMs = 10;
const execEndsWithinMs = 30_000;

/**
 * Detached. The connection of an attached exec outlives it in the Engine (seen on 20.10, up to two minutes) and looks like work of a client that is gone: who
 * took over from a dead worker waited for it, for half a minute.
 */
async function execute(docker: Docker, id: string, argv: string[]): Promise<{ exitCode: number; output: string }> {
  const exec = await docker.getContainer(id).exec({ Cmd: argv });
  const answer = await exec.start({ Detach: true });
  answer.resume();
  for (let waited = 0; ; ) {
    const { Running, ExitCode } = await exec.inspect();
    // What ended without saying how is not a success: it is looked at and tried again.
    if (!Running && typeof ExitCode !== 'number') throw new Error(`${argv[0]} ended without an exit code`);
    if (!Running) return { exitCode: ExitCode!, output: ExitCode === 0 ? '' : await outputOf(docker, id, argv) };
    if (waited > execEndsWithinMs) throw new Error(`${argv[0]} did not end within ${execEndsWithinMs / 1000} s`);
    const pauseMs = Math.min(10 * execLooksMs, execLooksMs + waited / 4);
    await pause(pauseMs);
    waited += pauseMs;
  }
}

/** Of the same program, once more: a detached one tells nothing but its exit code. Empty where the container has ended meanwhile. */
async function outputOf(docker: Docker, id: string, argv: string[]): Promise<string> {
  if (!(await docker.getContainer(id).inspect()).State.Running) return '';
  const exec = await docker.getContainer(id).exec({ Cmd: argv, AttachStdout: true, AttachStderr: true, Tty: true });
  const stream = await exec.start({ Tty: true });
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function hangUp(docker: Docker, id: string): Promise<void> {
  const { exitCode, output } = await execute(docker, id, ['sh', '-c', 'kill -HUP 1']);
  if (exitCode !== 0) throw new Error(output.trim() || `kill exited ${exitCode}`);
}

function toInfo(c: Docker.ContainerInspectInfo): ContainerInfo {
  const started = Date.parse(c.State.StartedAt);
  return {
    id: c.Id,
    name: c.Name.replace(/^\//, ''),
    labels: c.Config.Labels ?? {},
    image: c.Config.Image,
    imageId: c.Image,
    state: c.State.Status,
    startedAt: started > 0 ? Math.floor(started / 1000) : 0,
    restartCount: c.RestartCount,
    exitCode: c.State.ExitCode,
    ...limitsOf(c.HostConfig),
  };
}

/** Host network for all parts (decisions 13). None of them ever gets rights by a program that it starts. */
function toCreate(c: ContainerCreate): Docker.ContainerCreateOptions {
  return {
    name: c.name,
    Image: c.image,
    Cmd: c.command,
    Labels: c.labels,
    HostConfig: {
      NetworkMode: 'host',
      Binds: c.mounts.map((m) => `${m.source}:${m.target}${m.readOnly ? ':ro' : ''}`),
      Tmpfs: Object.fromEntries(c.tmpfs.map((folder) => [folder, ''])),
      ...memoryResources(c.memoryBytes),
      ...(c.nanoCpus > 0 && cpuResources(c.nanoCpus)),
      CapDrop: ['ALL'],
      CapAdd: c.capAdd,
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: c.readOnlyRoot,
      PidsLimit: c.pidsLimit,
      RestartPolicy: { Name: 'unless-stopped' },
      LogConfig: {
        Type: 'json-file',
        Config: { 'max-size': String(c.logMaxSizeBytes), 'max-file': String(c.logMaxFiles) },
      },
    },
  };
}
