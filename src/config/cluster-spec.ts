import { type ClusterSpec, type Limit, type SshTarget, specSchema } from '../cluster/spec';
import type { Values } from './keys';
import type { ResolvedNode } from './resolve';
import type { NodeAddress } from './values/places';

/** Values without a mistake, in the words of the core. */

type Complete = { [K in keyof Values]-?: NonNullable<Values[K]> };

export interface SpecParts {
  values: Values;
  nodes: ResolvedNode[];
  /** Key file when SSH_KEY_PATH is not set. */
  defaultKeyPath?: string;
  home?: string;
  /** Absent: nobody needs a login. */
  auth?: ClusterSpec['auth'];
}

/** @throws when a value slipped through every check, which is a bug and not a person's mistake. */
export function toClusterSpec({ values, nodes, defaultKeyPath, home, auth }: SpecParts): ClusterSpec {
  const v = values as Complete;
  const keyPath = values.SSH_KEY_PATH ?? defaultKeyPath;
  const jump = values.SSH_PROXY_JUMP;
  return specSchema.parse({
    name: v.CLUSTER_NAME,
    nodes: nodes.map((node) => ({ id: node.id, address: node.address, ssh: toSshTarget(node, v) })),
    loadBalancers: values.LB_NODES ?? nodes.map(({ id }) => id),
    ssh: {
      keyPath: keyPath && expandHome(keyPath, home),
      knownHostsPath: expandHome(v.SSH_KNOWN_HOSTS, home),
      // The bastion is another machine: the nodes' SSH_PORT says nothing about it.
      proxyJump: jump && toSshTarget(jump, { ...v, SSH_PORT: 22 }),
    },
    ports: toPorts(v),
    images: {
      source: v.IMAGE_SOURCE,
      archiveDir: values.IMAGE_ARCHIVE_DIR && expandHome(values.IMAGE_ARCHIVE_DIR, home),
      registry: v.KRAKEN_IMAGE_REGISTRY,
      version: v.KRAKEN_VERSION,
      redis: v.REDIS_IMAGE,
      nginx: v.NGINX_IMAGE,
      envoy: v.ENVOY_IMAGE,
    },
    limits: toLimits(v),
    ...toServices(v),
    storage: { backend: v.STORAGE_BACKEND as 'testfs' },
    agents: {
      ports: {
        registry: v.AGENT_PORT,
        peer: v.AGENT_PEER_PORT,
        server: v.AGENT_SERVER_PORT,
        relay: v.AGENT_RELAY_PORT,
      },
      limit: { memoryBytes: v.AGENT_MEMORY_LIMIT, cpus: v.AGENT_CPU_LIMIT },
    },
    ...toFirewall(values),
    ...(auth && { auth }),
    ...toTls(values, home),
    logs: { maxSizeBytes: v.LOG_MAX_SIZE, maxFiles: v.LOG_MAX_FILES },
    concurrency: v.CONCURRENCY,
  } satisfies ClusterSpec);
}

function toSshTarget({ address, user, port }: NodeAddress, v: Complete): SshTarget {
  return { address, port: port ?? v.SSH_PORT, user: user ?? v.SSH_USER };
}

/** `~` is the home of whoever runs krakenctl; without one known it stays, and whoever opens the file says so. */
export function expandHome(path: string, home: string | undefined): string {
  return path.startsWith('~/') && home ? `${home.replace(/\/$/, '')}${path.slice(1)}` : path;
}

function toPorts(v: Complete): ClusterSpec['ports'] {
  return {
    origin: v.ORIGIN_PORT,
    originPeer: v.ORIGIN_PEER_PORT,
    tracker: v.TRACKER_PORT,
    buildIndex: v.BUILD_INDEX_PORT,
    proxy: v.PROXY_PORT,
    lbProxy: v.LB_PROXY_PORT,
    lbTracker: v.LB_TRACKER_PORT,
    redis: v.REDIS_PORT,
    redisReplica: v.REDIS_REPLICA_PORT,
    redisRouter: v.REDIS_ROUTER_PORT,
    redisRouterAdmin: v.REDIS_ROUTER_ADMIN_PORT,
    testfs: v.TESTFS_PORT,
  };
}

