import { explainChanges } from '../../src/cluster/because';
import { planDeploy } from '../../src/cluster/deploy-plan';
import type { DesiredState } from '../../src/cluster/desired';
import { desiredState, requiredImages } from '../../src/cluster/desired-state';
import { repositoryOf } from '../../src/cluster/image';
import { labels } from '../../src/cluster/names';
import type { ClusterRecord, Observed, ObservedContainer, SeenHost } from '../../src/cluster/observed';
import type { RolloutPace } from '../../src/cluster/pace';
import type { Plan } from '../../src/cluster/plan';
import { newestRecord } from '../../src/cluster/record';
import { type ClusterSpec, partNames, specSchema } from '../../src/cluster/spec';

/** A plain three-node spec; change what a test is about. */
export function exampleSpec(change: (spec: ClusterSpec) => void = () => undefined): ClusterSpec {
  const spec: ClusterSpec = {
    name: 'cluster',
    nodes: [1, 2, 3].map((n) => ({
      id: `node-${n}`,
      address: `10.0.1.${9 + n}`,
      ssh: { address: `10.0.1.${9 + n}`, port: 22, user: 'root' },
    })),
    loadBalancers: ['node-1', 'node-2', 'node-3'],
    ssh: { keyPath: '/keys/id', knownHostsPath: '/keys/known_hosts' },
    ports: {
      origin: 8080,
      originPeer: 8090,
      tracker: 8081,
      buildIndex: 8082,
      proxy: 8083,
      lbProxy: 5000,
      lbTracker: 5003,
      redis: 6379,
      redisReplica: 6380,
      redisRouter: 6390,
      redisRouterAdmin: 6391,
      testfs: 7000,
    },
    images: {
      source: 'pull',
      registry: 'images.example',
      version: 'v0.1.27',
      redis: 'redis:7.2',
      nginx: 'nginx:1.27',
      envoy: 'envoyproxy/envoy:v1.34.1',
    },
    limits: Object.fromEntries(
      partNames.map((p) => [p, { memoryBytes: 512 * 1024 * 1024, cpus: 0 }]),
    ) as ClusterSpec['limits'],
    redis: { maxmemoryBytes: 256 * 1024 * 1024, maxmemoryPolicy: 'allkeys-lru', nodeTimeoutMs: 5000 },
    nginx: {
      workerConnections: 4096,
      keepaliveTimeoutSeconds: 75,
      upstreamKeepalive: 32,
      connectTimeoutSeconds: 3,
      readTimeoutSeconds: 300,
      sendTimeoutSeconds: 300,
      maxFails: 3,
      failTimeoutSeconds: 10,
      connectionsPerClient: 0,
    },
    kraken: {
      maxReplica: 2,
      cacheTtiSeconds: 21600,
      cacheTtlSeconds: 0,
      announceIntervalSeconds: 3,
      writebackRetrySeconds: 30,
    },
    storage: { backend: 'testfs' },
    agents: {
      ports: { registry: 8080, peer: 8090, server: 8091, relay: 8095 },
      limit: { memoryBytes: 512 * 1024 * 1024, cpus: 0 },
    },
    logs: { maxSizeBytes: 50_000_000, maxFiles: 3 },
    concurrency: 20,
  };
  change(spec);
  return specSchema.parse(spec);
}

export function exampleImages(spec: ClusterSpec, mark = 'a'): Record<string, string> {
  return Object.fromEntries(
    requiredImages(spec).map((r, i) => [r, `sha256:${mark}${i.toString(16).padStart(2, '0')}`.padEnd(71, mark)]),
  );
}

/** What was rendered in this file already, as a copy: most tests plan for the same few clusters, and writing their YAML takes the time. */
const known = new Map<string, DesiredState>();

export function desiredOf(spec: ClusterSpec, images: Record<string, string>): DesiredState {
  const key = JSON.stringify([spec, images]);
  const state = known.get(key) ?? desiredState(spec, images);
  known.set(key, state);
  return structuredClone(state);
}

