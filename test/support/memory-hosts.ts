import { createHash, randomUUID } from 'node:crypto';
import {
  EngineError,
  FencedOffError,
  FolderRefusedError,
  HostUnreachableError,
  ImageMissingError,
  NameTakenError,
  RegistryUnreachableError,
} from '../../src/clients/errors';
import type {
  Acknowledged,
  AgentHost,
  ContainerCreate,
  ContainerInfo,
  Engine,
  FenceScope,
  HostConnection,
  HostFiles,
  HostFolders,
  Hosts,
  HttpRequest,
  HttpResponse,
  ImageInfo,
  Login,
  Preflight,
  RedisInstance,
  TlsClient,
  Traffic,
} from '../../src/clients/host';
import type { EnrolledVm } from '../../src/cluster/agents/install-source';
import { balancerPorts } from '../../src/cluster/balancers';
import type { MachineFacts } from '../../src/cluster/preflight/facts';
import type { HostSpec } from '../../src/cluster/spec';
import { type MemoryAgentState, memoryAgent, memoryInstalls } from './memory-agent';
import { type MemoryCredentials, mayPass, memoryCredentials } from './memory-credentials';
import { isShut, memoryFirewall, newFirewallState } from './memory-firewall';
import { answerAgent, answerAnnounce, answerOrigin, newSwarm } from './memory-lone';
import { MemoryRedisCluster } from './memory-redis';
import { MemoryRegistry } from './memory-registry';
import { memoryHandshake, misunderstood, redisOn, type StartedWith, textsOf } from './memory-tls';

const refused = (host: string, what: string) => new HostUnreachableError(`connect ECONNREFUSED (${what})`, host);
const sha256 = (data: Buffer | string) => createHash('sha256').update(data).digest('hex');

interface MemoryContainer extends ContainerInfo {
  create: ContainerCreate;
}

/** Called before and after each effect; a test throws or kills from it. */
export type EffectHook = (moment: 'before' | 'after', effect: string, host: string) => Promise<void> | void;

const nothing: EffectHook = () => undefined;

/** A whole lab in memory: hosts with an engine, files, a shared Redis Cluster and a shared registry behind the LBs. */
export class MemoryLab implements Hosts {
  readonly redisCluster = new MemoryRedisCluster();
  readonly registry = new MemoryRegistry();
  readonly machines = new Map<string, MemoryHost>();
  /** `host create name` for each effect, in order. */
  readonly journal: string[] = [];
  /** Who asked the registry for what. */
  readonly asked: string[] = [];
  hook: EffectHook = nothing;

  /** Nobody has come, and nobody waits for somebody. */
  get isUnused(): boolean {
    return this.machines.size === 0 && this.hook === nothing;
  }

  /** By which certificates are judged. */
  now: () => number = Date.now;
  /** VMs that installed themselves, as every load balancer knows them. */
  enrolled: EnrolledVm[] = [];
  /** By token: what VMs left that showed it. */
  readonly applicants = new Map<string, { address: string; sum: string; salt: string }[]>();
  /** The release that load balancers serve to them, and the operation that wants it. */
  served?: { release: string; epoch: number };

  machine(id: string): MemoryHost {
    const found = this.machines.get(id);
    if (!found) throw new Error(`no machine ${id}`);
    return found;
  }

  async connect(host: HostSpec): Promise<HostConnection> {
    let machine = this.machines.get(host.id);
    if (!machine) {
      machine = new MemoryHost(this, host);
      this.machines.set(host.id, machine);
    }
    if (!machine.isOn) throw refused(host.id, 'ssh');
    return machine;
  }

  async use<T>(host: HostSpec, work: (connection: HostConnection) => Promise<T>): Promise<T> {
    return work(await this.connect(host));
  }

  /** Address of the machine that logs in, as rules on sshd see it. */
  operator = '10.0.0.5';
  /** Logins that were begun, let in or not. */
  logins = 0;

