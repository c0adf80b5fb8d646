import type { ClusterSpec } from '../../src/cluster/spec';
import type { KeyDefinition } from '../../src/config/key';
import { keyNames, keys } from '../../src/config/keys';
import { loadText } from './samples';

const MiB = 2 ** 20;

/** What each key says, and where it stands in the spec; a key with two places is one that two parts share. */
const places: Record<string, [text: string, value: unknown, ...paths: string[]]> = {
  CLUSTER_NAME: ['demo', 'demo', 'name'],
  LB_NODES: ['node-2,node-3', ['node-2', 'node-3'], 'loadBalancers'],
  CONCURRENCY: ['3', 3, 'concurrency'],
  SSH_KEY_PATH: ['/k', '/k', 'ssh.keyPath'],
  SSH_KNOWN_HOSTS: ['/h', '/h', 'ssh.knownHostsPath'],
  SSH_PROXY_JUMP: ['a@b.test:23', { address: 'b.test', user: 'a', port: 23 }, 'ssh.proxyJump'],
  SSH_USER: ['ana', 'ana', 'nodes.0.ssh.user', 'nodes.1.ssh.user', 'nodes.2.ssh.user'],
  SSH_PORT: ['2022', 2022, 'nodes.0.ssh.port', 'nodes.1.ssh.port', 'nodes.2.ssh.port'],
  KRAKEN_IMAGE_REGISTRY: ['a.test:5001/k', 'a.test:5001/k', 'images.registry'],
  KRAKEN_VERSION: ['3.10', '3.10', 'images.version'],
  REDIS_IMAGE: ['a.test/redis:8', 'a.test/redis:8', 'images.redis'],
  NGINX_IMAGE: ['nginx:9', 'nginx:9', 'images.nginx'],
  ENVOY_IMAGE: ['envoy:v9', 'envoy:v9', 'images.envoy'],
  IMAGE_SOURCE: ['load', 'load', 'images.source'],
  IMAGE_ARCHIVE_DIR: ['/srv/images/', '/srv/images', 'images.archiveDir'],
  STORAGE_BACKEND: ['testfs', 'testfs', 'storage.backend'],
  ORIGIN_PORT: ['3001', 3001, 'ports.origin'],
  ORIGIN_PEER_PORT: ['3002', 3002, 'ports.originPeer'],
  TRACKER_PORT: ['3003', 3003, 'ports.tracker'],
  BUILD_INDEX_PORT: ['3004', 3004, 'ports.buildIndex'],
  PROXY_PORT: ['3005', 3005, 'ports.proxy'],
  LB_PROXY_PORT: ['3006', 3006, 'ports.lbProxy'],
  LB_TRACKER_PORT: ['3007', 3007, 'ports.lbTracker'],
  REDIS_PORT: ['3008', 3008, 'ports.redis'],
  REDIS_REPLICA_PORT: ['3009', 3009, 'ports.redisReplica'],
  REDIS_ROUTER_PORT: ['3010', 3010, 'ports.redisRouter'],
  REDIS_ROUTER_ADMIN_PORT: ['3011', 3011, 'ports.redisRouterAdmin'],
  TESTFS_PORT: ['3012', 3012, 'ports.testfs'],
  ORIGIN_MEMORY_LIMIT: ['901m', 901 * MiB, 'limits.origin.memoryBytes'],
  ORIGIN_CPU_LIMIT: ['0.01', 0.01, 'limits.origin.cpus'],
  TRACKER_MEMORY_LIMIT: ['902M', 902 * MiB, 'limits.tracker.memoryBytes'],
  TRACKER_CPU_LIMIT: ['2', 2, 'limits.tracker.cpus'],
  BUILD_INDEX_MEMORY_LIMIT: ['903mb', 903 * MiB, 'limits.build-index.memoryBytes'],
  BUILD_INDEX_CPU_LIMIT: ['3.5', 3.5, 'limits.build-index.cpus'],
  PROXY_MEMORY_LIMIT: ['904MB', 904 * MiB, 'limits.proxy.memoryBytes'],
  PROXY_CPU_LIMIT: ['4', 4, 'limits.proxy.cpus'],
  TESTFS_MEMORY_LIMIT: ['4g', 4096 * MiB, 'limits.testfs.memoryBytes'],
  TESTFS_CPU_LIMIT: ['5', 5, 'limits.testfs.cpus'],
  REDIS_MEMORY_LIMIT: ['906m', 906 * MiB, 'limits.redis.memoryBytes', 'limits.redis-replica.memoryBytes'],
  REDIS_CPU_LIMIT: ['6', 6, 'limits.redis.cpus', 'limits.redis-replica.cpus'],
  REDIS_ROUTER_MEMORY_LIMIT: ['907m', 907 * MiB, 'limits.redis-router.memoryBytes'],
  REDIS_ROUTER_CPU_LIMIT: ['7', 7, 'limits.redis-router.cpus'],
  NGINX_MEMORY_LIMIT: ['908m', 908 * MiB, 'limits.nginx.memoryBytes'],
  NGINX_CPU_LIMIT: ['8', 8, 'limits.nginx.cpus'],
  REDIS_MAXMEMORY: ['65536k', 64 * MiB, 'redis.maxmemoryBytes'],
  REDIS_MAXMEMORY_POLICY: ['noeviction', 'noeviction', 'redis.maxmemoryPolicy'],
  REDIS_NODE_TIMEOUT: ['3500ms', 3500, 'redis.nodeTimeoutMs'],
  NGINX_WORKER_CONNECTIONS: ['801', 801, 'nginx.workerConnections'],
  NGINX_CONNECTIONS_PER_CLIENT: ['802', 802, 'nginx.connectionsPerClient'],
  NGINX_KEEPALIVE_TIMEOUT: ['0', 0, 'nginx.keepaliveTimeoutSeconds'],
  NGINX_UPSTREAM_KEEPALIVE: ['804', 804, 'nginx.upstreamKeepalive'],
  NGINX_CONNECT_TIMEOUT: ['3000ms', 3, 'nginx.connectTimeoutSeconds'],
  NGINX_READ_TIMEOUT: ['6m', 360, 'nginx.readTimeoutSeconds'],
  NGINX_SEND_TIMEOUT: ['7m', 420, 'nginx.sendTimeoutSeconds'],
  NGINX_MAX_FAILS: ['8', 8, 'nginx.maxFails'],
  NGINX_FAIL_TIMEOUT: ['9s', 9, 'nginx.failTimeoutSeconds'],
  ORIGIN_MAX_REPLICA: ['3', 3, 'kraken.maxReplica'],
  CACHE_TTI: ['1d', 86_400, 'kraken.cacheTtiSeconds'],
  CACHE_TTL: ['2h', 7200, 'kraken.cacheTtlSeconds'],
  ANNOUNCE_INTERVAL: ['4s', 4, 'kraken.announceIntervalSeconds'],
  WRITEBACK_RETRY_INTERVAL: ['5s', 5, 'kraken.writebackRetrySeconds'],
  FIREWALL_CLIENTS: ['10.0.0.0/8,2001:DB8::/32', ['10.0.0.0/8', '2001:db8::/32'], 'firewall.clients'],
  FIREWALL_PEERS: ['10.1.2.3/32,10.1.0.0/16', ['10.1.0.0/16'], 'firewall.peers'],
  FIREWALL_SSH: ['::1,10.0.0.5', ['10.0.0.5', '::1'], 'firewall.ssh'],
  ENABLE_TLS: [
    'true',
    { lifetimeSeconds: 864_000, given: { certificate: '/c.crt', key: '/c.key', trusted: '/ca.crt' } },
    'tls',
  ],
  CERT_PATH: ['/c.crt', '/c.crt', 'tls.given.certificate'],
  KEY_PATH: ['/c.key', '/c.key', 'tls.given.key'],
  CA_PATH: ['/ca.crt', '/ca.crt', 'tls.given.trusted'],
  TLS_CERT_LIFETIME: ['10d', 864_000, 'tls.lifetimeSeconds'],
  LOG_MAX_SIZE: ['11mb', 11 * MiB, 'logs.maxSizeBytes'],
  LOG_MAX_FILES: ['4', 4, 'logs.maxFiles'],
  AGENT_PORT: ['8101', 8101, 'agents.ports.registry'],
  AGENT_PEER_PORT: ['8102', 8102, 'agents.ports.peer'],
  AGENT_SERVER_PORT: ['8103', 8103, 'agents.ports.server'],
  AGENT_RELAY_PORT: ['8104', 8104, 'agents.ports.relay'],
  AGENT_MEMORY_LIMIT: ['601m', 601 * MiB, 'agents.limit.memoryBytes'],
  AGENT_CPU_LIMIT: ['1.5', 1.5, 'agents.limit.cpus'],
};

