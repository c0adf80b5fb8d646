import { ClientError, HostRefusedError, RightsError } from '../clients/errors';
import type { ContainerInfo, HostConnection, RedisInstance } from '../clients/host';
import { emptyVault } from '../clients/vault';
import { balancerPath, balancerPorts } from '../cluster/balancers';
import { readinessOf } from '../cluster/component';
import type { Readiness } from '../cluster/desired';
import { fullFolders, writtenFolders } from '../cluster/full-disks';
import type { LiveValues } from '../cluster/live-values';
import { clusterFolder, configFolder, containerName, labels, recordFolder } from '../cluster/names';
import type {
  ClusterRecord,
  ObservedContainer,
  ObservedFile,
  ObservedHost,
  ObservedRedisInstance,
  RecordOwner,
} from '../cluster/observed';
import { portNumbersOf as portsOf } from '../cluster/port-conflicts';
import { readRunningConfig } from '../cluster/render/nginx';
import { redisFixedSum, redisSettingNames, redisTlsSettingNames } from '../cluster/render/redis';
import { type ClusterSpec, type PartName, partNames } from '../cluster/spec';
import { hasEnded } from '../cluster/tls/walk';
import type { HostActivities } from '../contracts/activities';
import { packHost } from '../contracts/packed';
import { observeAuth } from './auth-records';
import { type ActivityDependencies, connectTo } from './dependencies';
import { codeOf } from './failures';
import { parseRecord } from './record-json';
import { speaking } from './tongue';

const probeTimeoutMs = 2000;
const dockerFolder = '/var/lib/docker';
const redisParts = ['redis', 'redis-replica'] as const;

export function hostActivities(deps: ActivityDependencies): HostActivities {
  return {
    async observeHost({ spec, host, probe, pack }) {
      const startedAt = deps.now();
      try {
        const connection = await connectForLook(deps, spec, host);
        const seen = await look({ deps, spec, connection, probe, startedAt });
        return pack ? await packHost(seen) : seen;
      } catch (error) {
        // A host that answers and refuses us will refuse the next attempt too: a person must mend that.
        if (error instanceof HostRefusedError || error instanceof RightsError) throw error;
        if (error instanceof ClientError) return { host, reachable: false, error: error.message, code: codeOf(error) };
        throw error;
      }
    },
  };
}

/**
 * By the record, since what is wanted may be another state, unless the certificates of that have ended, which nobody takes; a host of a cluster that never
 * had TLS is not asked for one more file.
 */
async function connectForLook(deps: ActivityDependencies, spec: ClusterSpec, host: string): Promise<HostConnection> {
  const connection = await connectTo(deps, { ...spec, tls: undefined }, host);
  const { vault = emptyVault } = deps;
  if (!vault.holdsAny(spec.name)) return connection;
  const { record } = await readRecord(connection, spec.name);
  const recorded = record?.spec.tls?.state;
  const isOver = recorded !== undefined && hasEnded(recorded.series, deps.now());
  const state = (isOver && spec.tls?.state) || (recorded ?? spec.tls?.state);
  if (!state) return connection;
  return speaking(connection, { spec, state, vault, eitherWay: true });
}

interface Look {
  deps: ActivityDependencies;
  spec: ClusterSpec;
  connection: HostConnection;
  probe: boolean;
  startedAt: number;
}