  async login(host: HostSpec): Promise<Login> {
    this.logins += 1;
    const connection = (await this.connect(host)) as MemoryHost;
    if (isShut(connection.firewallState, this.operator)) throw refused(host.id, 'timed out');
    return { connection, leave: async () => undefined };
  }

  async close(): Promise<void> {}

  async effect<T>(host: string, name: string, work: () => T | Promise<T>): Promise<T> {
    await this.hook('before', name, host);
    const result = await work();
    this.journal.push(`${host} ${name}`);
    await this.hook('after', name, host);
    return result;
  }
}

export class MemoryHost implements HostConnection {
  isOn = true;
  clockMs = 1_700_000_000_000;
  epoch = 0;
  readonly containers = new Map<string, MemoryContainer>();
  readonly stored = new Map<string, { contents: Buffer; mode: number; changedAt: number }>();
  readonly loaded = new Map<string, ImageInfo>();
  readonly engine: Engine;
  readonly files: HostFiles;
  readonly folders: HostFolders;
  readonly agentState: MemoryAgentState = { releases: new Set(), believed: new Map(), facts: {} };
  readonly agent: AgentHost;
  readonly installs = memoryInstalls(this);
  readonly swarm = newSwarm();
  readonly credentialState: MemoryCredentials = {};
  readonly credentials = memoryCredentials(this, this.credentialState);
  readonly firewallState = newFirewallState();
  readonly firewall = memoryFirewall(this, this.firewallState);
  /** Paths that are links, for what must be refused. */
  readonly links = new Set<string>();
  /** What a container wrote. */
  says: (container: ContainerInfo) => string = () => 'last line';
  /** Bytes that a part holds and cannot give back. */
  readonly holds = new Map<string, number>();

  constructor(
    readonly lab: MemoryLab,
    readonly host: HostSpec,
  ) {
    this.engine = memoryEngine(this);
    this.files = memoryFiles(this);
    this.folders = memoryFolders(this);
    this.agent = memoryAgent(this, this.agentState);
  }

  part(part: string): MemoryContainer | undefined {
    return [...this.containers.values()].find((c) => c.name.endsWith(`-${this.host.id}-${part}`));
  }

  runs(part: string): boolean {
    return this.isOn && this.part(part)?.state === 'running';
  }

  tick(): number {
    this.clockMs += 1000;
    return Math.floor(this.clockMs / 1000);
  }

  /** Texts of each part's folder as they were when it started. */
  readonly startedWith: StartedWith = new Map();

  redis(port: number, tls?: TlsClient): RedisInstance {
    return redisOn(this, this.instanceOf(port % 1000 === 379 ? 'redis' : 'redis-replica'), tls);
  }

  instanceOf(part: 'redis' | 'redis-replica') {
    const port = part === 'redis' ? 6379 : 6380;
    const instance = this.lab.redisCluster.instance(this.host.address, port);
    instance.isUp = () => this.runs(port === 6379 ? 'redis' : 'redis-replica');
    instance.effect = (name, work) => this.lab.effect(this.host.id, name, work);
    return instance;
  }

  /** A part that starts reads its file. */
  started(name: string): void {
    const part = ['redis', 'redis-replica'].find((p) => name.endsWith(`-${this.host.id}-${p}`));
    const conf = [...this.stored].find(([path]) => path.endsWith(`/${part}/redis.conf`));
    if (part && conf) this.instanceOf(part as 'redis').start(conf[1].contents.toString());
    const own = name.slice(name.indexOf(`-${this.host.id}-`) + this.host.id.length + 2);
    this.startedWith.set(own, textsOf(this, own));
  }

  handshake(port: number, client: TlsClient): ReturnType<HostConnection['handshake']> {
    return memoryHandshake(this, port, client);
  }

