import type { ClusterSpec, PartName } from '../cluster/spec';
import type { Settings } from '../config/load';
import type { SpecOrigins } from '../contracts/operation';

/** Which key of `.env` sets which value of a spec, so that a plan can say `KRAKEN_VERSION (.env:14)`. */

const limitPrefixes: Record<PartName, string> = {
  redis: 'REDIS',
  'redis-replica': 'REDIS',
  'redis-router': 'REDIS_ROUTER',
  testfs: 'TESTFS',
  origin: 'ORIGIN',
  tracker: 'TRACKER',
  'build-index': 'BUILD_INDEX',
  proxy: 'PROXY',
  nginx: 'NGINX',
};

const limitKeys = Object.fromEntries(
  Object.entries(limitPrefixes).flatMap(([part, prefix]) => [
    [`limits.${part}.memoryBytes`, `${prefix}_MEMORY_LIMIT`],
    [`limits.${part}.cpus`, `${prefix}_CPU_LIMIT`],
  ]),
);

const keysByPath: Record<string, string> = {
  name: 'CLUSTER_NAME',
  loadBalancers: 'LB_NODES',
  concurrency: 'CONCURRENCY',
  'ssh.keyPath': 'SSH_KEY_PATH',
  'ssh.knownHostsPath': 'SSH_KNOWN_HOSTS',
  'ssh.proxyJump': 'SSH_PROXY_JUMP',
  'ports.origin': 'ORIGIN_PORT',
  'ports.originPeer': 'ORIGIN_PEER_PORT',
  'ports.tracker': 'TRACKER_PORT',
  'ports.buildIndex': 'BUILD_INDEX_PORT',
  'ports.proxy': 'PROXY_PORT',
  'ports.lbProxy': 'LB_PROXY_PORT',
  'ports.lbTracker': 'LB_TRACKER_PORT',
  'ports.redis': 'REDIS_PORT',
  'ports.redisReplica': 'REDIS_REPLICA_PORT',
  'ports.redisRouter': 'REDIS_ROUTER_PORT',
  'ports.redisRouterAdmin': 'REDIS_ROUTER_ADMIN_PORT',
  'ports.testfs': 'TESTFS_PORT',
  tls: 'ENABLE_TLS',
  'tls.lifetimeSeconds': 'TLS_CERT_LIFETIME',
  'tls.given': 'CERT_PATH',
  'tls.given.certificate': 'CERT_PATH',
  'tls.given.key': 'KEY_PATH',
  'tls.given.trusted': 'CA_PATH',
  'images.source': 'IMAGE_SOURCE',
  'images.archiveDir': 'IMAGE_ARCHIVE_DIR',
  'images.registry': 'KRAKEN_IMAGE_REGISTRY',
  'images.version': 'KRAKEN_VERSION',
  'images.redis': 'REDIS_IMAGE',
  'images.nginx': 'NGINX_IMAGE',
  'images.envoy': 'ENVOY_IMAGE',
  'redis.maxmemoryBytes': 'REDIS_MAXMEMORY',
  'redis.maxmemoryPolicy': 'REDIS_MAXMEMORY_POLICY',
  'redis.nodeTimeoutMs': 'REDIS_NODE_TIMEOUT',
  'nginx.workerConnections': 'NGINX_WORKER_CONNECTIONS',
  'nginx.keepaliveTimeoutSeconds': 'NGINX_KEEPALIVE_TIMEOUT',
  'nginx.upstreamKeepalive': 'NGINX_UPSTREAM_KEEPALIVE',
  'nginx.connectTimeoutSeconds': 'NGINX_CONNECT_TIMEOUT',
  'nginx.readTimeoutSeconds': 'NGINX_READ_TIMEOUT',
  'nginx.sendTimeoutSeconds': 'NGINX_SEND_TIMEOUT',
  'nginx.maxFails': 'NGINX_MAX_FAILS',
  'nginx.failTimeoutSeconds': 'NGINX_FAIL_TIMEOUT',
  'nginx.connectionsPerClient': 'NGINX_CONNECTIONS_PER_CLIENT',
  'kraken.maxReplica': 'ORIGIN_MAX_REPLICA',
  'kraken.cacheTtiSeconds': 'CACHE_TTI',
  'kraken.cacheTtlSeconds': 'CACHE_TTL',
  'kraken.announceIntervalSeconds': 'ANNOUNCE_INTERVAL',
  'kraken.writebackRetrySeconds': 'WRITEBACK_RETRY_INTERVAL',
  'storage.backend': 'STORAGE_BACKEND',
  'agents.ports.registry': 'AGENT_PORT',
  'agents.ports.peer': 'AGENT_PEER_PORT',
  'agents.ports.server': 'AGENT_SERVER_PORT',
  'agents.ports.relay': 'AGENT_RELAY_PORT',
  'agents.limit.memoryBytes': 'AGENT_MEMORY_LIMIT',
  'agents.limit.cpus': 'AGENT_CPU_LIMIT',
  'firewall.clients': 'FIREWALL_CLIENTS',
  'firewall.peers': 'FIREWALL_PEERS',
  'firewall.ssh': 'FIREWALL_SSH',
  auth: 'ENABLE_AUTH',
  'auth.key': 'AUTH_SECRET',
  'logs.maxSizeBytes': 'LOG_MAX_SIZE',
  'logs.maxFiles': 'LOG_MAX_FILES',
  ...limitKeys,
};

/** The key that sets a leaf of the spec. */
export function keyOfPath(path: string): string | undefined {
  const [, index] = /^nodes\.(\d+)(\.|$)/.exec(path) ?? [];
  if (index !== undefined) return `CLUSTER_NODE_${Number(index) + 1}`;
  const exact = keysByPath[path];
  if (exact !== undefined) return exact;
  const parent = path.slice(0, path.lastIndexOf('.'));
  return parent === path || path.lastIndexOf('.') < 0 ? undefined : keyOfPath(parent);
}

export function findOrigins(spec: ClusterSpec, settings: Settings): SpecOrigins {
  const origins: SpecOrigins = {};
  for (const path of leafPaths(spec)) {
    const key = keyOfPath(path);
    if (key) origins[path] = { key, origin: settings[key]?.origin ?? 'default' };
  }
  return origins;
}

/** Keys whose values differ between two specs, for "your .env differs in 3 keys"; nodes by their keys. */
export function differingKeys(a: ClusterSpec, b: ClusterSpec): string[] {
  const [left, right] = [leaves(a), leaves(b)];
  const paths = [...new Set([...left.keys(), ...right.keys()])].filter((p) => left.get(p) !== right.get(p));
  return [...new Set(paths.map((path) => keyOfPath(path) ?? path))];
}

function leafPaths(spec: ClusterSpec): string[] {
  return [...leaves(spec).keys()];
}

function leaves(tree: unknown, path = ''): Map<string, string> {
  if (typeof tree !== 'object' || tree === null) return new Map([[path, JSON.stringify(tree)]]);
  return new Map(Object.entries(tree).flatMap(([key, value]) => [...leaves(value, path ? `${path}.${key}` : key)]));
}