async function look({ deps, spec, connection, probe, startedAt }: Look): Promise<ObservedHost> {
  const host = connection.host.id;
  const names = partNames.map((part) => containerName(spec.name, host, part));
  const reading = readRecord(connection, spec.name);
  const [version, containers, images, files, record, nginx, redis, machine, ready, auth] = await Promise.all([
    connection.engine.version(),
    connection.engine.list({ cluster: spec.name, names }),
    connection.engine.images(),
    observeFiles(connection, spec),
    reading,
    runningNginx(deps, { spec, connection, reading }),
    observeRedisOf(connection, spec),
    connection.preflight.machine({
      cluster: spec.name,
      ports: portsOf(spec, connection.host),
      folders: [dockerFolder, ...writtenFolders],
      settings: [],
    }),
    probe ? probeParts(connection, spec) : undefined,
    spec.auth ? observeAuth(connection, spec) : undefined,
  ]);
  const full = fullFolders(machine.disks);
  return {
    host,
    reachable: true,
    engine: version.version,
    platform: version.platform,
    clockOffsetMs: machine.clockOffsetMs,
    memoryBytes: machine.memoryBytes,
    diskUsedPercent: machine.disks[0]?.usedPercent ?? 0,
    ...(full.length > 0 && { full }),
    containers: containers.map((c) => toObserved(c, spec.name)),
    files,
    images: images.map(({ id, references }) => ({ id, references })),
    nginx,
    redis,
    listeners: machine.listeners,
    ...record,
    ready,
    ...(auth && { auth }),
    tookMs: deps.now() - startedAt,
  };
}

function toObserved(info: ContainerInfo, cluster: string): ObservedContainer {
  const ours = info.labels[labels.cluster] === cluster;
  return {
    id: info.id,
    name: info.name,
    cluster: ours ? cluster : undefined,
    part: ours ? (info.labels[labels.part] as PartName | undefined) : undefined,
    fingerprint: ours ? info.labels[labels.fingerprint] : undefined,
    operation: ours ? info.labels[labels.operation] : undefined,
    ingredients: ours ? parseIngredients(info.labels[labels.ingredients]) : undefined,
    imageId: info.imageId,
    image: info.image,
    state: info.state,
    startedAt: info.startedAt,
    restartCount: info.restartCount,
    exitCode: info.exitCode,
    memoryBytes: info.memoryBytes,
    nanoCpus: info.nanoCpus,
    nanoCpusHeld: info.nanoCpusHeld,
  };
}

/** With what Redis cannot take while it runs told apart from what it can. */
async function observeFiles(connection: HostConnection, spec: ClusterSpec): Promise<ObservedFile[]> {
  const paths = redisParts.map((part) => `${configFolder(spec.name, part)}/redis.conf`);
  const [listed, ...texts] = await Promise.all([
    connection.files.list([clusterFolder(spec.name, 'configuration')]),
    ...paths.map((path) => connection.files.read(path)),
  ]);
  return listed.map((file) => {
    const text = texts[paths.indexOf(file.path)];
    return text ? { ...file, fixedSha256: redisFixedSum(text.toString()) } : file;
  });
}

function parseIngredients(text: string | undefined): Record<string, string> | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Record<string, string>;
  } catch {
    return undefined;
  }
}

export async function readRecord(
  connection: HostConnection,
  cluster: string,
): Promise<{ record?: ClusterRecord; epoch: number; owner?: RecordOwner }> {
  const folder = recordFolder(cluster);
  const [state, epoch, owner] = await Promise.all([
    connection.files.read(`${folder}/state.json`),
    connection.files.read(`${folder}/epoch`),
    connection.files.read(`${folder}/owner.json`),
  ]);
  return {
    record: parseRecord<ClusterRecord>(connection.host.id, 'state.json', state),
    epoch: epoch ? Number.parseInt(epoch.toString(), 10) || 0 : 0,
    owner: parseRecord<RecordOwner>(connection.host.id, 'owner.json', owner),
  };
}

type RunningNginx = ReturnType<typeof readRunningConfig>;

interface NginxLook {
  spec: ClusterSpec;
  connection: HostConnection;
  reading: Promise<{ record?: ClusterRecord }>;
}

