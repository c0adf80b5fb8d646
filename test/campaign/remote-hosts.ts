import type { ChildProcess } from 'node:child_process';
import * as errors from '../../src/clients/errors';
import {
  engineEffects,
  type Failpoints,
  fileEffects,
  folderEffects,
  failpoints as own,
  redisEffects,
  withFailpoints,
} from '../../src/clients/failpoints';
import type {
  Engine,
  FenceScope,
  HostConnection,
  HostFiles,
  HostFolders,
  Hosts,
  Login,
  RedisInstance,
} from '../../src/clients/host';
import type { HostSpec } from '../../src/cluster/spec';
import type { MemoryLab } from '../support/memory-hosts';

/**
 * Hosts in memory that outlive the worker: they are kept by the campaign's process, and a worker of a process of its own reaches them
 * by messages. A worker that is killed leaves them exactly as they were when its last message arrived.
 */
interface Ask {
  id: number;
  host: HostSpec;
  path: [string, ...(string | number)[]];
  args: unknown[];
}

interface Answer {
  id: number;
  value?: unknown;
  error?: { name: string; message: string; [field: string]: unknown };
}

/** The campaign's side. */
export function serveHosts(child: ChildProcess, lab: () => MemoryLab): void {
  child.on('message', async (message) => {
    const ask = message as Ask;
    if (ask.path === undefined) return;
    const answer = await perform(lab(), ask).then(
      (value): Answer => ({ id: ask.id, value }),
      (error: Error): Answer => ({ id: ask.id, error: { ...error, name: error.name, message: error.message } }),
    );
    if (child.connected) child.send(answer, () => undefined);
  });
}

async function perform(lab: MemoryLab, { host, path, args }: Ask): Promise<unknown> {
  const machine = (await lab.connect(host)) as HostConnection;
  const [noun, verb, ...rest] = path;
  if (noun === 'stage') return undefined;
  if (noun === 'connect') return undefined;
  if (noun === 'fence') return void (await machine.fence(args[0] as FenceScope));
  if (noun === 'http') {
    const request = args[0] as Parameters<HostConnection['http']>[0];
    return machine.http({ ...request, body: request.body && Buffer.from(request.body) });
  }
  if (noun === 'machine') return machine.preflight.machine(args[0] as Parameters<typeof machine.preflight.machine>[0]);
  const client =
    noun === 'redis'
      ? machine.redis(verb as number)
      : machine[noun as 'engine' | 'files' | 'folders' | 'traffic' | 'agent' | 'installs' | 'firewall' | 'credentials'];
  const method = (noun === 'redis' ? rest[0] : verb) as string;
  if (method === 'pull' || method === 'load') args.push(() => undefined);
  if (method === 'write' && noun === 'files') {
    const file = args[0] as Parameters<HostFiles['write']>[0];
    args[0] = { ...file, contents: Buffer.from(file.contents) };
  }
  return (client as unknown as Record<string, (...a: unknown[]) => Promise<unknown>>)[method]!(...args);
}

/** The worker's side; `send` answers with what the campaign said. */
export class RemoteHosts implements Hosts {
  private last = 0;
  private readonly open = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();

  constructor(private readonly failpoints: Failpoints | undefined = own) {
    process.on('message', (message) => this.take(message as Answer));
  }

  async connect(host: HostSpec): Promise<HostConnection> {
    await this.ask(host, ['connect'], []);
    const nouns = <T>(noun: string, port?: number) =>
      new Proxy({} as Record<string, unknown>, {
        get: (kept, verb: string) =>
          kept[verb] ??
          ((...args: unknown[]) => this.ask(host, port === undefined ? [noun, verb] : [noun, port, verb], args)),
      }) as T;
    const using = this.failpoints;
    const files = { ...named(nouns<HostFiles>('files'), fileVerbs) };
    const { write } = files;
    files.write = (file) => this.writeInSteps(host, file, write);
    const fence = { lease: (scope: FenceScope) => this.ask(host, ['fence'], [scope]) };
    const guarded = withFailpoints('fence', ['lease'], fence, using);
    return {
      host,
      engine: withFailpoints('docker', engineEffects, named(nouns<Engine>('engine'), engineVerbs), using),
      files: withFailpoints('files', fileEffects, files, using),
      folders: withFailpoints('files', folderEffects, named(nouns<HostFolders>('folders'), folderVerbs), using),
      redis: (port) =>
        withFailpoints('redis', redisEffects, named(nouns<RedisInstance>('redis', port), redisVerbs), using),
      preflight: {
        // A deploy asks for no more.
        machine: (query: unknown) => this.ask(host, ['machine'], [query]),
      } as unknown as HostConnection['preflight'],
      traffic: nouns<HostConnection['traffic']>('traffic'),
      agent: nouns<HostConnection['agent']>('agent'),
      installs: nouns<HostConnection['installs']>('installs'),
      firewall: nouns<HostConnection['firewall']>('firewall'),
      credentials: nouns<HostConnection['credentials']>('credentials'),
      handshake: () => Promise.reject(new Error('a deploy asks for no certificate')),
      http: (request) => this.ask(host, ['http'], [request]) as ReturnType<HostConnection['http']>,
      fence: async (scope) => {
        await guarded.lease(scope);
        return { release: async () => undefined };
      },
    };
  }

