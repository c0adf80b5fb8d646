import type { PublishedInstall } from '../cluster/agents/install-source';
import type { AgentFacts } from '../cluster/agents/observed';
import type { CredentialFile, CredentialMark } from '../cluster/auth/credentials';
import type { FirewallFacts } from '../cluster/firewall/observed';
import type { ObservedFolder } from '../cluster/observed';
import type { MachineFacts } from '../cluster/preflight/facts';
import type { KernelMend } from '../cluster/preflight/findings';
import type { HostSpec } from '../cluster/spec';

/**
 * The narrow interfaces through which activities reach one host. Implementations: `ssh-host.ts` over one multiplexed SSH
 * connection; in tests, an in-memory host. Every call has a deadline of its own; a call whose end was not seen fails with
 * {@link OutcomeUnknownError}, and the caller looks again instead of assuming.
 */
export interface HostConnection {
  readonly host: HostSpec;
  readonly engine: Engine;
  readonly files: HostFiles;
  readonly folders: HostFolders;
  /** A Redis instance listening on this host's own address; in TLS where it is said. */
  redis(port: number, tls?: TlsClient): RedisInstance;
  /** HTTP as seen from the host: the request goes to 127.0.0.1 there. Any status resolves; no answer rejects. */
  http(request: HttpRequest): Promise<HttpResponse>;
  /** What a port of the host shows to whoever comes in TLS, as seen from the host itself. */
  handshake(port: number, client: TlsClient): Promise<Handshake | 'plain' | 'nothing'>;
  readonly preflight: Preflight;
  readonly traffic: Traffic;
  /** The agent, where this host is a VM. */
  readonly agent: AgentHost;
  /** What VMs install from, where this host is a load balancer. */
  readonly installs: InstallSource;
  readonly firewall: FirewallHost;
  /** By which the NGINX of a load balancer tells who comes. */
  readonly credentials: CredentialStore;
  /** Opens the fence for effects of an operation; see {@link Fence}. */
  fence(scope: FenceScope): Promise<FenceLease>;
}

/** Connections by host, one each, shared by all activities of a worker; reconnects when one was lost. */
export interface Hosts {
  connect(host: HostSpec): Promise<HostConnection>;
  /** Work over the connection. Where there are thousands of hosts, one that is used by nobody may be left, to be dialled anew by the next. */
  use<T>(host: HostSpec, work: (connection: HostConnection) => Promise<T>): Promise<T>;
  /** A new login, shared with nobody: shows that one is possible now. */
  login(host: HostSpec): Promise<Login>;
  close(): Promise<void>;
}

export interface Login {
  connection: HostConnection;
  /** Lets go of the host as one who is done. */
  leave(): Promise<void>;
}

/** Hashes of logins on a load balancer; see `credential-store.ts`. */
export interface CredentialStore {
  /** Resolves when they were read back. `newer`: what lies there is made of a newer record, and stays. */
  write(
    cluster: string,
    credentials: { mark: CredentialMark; files: Record<CredentialFile, string> },
  ): Promise<'written' | 'same' | 'newer'>;
  /** Of what they were made; undefined where they are not whole, or others may read them. */
  look(cluster: string): Promise<CredentialMark | undefined>;
}

/** Our own rules of the host's firewall; see `firewall-host.ts`. */
export interface FirewallHost {
  observe(cluster: string): Promise<FirewallFacts>;
  /** Lays rules beside those that hold, when nft has read them. @throws {FirewallRefusedError} */
  stage(cluster: string, rules: { sum: string; text: string }): Promise<{ changed: boolean }>;
  /**
   * Loads the staged rules, with a timer that takes them back. `kept`: they hold already. `gone`: others, or none, are staged.
   */
  tryOut(cluster: string, trial: { sum: string; seconds: number }): Promise<'loaded' | 'kept' | 'gone'>;
  /** Rules on trial hold from now on. `kept`: they did already. `reverted`: they were taken back. `gone`, `unloaded`: others are there. */
  keep(cluster: string, sum: string): Promise<'kept-now' | 'kept' | 'reverted' | 'gone' | 'unloaded'>;
  /** What is on trial goes at once. */
  takeBack(cluster: string): Promise<{ changed: boolean }>;
  /** The rules come back when the host starts. */
  enable(cluster: string, unit: { sum: string; text: string }): Promise<{ changed: boolean }>;
  /** Rules, files, timers and unit go; resolves when none was seen any more. */
  remove(cluster: string): Promise<{ changed: boolean }>;
}

export interface AgentQuery {
  cluster: string;
  /** Id of the release that is asked for. */
  release: string;
  /** What `docker run` will be told. */
  image: string;
  /** Of the agent itself. */
  ports: number[];
  /** Of its relays, or of its gateway. */
  ways: number[];
}