/** Where its port is another one now, it still listens where the record has it, or where a change that was not recorded has brought it: as its file says. */
async function runningNginx(
  deps: ActivityDependencies,
  { spec, connection, reading }: NginxLook,
): Promise<RunningNginx | undefined> {
  const { id } = connection.host;
  if (!spec.loadBalancers.includes(id)) return undefined;
  const answer = await askNginx(connection, spec.ports.lbProxy);
  if (answer) return answer;
  const { record } = await reading;
  const file = await connection.files.read(balancerPath(spec));
  const ports = [record?.spec.ports.lbProxy, ...(file ? balancerPorts(file.toString()) : [])];
  for (const port of new Set(ports)) {
    if (port === undefined || port === spec.ports.lbProxy) continue;
    const at = await connectForLook(deps, { ...spec, ports: { ...spec.ports, lbProxy: port } }, id);
    const other = await askNginx(at, port);
    if (other) return other;
  }
  return {};
}

async function askNginx(connection: HostConnection, port: number): Promise<RunningNginx | undefined> {
  try {
    const response = await connection.http({ port, path: '/.krakenctl/config', timeoutMs: probeTimeoutMs });
    return response.status === 200 ? readRunningConfig(response.body.toString()) : undefined;
  } catch {
    return undefined;
  }
}

export async function observeRedisOf(connection: HostConnection, spec: ClusterSpec): Promise<ObservedRedisInstance[]> {
  const host = connection.host.id;
  const names = [...redisSettingNames, ...(spec.tls ? redisTlsSettingNames : [])];
  return Promise.all([
    observeInstance({ host, part: 'redis' }, connection.redis(spec.ports.redis), names),
    observeInstance({ host, part: 'redis-replica' }, connection.redis(spec.ports.redisReplica), names),
  ]);
}

async function observeInstance(
  name: { host: string; part: 'redis' | 'redis-replica' },
  redis: RedisInstance,
  names: readonly string[],
): Promise<ObservedRedisInstance> {
  try {
    const [nodes, info, replication, settings] = await Promise.all([
      redis.clusterNodes(),
      redis.clusterInfo(),
      redis.replication(),
      settingsOf(redis, names),
    ]);
    const self = nodes.find((n) => n.flags.includes('myself'));
    if (!self) return { ...name, reachable: false, error: 'CLUSTER NODES names no myself' };
    return {
      ...name,
      reachable: true,
      id: self.id,
      role: self.flags.includes('master') ? 'master' : 'replica',
      masterId: self.masterId,
      linkUp: replication.master_link_status === 'up',
      clusterState: info.cluster_state === 'ok' ? 'ok' : 'fail',
      settings,
      view: nodes.map(({ id, address, port, flags, masterId, slots }) => ({
        id,
        address,
        port,
        flags,
        masterId,
        slots,
      })),
    };
  } catch (error) {
    return { ...name, reachable: false, error: error instanceof Error ? error.message : String(error) };
  }
}

/** What it says of each setting that it takes while it runs; a name that it does not know is not in it. */
export async function settingsOf(redis: RedisInstance, names: readonly string[]): Promise<LiveValues> {
  const values = await Promise.all(names.map(async (name) => [name, await redis.configGet(name)] as const));
  return Object.fromEntries(values.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

async function probeParts(connection: HostConnection, spec: ClusterSpec): Promise<Partial<Record<PartName, boolean>>> {
  const parts = partNames.filter((p) => p !== 'nginx' || spec.loadBalancers.includes(connection.host.id));
  const answers = await Promise.all(
    parts.map(async (part) => [part, await isReady(connection, readinessOf(spec, part))] as const),
  );
  return Object.fromEntries(answers);
}

/** One probe, as seen from the host itself. */
export async function isReady(connection: HostConnection, readiness: Readiness): Promise<boolean> {
  return (await probeOnce(connection, readiness)) === 'ready';
}

/** `ready`, or what was answered instead. */
export async function probeOnce(connection: HostConnection, readiness: Readiness): Promise<string> {
  try {
    if (readiness.kind === 'redis') {
      await connection.redis(readiness.port).ping();
      return 'ready';
    }
    const request = { port: readiness.port, path: readiness.path, timeoutMs: probeTimeoutMs };
    const response = await connection.http(request);
    return response.status === 200 ? 'ready' : `HTTP ${response.status}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