  async use<T>(host: HostSpec, work: (connection: HostConnection) => Promise<T>): Promise<T> {
    return work(await this.connect(host));
  }

  /** What is modelled has one way in. */
  async login(host: HostSpec): Promise<Login> {
    return { connection: await this.connect(host), leave: async () => undefined };
  }

  async close(): Promise<void> {}

  /** As on a real host: written aside, then renamed. What is aside when the worker dies counts for nothing. */
  private async writeInSteps(
    host: HostSpec,
    file: Parameters<HostFiles['write']>[0],
    write: HostFiles['write'],
  ): Promise<{ changed: boolean }> {
    await this.failpoints?.reach('files', 'mid-write', 'write');
    await this.ask(host, ['stage'], [file.path]);
    await this.failpoints?.reach('files', 'before-rename', 'write');
    const result = await write(file);
    await this.failpoints?.reach('files', 'after-rename', 'write');
    return result;
  }

  private ask(host: HostSpec, path: Ask['path'], args: unknown[]): Promise<unknown> {
    this.last += 1;
    const id = this.last;
    const plain = args.filter((a) => typeof a !== 'function' && !(a instanceof AbortSignal));
    return new Promise((resolve, reject) => {
      this.open.set(id, { resolve, reject });
      process.send!({ id, host, path, args: plain } satisfies Ask);
    });
  }

  private take({ id, value, error }: Answer): void {
    const waiting = this.open.get(id);
    this.open.delete(id);
    if (!error) {
      waiting?.resolve(revive(value));
      return;
    }
    const kind = (errors as Record<string, unknown>)[error.name] as { prototype: Error } | undefined;
    waiting?.reject(Object.assign(Object.create(kind?.prototype ?? Error.prototype) as Error, error));
  }
}

/** Messages carry plain bytes; the clients promise Buffers. */
function revive(value: unknown): unknown {
  if (value instanceof Uint8Array && !Buffer.isBuffer(value)) return Buffer.from(value);
  if (value && typeof value === 'object' && 'body' in value) {
    return { ...value, body: Buffer.from(value.body as Uint8Array) };
  }
  return value;
}

/** Failpoints wrap what is there by name; a proxy has every name. All verbs, or it does not compile. */
function named<T extends object>(proxy: T, verbs: Record<keyof T, 1>): T {
  return Object.fromEntries(Object.keys(verbs).map((verb) => [verb, proxy[verb as keyof T]])) as T;
}

const engineVerbs = {
  version: 1,
  info: 1,
  names: 1,
  list: 1,
  inspect: 1,
  create: 1,
  start: 1,
  stop: 1,
  remove: 1,
  hangUp: 1,
  update: 1,
  keepEnded: 1,
  exec: 1,
  logs: 1,
  followLogs: 1,
  images: 1,
  image: 1,
  resolve: 1,
  pull: 1,
  load: 1,
} as const;
const fileVerbs = { list: 1, read: 1, write: 1, append: 1, remove: 1 } as const;
const folderVerbs = { names: 1, measure: 1, remove: 1 } as const;
const redisVerbs = {
  ping: 1,
  clusterInfo: 1,
  clusterNodes: 1,
  myId: 1,
  replication: 1,
  meet: 1,
  addSlots: 1,
  replicate: 1,
  failover: 1,
  forget: 1,
  reset: 1,
  bumpEpoch: 1,
  configGet: 1,
  configSet: 1,
  scan: 1,
} as const;