export interface ReleaseArchive {
  id: string;
  /** Hex SHA-256 of the file `sums` in it. */
  sumOfSums: string;
  archive: Buffer;
}

/** The answer of `kraken-pull --json`; see docs/kraken-pull.md. */
export interface PullReport {
  ok: boolean;
  image: string;
  reference?: string;
  digest?: string;
  id?: string;
  via?: 'agent' | 'load-balancer';
  seconds?: number;
  warning?: string;
  error?: { code: string; message: string; hint?: string };
}

/** An agent under systemd on a VM; see `agent-host.ts`. */
export interface AgentHost {
  observe(query: AgentQuery): Promise<AgentFacts>;
  /** Lays a release beside the others; resolves when its sums were read back. */
  install(cluster: string, release: ReleaseArchive): Promise<{ changed: boolean }>;
  /**
   * Makes a release the one that runs; resolves when the container of that very release was seen running. Where it is known which was there `before`, no
   * other release stays beside these two. @throws {ForeignOwnerError}
   */
  activate(
    cluster: string,
    the: { release: string; owner: string; before?: { release?: string } },
  ): Promise<{ changed: boolean }>;
  /** Takes a release away that is not to run, when the one `before` it, where it is named, was seen running. @throws {ForeignOwnerError} */
  putBack(cluster: string, the: { release: string; owner: string; before?: string }): Promise<{ changed: boolean }>;
  /** The file with its credential, for root alone, which its gateway reads anew; undefined: it has none any more. */
  giveLogin(cluster: string, file: string | undefined): Promise<{ changed: boolean }>;
  /** Takes everything of the agent away, by the program of `render/agent/programs.ts`. @throws {ForeignOwnerError} */
  deactivate(program: string, owner: string): Promise<{ changed: boolean }>;
  /** Resolves when another container than before was seen running. */
  restart(cluster: string): Promise<void>;
  pull(image: string): Promise<PullReport>;
  /** Takes a name from an image; absent is success. */
  forget(image: string): Promise<void>;
  /** The end of /var/log/kraken/agent.log. */
  tail(lines: number): Promise<string>;
  follow(options: { lines: number; signal: AbortSignal; onLine: (line: string) => void }): Promise<void>;
}

export interface InstallBundle {
  id: string;
  /** Of the agent. */
  release: string;
  /** In this host's own engine. */
  image: string;
  /** Hex SHA-256 over the small files. */
  sum: string;
  archive: Buffer;
  /** Of the operation that wants it served. */
  epoch: number;
}

/** Which VMs that installed themselves may take what the operation of this epoch has published. */
export interface Turns {
  epoch: number;
  /** `repository@sha256:…`, which they pull through their new agent; the one that was given before where none is. */
  sentinel?: string;
  /** By the address under which they are known; beside those that have their turn already. */
  to: string[] | 'all';
}

/** `/install` of a load balancer; see `install-source.ts`. */
export interface InstallSource {
  /** Resolves when the whole bundle was read back under its id. Nobody who has another has a turn then, unless all had and it was served already. */
  publish(cluster: string, bundle: InstallBundle): Promise<{ changed: boolean }>;
  /** @throws {FencedOffError} where what is served is of another operation. */
  giveTurns(cluster: string, turns: Turns): Promise<{ changed: boolean }>;
  /** VMs that installed themselves, by the address under which they are known: they take their agent away when they look next. */
  dismiss(cluster: string, those: { addresses: string[]; mark: number }): Promise<{ changed: boolean }>;
  look(cluster: string): Promise<PublishedInstall>;
  /** What VMs left that showed this token: SHA-1 over password and salt in hex, and the salt. */
  applicants(cluster: string, token: string): Promise<{ address: string; sum: string; salt: string }[]>;
}

/** Looks before anything is changed; see `preflight.ts`. */
export interface Preflight {
  /** The Engine's socket is reached by a forward; else by `docker system dial-stdio`. */
  forwards: boolean;
  machine(query: MachineQuery): Promise<MachineFacts>;
  /** Answers with a word on those ports that are free, until it is stopped, at most 30 s. */
  listen(word: string, ports: number[]): Promise<Listening>;
  reach(targets: ReachTarget[]): Promise<(ReachTarget & { result: 'open' | 'refused' | 'silent'; word: string })[]>;
  /** Sets a kernel setting now and for the next start; resolves with what it reads back. */
  setKernel(mend: KernelMend): Promise<string>;
}

/** What is under way at this moment; see `traffic.ts`. Both reject where it cannot be seen: no count is not none. */
export interface Traffic {
  /** Established connections of an NGINX of this host to any of these. */
  towards(targets: ReachTarget[]): Promise<number>;
  /** Files in a folder that were written to within the last seconds; 0 where there is no such folder. */
  recentFiles(folder: string, seconds: number): Promise<number>;
  /** What the origin and the build-index whose caches these are have taken in within the last seconds. */
  acknowledged(query: { origin: string; buildIndex: string; seconds: number }): Promise<Acknowledged>;
}