/** Together, so that a value that lands in another key's place cannot hide behind an equal default. */
/** Those of logins together make one value: `auth-rules.test.ts`. */
const logins = ['ENABLE_AUTH', 'AUTH_SECRET', 'AUTH_WITHOUT_TLS'];
const beside = ['LOG_DIR', 'ROLLOUT_BAKE', 'MAINTENANCE_WINDOW', ...logins];
const built = keyNames.filter((name) => keys[name].status === 'built' && !beside.includes(name));

test('every key that is built has its place in the spec', () => {
  expect(Object.keys(places).toSorted()).toEqual(built.toSorted());
});

const everything = Object.entries(places).map(([key, [text]]) => `${key}=${text}\n`);
const loaded = loadText(everything.join('').replace(/KRAKEN_IMAGE_REGISTRY.*\n/, ''), {
  KRAKEN_IMAGE_REGISTRY: 'a.test:5001/k',
});

test.each(Object.entries(places))('%s stands where it belongs', (_key, [, value, ...paths]) => {
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
  for (const path of paths) expect(read(loaded.spec, path)).toEqual(value);
});

test('how a change goes over the nodes is no part of the spec, so that another window is no change', () => {
  const rollout = 'ROLLOUT_BAKE=30m\nMAINTENANCE_WINDOW="22:00-04:00 Europe/Berlin"\n';
  const plain = loadText('');
  const timed = loadText(rollout);
  if (!plain.ok || !timed.ok) throw new Error('mistakes');
  expect(timed.spec).toEqual(plain.spec);
  expect(plain.rollout).toEqual({});
  expect(timed.rollout).toEqual({
    bakeMs: 1_800_000,
    window: { from: '22:00', to: '04:00', zone: 'Europe/Berlin' },
  });
});

test('nothing else is in the spec but the nodes', () => {
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
  const known = new Set(Object.values(places).flatMap(([, , ...paths]) => paths));
  const leaves = leavesOf(loaded.spec).filter(
    (leaf) => ![...known].some((path) => leaf === path || leaf.startsWith(`${path}.`)),
  );
  expect(leaves.filter((leaf) => !/^nodes\.\d\.(id|address|ssh\.address)$/.test(leaf))).toEqual([]);
});

test('every default is a value of its key', () => {
  for (const name of keyNames) {
    const { default: text, schema }: KeyDefinition = keys[name];
    if (text !== undefined) expect([name, schema.safeParse(text).success]).toEqual([name, true]);
  }
});

function read(spec: ClusterSpec, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], spec);
}

function leavesOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, path === '' ? key : `${path}.${key}`));
}