  async http(request: HttpRequest): Promise<HttpResponse> {
    const answer = (status: number, body = '', headers = {}) => ({ status, headers, body: Buffer.from(body) });
    const ports: Record<number, string> = {
      8080: 'origin',
      8081: 'tracker',
      8082: 'build-index',
      8083: 'proxy',
      7000: 'testfs',
      6391: 'redis-router',
    };
    if (request.port === 8091 && this.agentState.running) return answerAgent(this, request);
    const part = balancerPorts(this.nginxRuns).includes(request.port) ? 'nginx' : (ports[request.port] ?? 'nothing');
    if (!this.runs(part)) throw refused(this.host.id, `${part} ${request.port}`);
    if (part === 'nginx' && !mayPass(this, request)) return answer(401);
    const wrong = misunderstood(this, part, request);
    if (wrong) return wrong;
    if (request.path === '/.krakenctl/config') {
      const said = /return 200 "([0-9a-f]{64}[^"\\]*)/.exec(this.nginxRuns)?.[1];
      return said ? answer(200, said) : answer(404);
    }
    const alone = part === 'origin' ? answerOrigin(this, request) : undefined;
    if (alone) return this.serves(part, alone);
    if (part === 'origin' || part === 'build-index' || part === 'tracker') {
      const own = this.lab.registry.answerPart(request.path);
      if (own) return this.serves(part, own);
    }
    if (request.path.startsWith('/announce/')) {
      const master = [...this.lab.redisCluster.instances.values()].find((i) => i.port === 6379 && !i.masterId);
      master?.keys.add(`peerset:${request.path.slice('/announce/'.length)}:0`);
      return answerAnnounce(this, request);
    }
    return request.path.startsWith('/v2/') ? this.lab.registry.answer(request) : answer(200, 'OK');
  }

  /** A test gives a part that answers otherwise. */
  serves: (part: string, response: HttpResponse) => HttpResponse = (_, response) => response;
  /** Text that the running NGINX has loaded. */
  nginxRuns = '';

  /** Its certificate as it was when it was loaded last. */
  nginxShows: string | undefined;

  loadNginx(): void {
    this.nginxShows = textsOf(this, 'nginx').get('tls.crt');
    this.nginxRuns =
      [...this.stored].find(([path]) => path.endsWith('/nginx/nginx.conf'))?.[1].contents.toString() ?? '';
  }

  /** What is under way from and on this host; a test changes it. */
  readonly underWay = { connections: 0, uploads: 0 };
  acknowledged: Acknowledged = { blobs: [], tags: [] };
  readonly traffic: Traffic = {
    towards: async () => this.underWay.connections,
    recentFiles: async () => this.underWay.uploads,
    acknowledged: async () => structuredClone(this.acknowledged),
  };

  /** What its preflight says; a test changes it. */
  machine: MachineFacts = {
    clockOffsetMs: 0,
    memoryBytes: 16e9,
    cpus: 4,
    disks: [{ folder: '/var/lib/docker', availableBytes: 1e11, usedPercent: 10, inodesUsedPercent: 1 }],
    settings: {
      'vm.overcommit_memory': '1',
      'net.core.somaxconn': '4096',
      transparent_hugepage: 'always [madvise] never',
    },
    missingPrograms: [],
    listeners: [],
    hasFiles: false,
    hasFirewall: false,
    hasRecord: false,
  };
  readonly preflight: Preflight = {
    forwards: true,
    machine: async () => structuredClone(this.machine),
    listen: async (word, ports) => {
      const free = ports.filter((port) => !this.machine.listeners.some((l) => l.port === port));
      for (const port of free) this.words.set(port, word);
      return { ports: free, stop: () => this.words.clear() };
    },
    reach: async (targets) =>
      targets.map((target) => {
        const other = [...this.lab.machines.values()].find((m) => m.host.address === target.address);
        if (!other || this.cutFrom.has(other.host.id)) return { ...target, result: 'silent', word: '' };
        const held = other.machine.listeners.some((l) => l.port === target.port);
        const word = other.words.get(target.port);
        if (word === undefined && !held) return { ...target, result: 'refused', word: '' };
        return { ...target, result: 'open', word: word ?? '' };
      }),
    setKernel: ({ setting, value }) =>
      this.lab.effect(this.host.id, `set ${setting}`, () => {
        this.machine.settings[setting] = value;
        return value;
      }),
  };
  /** Hosts whose packets do not come back. */
  readonly cutFrom = new Set<string>();
  private readonly words = new Map<number, string>();

  async fence(scope: FenceScope) {
    const path = `/var/lib/krakenctl/${scope.cluster}/epoch${scope.realm ? `-${scope.realm}` : ''}`;
    // As on a real host, the mark goes with the record.
    const seen = Number(this.stored.get(path)?.contents.toString() ?? 0);
    if (scope.epoch < seen) throw new FencedOffError('a newer operation holds the host', this.host.id, seen);
    this.epoch = scope.epoch;
    this.stored.set(path, { contents: Buffer.from(`${scope.epoch}\n`), mode: 0o644, changedAt: this.tick() });
    return { release: async () => undefined };
  }
}