export interface Acknowledged {
  /** Hex SHA-256. */
  blobs: string[];
  tags: { name: string; digest: string }[];
}

export interface MachineQuery {
  cluster: string;
  ports: number[];
  /** Where room is needed; the nearest folder that exists is measured. */
  folders: string[];
  /** Kernel settings by their sysctl names, or `transparent_hugepage`. */
  settings: string[];
}

export interface Listening {
  /** Ports that were free and are listened on now. */
  ports: number[];
  stop(): void;
}

export interface ReachTarget {
  address: string;
  port: number;
}

/** How a client of a host's ports is known, and whom it believes. PEM; never in a payload. */
export interface TlsClient {
  trusted: string;
  certificate: string;
  key: string;
  /** The name that the other side must have. */
  name: string;
}

/** What a port shows, believed or not. */
export interface Handshake {
  /** Upper-case hex. */
  serial: string;
  names: string;
  issuer: string;
  /** ISO time. */
  until: string;
  isBelieved: boolean;
}

export interface HttpRequest {
  port: number;
  /** HTTPS. `orPlain`: a server that does not speak TLS is asked without it. */
  tls?: TlsClient & { orPlain?: boolean };
  path: string;
  method?: string;
  headers?: Record<string, string>;
  body?: Buffer;
  timeoutMs?: number;
}