/** What would be seen on hosts that are exactly as desired. */
export function observedAs(spec: ClusterSpec, images: Record<string, string>): Observed {
  const desired = desiredOf(spec, images);
  const record: ClusterRecord = {
    format: 1,
    cluster: spec.name,
    generation: 3,
    spec,
    images,
    desiredHash: desired.hash,
    operation: { id: 'op', name: 'deploy-1', actor: 'ana@ops-1', endedAt: '2026-11-23T00:00:00.000Z' },
    counts: { deploy: 1 },
  };
  const ids = new Map(desired.redis.map((r) => [`${r.host}/${r.part}`, `id-${r.host}-${r.part}`]));
  const view = desired.redis.map((r) => ({
    id: ids.get(`${r.host}/${r.part}`)!,
    address: r.address,
    port: r.port,
    flags: [r.role === 'master' ? 'master' : 'slave'],
    masterId: r.follows ? ids.get(`${r.follows}/redis`) : undefined,
    slots: r.slots ? [r.slots] : [],
  }));
  const hosts = desired.hosts.map(
    (host): SeenHost => ({
      host: host.host,
      reachable: true,
      engine: '20.10.24',
      platform: 'linux/amd64',
      clockOffsetMs: 0,
      memoryBytes: 8e9,
      diskUsedPercent: 10,
      containers: host.containers.map(
        (c): ObservedContainer => ({
          id: `cid-${c.name}`,
          name: c.name,
          cluster: spec.name,
          part: c.part,
          fingerprint: c.fingerprint,
          operation: 'op',
          ingredients: c.ingredients,
          imageId: `id ${c.image}`,
          image: c.image,
          state: 'running',
          startedAt: 2000,
          restartCount: 0,
          exitCode: 0,
          memoryBytes: c.memoryBytes,
          nanoCpus: c.nanoCpus,
          nanoCpusHeld: false,
        }),
      ),
      files: host.files.map(({ path, sha256, mode, fixedSha256 }) => ({
        ...{ path, sha256, mode, changedAt: 1000 },
        ...(fixedSha256 && { fixedSha256 }),
      })),
      images: Object.entries(images).map(([r, d]) => ({ id: `id ${r}`, references: [r, `${repositoryOf(r)}@${d}`] })),
      nginx: { runningConfig: host.containers.find((c) => c.part === 'nginx')?.reloadSum },
      redis: desired.redis
        .filter((r) => r.host === host.host)
        .map((r) => {
          const id = ids.get(`${r.host}/${r.part}`)!;
          return {
            host: r.host,
            part: r.part,
            reachable: true,
            id,
            role: r.role,
            masterId: r.follows ? ids.get(`${r.follows}/redis`) : undefined,
            linkUp: r.role === 'replica',
            clusterState: 'ok',
            settings: { ...host.containers.find((c) => c.part === r.part)?.live },
            view: view.map((v) => (v.id === id ? { ...v, flags: ['myself', ...v.flags] } : v)),
          };
        }),
      record,
      epoch: 4,
      owner: { id: 'owner', temporal: '127.0.0.1:7233', namespace: 'default' },
      tookMs: 5,
    }),
  );
  return { cluster: spec.name, hosts };
}

export function planFor(
  spec: ClusterSpec,
  images: Record<string, string>,
  observed: Observed,
  pace?: RolloutPace,
): Plan {
  const desired = desiredOf(spec, images);
  const seen = observed.hosts.filter((h): h is SeenHost => h.reachable);
  const record = newestRecord(seen, spec.nodes.length);
  const origins = {
    'images.version': { key: 'KRAKEN_VERSION', origin: '.env:14' },
    'redis.maxmemoryBytes': { key: 'REDIS_MAXMEMORY', origin: '.env:31' },
    'redis.nodeTimeoutMs': { key: 'REDIS_NODE_TIMEOUT', origin: '.env:33' },
    'limits.origin.memoryBytes': { key: 'ORIGIN_MEMORY_LIMIT', origin: '.env:20' },
    'limits.redis.memoryBytes': { key: 'REDIS_MEMORY_LIMIT', origin: '.env:30' },
    'limits.redis-replica.memoryBytes': { key: 'REDIS_MEMORY_LIMIT', origin: '.env:30' },
  };
  return planDeploy({
    spec,
    desired,
    observed,
    because: explainChanges({ record, spec, images, origins, desired, render: desiredOf }),
    pace,
  });
}

export function seenHost(observed: Observed, id: string): SeenHost {
  const host = observed.hosts.find((h) => h.host === id);
  if (!host?.reachable) throw new Error(`${id} is not seen`);
  return host;
}

export { labels };