function memoryFiles(host: MemoryHost): HostFiles {
  const { lab } = host;
  return {
    async list(folders) {
      return [...host.stored]
        .filter(([path]) => folders.some((folder) => path.startsWith(`${folder}/`)))
        .map(([path, f]) => ({ path, sha256: sha256(f.contents), mode: f.mode, changedAt: f.changedAt }));
    },
    async read(path) {
      return host.stored.get(path)?.contents;
    },
    async write({ path, mode, contents }) {
      const before = host.stored.get(path);
      if (before?.mode === mode && before.contents.equals(contents)) return { changed: false };
      await lab.effect(host.host.id, `write ${path}`, () => {
        host.stored.set(path, { contents, mode, changedAt: host.tick() });
      });
      return { changed: true };
    },
    async append(path, line) {
      const before = host.stored.get(path)?.contents ?? Buffer.alloc(0);
      await lab.effect(host.host.id, `append ${path}`, () => {
        host.stored.set(path, {
          contents: Buffer.concat([before, Buffer.from(`${line}\n`)]),
          mode: 0o644,
          changedAt: host.tick(),
        });
      });
    },
    async remove(path) {
      host.stored.delete(path);
    },
  };
}

function memoryFolders(host: MemoryHost): HostFolders {
  const below = (folder: string) => [...host.stored].filter(([path]) => path.startsWith(`${folder}/`));
  return {
    async names(root) {
      return [...new Set(below(root).map(([path]) => path.slice(root.length + 1).split('/')[0]!))].sort();
    },
    async measure(paths) {
      return paths.map((path) => {
        if (host.links.has(path)) return { path, kind: 'link' };
        const files = below(path);
        if (files.length === 0) return { path, kind: 'absent' };
        return { path, kind: 'folder', bytes: files.reduce((sum, [, file]) => sum + file.contents.length, 0) };
      });
    },
    async remove(path) {
      if (host.links.has(path)) throw new FolderRefusedError(`${path} is a link`, host.host.id);
      const files = below(path);
      if (files.length === 0) return { changed: false };
      await host.lab.effect(host.host.id, `remove ${path}`, () =>
        files.forEach(([name]) => void host.stored.delete(name)),
      );
      return { changed: true };
    },
  };
}

/** `nginx -t` misses certificates that are not there; no part has an nginx of its own here that could be told to finish. */
function execInPart(host: MemoryHost, program: string): { exitCode: number; output: string } {
  const texts = textsOf(host, 'nginx');
  const conf = texts.get('nginx.conf.next') ?? texts.get('nginx.conf') ?? '';
  if (program === 'nginx' && conf.includes('ssl_certificate') && !texts.has('tls.key'))
    return { exitCode: 1, output: 'cannot load certificate' };
  return { exitCode: program === 'sh' ? 3 : 0, output: '' };
}