/** Absent as a whole where nothing of it is set, as in every spec of before there was one. */
function toFirewall({ FIREWALL_CLIENTS, FIREWALL_PEERS, FIREWALL_SSH }: Values): Pick<ClusterSpec, 'firewall'> {
  if (!FIREWALL_CLIENTS && !FIREWALL_PEERS && !FIREWALL_SSH) return {};
  return { firewall: { clients: FIREWALL_CLIENTS, peers: FIREWALL_PEERS, ssh: FIREWALL_SSH } };
}

/** Absent where it is off, as in every spec of before there was one. */
function toTls(values: Values, home: string | undefined): Pick<ClusterSpec, 'tls'> {
  const { ENABLE_TLS, CERT_PATH, KEY_PATH, CA_PATH, TLS_CERT_LIFETIME } = values;
  if (!ENABLE_TLS) return {};
  const at = (path: string) => expandHome(path, home);
  const given = CERT_PATH &&
    KEY_PATH && { certificate: at(CERT_PATH), key: at(KEY_PATH), ...(CA_PATH && { trusted: at(CA_PATH) }) };
  return { tls: { lifetimeSeconds: TLS_CERT_LIFETIME!, ...(given && { given }) } };
}

function toLimits(v: Complete): ClusterSpec['limits'] {
  const limit = (memoryBytes: number, cpus: number): Limit => ({ memoryBytes, cpus });
  const redis = limit(v.REDIS_MEMORY_LIMIT, v.REDIS_CPU_LIMIT);
  return {
    redis,
    'redis-replica': redis,
    'redis-router': limit(v.REDIS_ROUTER_MEMORY_LIMIT, v.REDIS_ROUTER_CPU_LIMIT),
    testfs: limit(v.TESTFS_MEMORY_LIMIT, v.TESTFS_CPU_LIMIT),
    origin: limit(v.ORIGIN_MEMORY_LIMIT, v.ORIGIN_CPU_LIMIT),
    tracker: limit(v.TRACKER_MEMORY_LIMIT, v.TRACKER_CPU_LIMIT),
    'build-index': limit(v.BUILD_INDEX_MEMORY_LIMIT, v.BUILD_INDEX_CPU_LIMIT),
    proxy: limit(v.PROXY_MEMORY_LIMIT, v.PROXY_CPU_LIMIT),
    nginx: limit(v.NGINX_MEMORY_LIMIT, v.NGINX_CPU_LIMIT),
  };
}

function toServices(v: Complete): Pick<ClusterSpec, 'redis' | 'nginx' | 'kraken'> {
  return {
    redis: {
      maxmemoryBytes: v.REDIS_MAXMEMORY,
      maxmemoryPolicy: v.REDIS_MAXMEMORY_POLICY,
      nodeTimeoutMs: v.REDIS_NODE_TIMEOUT,
    },
    nginx: {
      workerConnections: v.NGINX_WORKER_CONNECTIONS,
      keepaliveTimeoutSeconds: v.NGINX_KEEPALIVE_TIMEOUT,
      upstreamKeepalive: v.NGINX_UPSTREAM_KEEPALIVE,
      connectTimeoutSeconds: v.NGINX_CONNECT_TIMEOUT,
      readTimeoutSeconds: v.NGINX_READ_TIMEOUT,
      sendTimeoutSeconds: v.NGINX_SEND_TIMEOUT,
      maxFails: v.NGINX_MAX_FAILS,
      failTimeoutSeconds: v.NGINX_FAIL_TIMEOUT,
      connectionsPerClient: v.NGINX_CONNECTIONS_PER_CLIENT,
    },
    kraken: {
      maxReplica: v.ORIGIN_MAX_REPLICA,
      cacheTtiSeconds: v.CACHE_TTI,
      cacheTtlSeconds: v.CACHE_TTL,
      announceIntervalSeconds: v.ANNOUNCE_INTERVAL,
      writebackRetrySeconds: v.WRITEBACK_RETRY_INTERVAL,
    },
  };
}