export interface HttpResponse {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

export interface HostFile {
  path: string;
  mode: number;
  contents: Buffer;
  /** A folder above it that is made, and kept, for its owner alone (0700) before anything is written. */
  privateFolder?: string;
}

export interface HostFiles {
  /** Every regular file under the folders, with sums; a missing folder is an empty list. At most 2,000 files. */
  list(folders: string[]): Promise<{ path: string; sha256: string; mode: number; changedAt: number }[]>;
  /** Contents, or undefined when absent. Files over 4 MiB are refused. */
  read(path: string): Promise<Buffer | undefined>;
  /**
   * Looks; where sum or mode differ, writes aside in the same folder, checks the sum, fsyncs, renames, fsyncs the folder, and makes
   * missing parents (0755). Resolves only when sum and mode were read back as asked.
   */
  write(file: HostFile): Promise<{ changed: boolean }>;
  /** Appends one line (fsync); makes missing parents. */
  append(path: string, line: string): Promise<void>;
  /** Removes a file; absent is success. */
  remove(path: string): Promise<void>;
}

/** Folders of clusters, each directly under one of the known roots (`cluster/names.ts`). */
export interface HostFolders {
  /** Names of the folders directly under a root, sorted; a missing root is an empty list. */
  names(root: string): Promise<string[]>;
  /** What is at each path, in the given order. What an interrupted removal set aside counts as still there. */
  measure(paths: string[]): Promise<ObservedFolder[]>;
  /**
   * Removes a folder with all that is in it, and its root when that is empty then; resolves only when it was seen gone. Absent
   * is success. A link, a mounted file system and a path outside of the roots are refused ({@link FolderRefusedError}).
   */
  remove(path: string): Promise<{ changed: boolean }>;
}

export interface ContainerCreate {
  name: string;
  image: string;
  command: string[];
  labels: Record<string, string>;
  mounts: { source: string; target: string; readOnly: boolean }[];
  /** Folders mounted as tmpfs (HostConfig.Tmpfs), empty at each start. */
  tmpfs: string[];
  memoryBytes: number;
  nanoCpus: number;
  /** Every capability is dropped that is not named. */
  capAdd: string[];
  readOnlyRoot: boolean;
  /** Processes and threads at once. */
  pidsLimit: number;
  logMaxSizeBytes: number;
  logMaxFiles: number;
}

export interface ContainerInfo {
  id: string;
  name: string;
  labels: Record<string, string>;
  image: string;
  imageId: string;
  /** Docker's State.Status. */
  state: string;
  /** Unix seconds; 0 = never. */
  startedAt: number;
  restartCount: number;
  exitCode: number;
  /** 0 where the kernel keeps none, -1 = unlimited. */
  memoryBytes: number;
  /** What its CPU limit comes to, however it was set; 0 = none. */
  nanoCpus: number;
  /** Limited by NanoCpus (`docker update --cpus`), beside which Docker takes no quota. */
  nanoCpusHeld: boolean;
}

export interface ContainerLimits {
  memoryBytes?: number;
  /** 0 = none. */
  nanoCpus?: number;
}

export interface ImageInfo {
  id: string;
  /** RepoTags and RepoDigests. */
  references: string[];
  platform: string;
}

export interface RegistryImage {
  digest: string;
  /** `linux/amd64` …; none where the registry does not say. */
  platforms: string[];
}

export interface TransferProgress {
  doneBytes: number;
  totalBytes: number;
}

/** Docker Engine, API 1.41 or newer. "Already so" (304, 404 on remove) is success; a 409 on create is {@link NameTakenError}. */
export interface Engine {
  version(): Promise<{ version: string; apiVersion: string; platform: string }>;
  /** How the Engine keeps its layers, and where. */
  info(): Promise<{ storageDriver: string; root: string }>;
  /** Every container, whoever made it. */
  names(): Promise<{ id: string; name: string; cluster?: string }[]>;
  /** Containers of this cluster (by label) and any with one of these names, running or not. */
  list(query: { cluster: string; names: string[] }): Promise<ContainerInfo[]>;
  /** By id or name; undefined when absent. */
  inspect(idOrName: string): Promise<ContainerInfo | undefined>;
  create(container: ContainerCreate): Promise<string>;
  start(id: string): Promise<void>;
  stop(id: string, timeoutSeconds: number): Promise<void>;
  remove(id: string): Promise<void>;
  /**
   * SIGHUP to the container's first process, sent from within: an Engine that sends a signal itself takes the container for stopped by a
   * person, and does not start it again after a power cut.
   */
  hangUp(id: string): Promise<void>;
  /**
   * Limits of a container, running or not, in place; what is not named stays. Less memory than it holds is refused, also where the
   * kernel would end a process instead.
   */
  update(id: string, limits: ContainerLimits): Promise<void>;
  /** When its first process ends, it is not started again. */
  keepEnded(id: string): Promise<void>;
  /** A program within the container that may run twice: when it failed it is run again, for what it says (`output`, empty otherwise). */
  exec(id: string, argv: string[]): Promise<{ exitCode: number; output: string }>;
  logs(id: string, options: { tail: number; sinceSeconds?: number; timestamps?: boolean }): Promise<string>;
  /** Ends when the container does or the signal aborts. */
  followLogs(id: string, options: { tail: number; signal: AbortSignal; onLine: (line: string) => void }): Promise<void>;
  images(): Promise<ImageInfo[]>;
  image(reference: string): Promise<ImageInfo | undefined>;
  /** What the registry has for a reference, asked by this host (its rights, its network). */
  resolve(reference: string): Promise<RegistryImage>;
  pull(reference: string, onProgress: (p: TransferProgress) => void, signal?: AbortSignal): Promise<void>;
  /** Loads a `docker save` stream. */
  load(archive: NodeJS.ReadableStream, onProgress: (p: TransferProgress) => void, signal?: AbortSignal): Promise<void>;
}

/** One Redis instance, reached through its host. Every call has a 3 s deadline unless the client was made with another. */
export interface RedisInstance {
  ping(): Promise<void>;
  clusterInfo(): Promise<Record<string, string>>;
  /** `CLUSTER NODES`, parsed. */
  clusterNodes(): Promise<RedisClusterNode[]>;
  myId(): Promise<string>;
  /** `INFO replication`, parsed. */
  replication(): Promise<Record<string, string>>;
  /** `bus`: where it is not the port plus 10,000. */
  meet(address: string, port: number, bus?: number): Promise<void>;
  addSlots(range: [number, number]): Promise<void>;
  replicate(masterId: string): Promise<void>;
  /** Planned hand-over to this replica. */
  failover(): Promise<void>;
  forget(nodeId: string): Promise<void>;
  /** `CLUSTER RESET SOFT`; only on an instance without slots. */
  reset(): Promise<void>;
  bumpEpoch(): Promise<void>;
  configGet(name: string): Promise<string | undefined>;
  configSet(name: string, value: string): Promise<void>;
  /** Keys that match, by SCAN, at most `limit`. */
  scan(pattern: string, limit: number): Promise<string[]>;
}

export interface RedisClusterNode {
  id: string;
  address: string;
  port: number;
  flags: string[];
  masterId?: string;
  linkState: string;
  slots: [number, number][];
}

/**
 * Effects and record writes on a host happen under its fence: a `flock` held on the host by a process on this very SSH
 * connection, so that it frees itself with the connection. An epoch lower than the highest one the host has seen is refused
 * ({@link FencedOffError}): a newer operation has taken over. A higher one ends the session of whoever holds it; a holder from whom
 * nothing is heard for its patience is ended by the host itself.
 */
export interface FenceScope {
  cluster: string;
  /** A fence of its own, so that operations of a fleet, of the cluster, and on the rules of a VM do not end each other. */
  realm?: 'agents' | 'firewall' | 'auth';
  /** Epoch of the operation, see `owner.json`. */
  epoch: number;
  /** Silence of ours after which the host ends our session. Default 4; longer for what fills the line. */
  patienceSeconds?: number;
}

export interface FenceLease {
  /** Settles the effect's share; the lock on the host is let go when the last share is. */
  release(): Promise<void>;
}