function memoryEngine(host: MemoryHost): Engine {
  const { lab } = host;
  const id = host.host.id;
  const find = (key: string) => host.containers.get(key) ?? [...host.containers.values()].find((c) => c.name === key);
  const must = (key: string) => {
    const found = find(key);
    if (!found) throw new EngineError(`no such container ${key}`, id, 404);
    return found;
  };
  const image = (reference: string): ImageInfo => {
    const digest = `sha256:${sha256(reference)}`;
    return {
      id: `sha256:${sha256(`id ${reference}`)}`,
      references: [reference, `${reference.replace(/:[^:/]*$/, '')}@${digest}`],
      platform: 'linux/amd64',
    };
  };
  return {
    version: async () => ({ version: '20.10.24', apiVersion: '1.41', platform: 'linux/amd64' }),
    info: async () => ({ storageDriver: 'overlay2', root: '/var/lib/docker' }),
    names: async () =>
      [...host.containers.values()].map((c) => ({ id: c.id, name: c.name, cluster: c.labels['io.krakenctl.cluster'] })),
    list: async () => [...host.containers.values()].map((c) => ({ ...c })),
    inspect: async (key) => {
      const found = find(key);
      return found ? { ...found } : undefined;
    },
    create: (create) =>
      lab.effect(id, `create ${create.name}`, () => {
        if (find(create.name)) throw new NameTakenError(`${create.name} is taken`, id, 409);
        const known = host.loaded.get(create.image);
        if (!known) throw new EngineError(`no such image ${create.image}`, id, 404);
        const made = {
          id: randomUUID(),
          name: create.name,
          labels: create.labels,
          image: create.image,
          imageId: known.id,
          state: 'created',
          startedAt: 0,
          restartCount: 0,
          exitCode: 0,
          memoryBytes: create.memoryBytes,
          nanoCpus: create.nanoCpus,
          nanoCpusHeld: false,
          create,
        };
        host.containers.set(made.id, made);
        return made.id;
      }),
    start: (key) =>
      lab.effect(id, `start ${must(key).name}`, () => {
        Object.assign(must(key), { state: 'running', startedAt: host.tick() });
        if (must(key).name.endsWith('-nginx')) host.loadNginx();
        host.started(must(key).name);
      }),
    keepEnded: (key) => lab.effect(id, `keepEnded ${must(key).name}`, () => undefined),
    update: (key, limits) =>
      lab.effect(id, `update ${must(key).name}`, () => {
        const found = must(key);
        const held = host.holds.get(found.name) ?? 0;
        if (limits.memoryBytes !== undefined && limits.memoryBytes < held)
          throw new EngineError(`unable to set memory limit (current usage: ${held})\n: unknown`, id, 500);
        Object.assign(found, limits);
      }),
    stop: (key) => lab.effect(id, `stop ${must(key).name}`, () => void Object.assign(must(key), { state: 'exited' })),
    remove: (key) => lab.effect(id, `remove ${find(key)?.name}`, () => void host.containers.delete(key)),
    hangUp: (key) =>
      lab.effect(id, `hangUp ${must(key).name}`, () => {
        if (must(key).name.endsWith('-nginx')) host.loadNginx();
      }),
    exec: async (_id, [program = '']) => execInPart(host, program),
    logs: async (key) => host.says(must(key)),
    followLogs: async () => undefined,
    images: async () => [...host.loaded.values()],
    image: async (reference) => host.loaded.get(reference),
    resolve: async (reference) => {
      lab.asked.push(`${id} ${reference}`);
      if (reference.includes('silent')) throw new RegistryUnreachableError(`${reference}: no route to host`, id);
      if (reference.includes('missing')) throw new ImageMissingError(`${reference}: manifest unknown`, id);
      const platforms = [reference.includes('arm64') ? 'linux/arm64' : 'linux/amd64'];
      return { digest: `sha256:${sha256(reference)}`, platforms };
    },
    pull: (reference) => lab.effect(id, `pull ${reference}`, () => void host.loaded.set(reference, image(reference))),
    load: async () => undefined,
  };
}
