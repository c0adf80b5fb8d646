import type { KeyName } from '../../src/config/keys';

/** Sixteen ways in which each field can be wrong. By kind, since a port is wrong in the same ways wherever it stands. */

// biome-ignore format: a table
const numbers = [
  '', 'x', '-1', '+1', '1.5', '1,5', '1e3', '0x10', '007', ' 7 8', '9'.repeat(20), '１', 'true', '5;id', '$(id)',
  '1\u0000',
];
// biome-ignore format: a table
const ports = [
  '', '0', '-1', '65536', '99999', '08080', '80.80', '8080/tcp', ':8080', '8o80', '0x1f90', '8080,8081', 'http',
  '８０８０', '80 80', '8080\n',
];
// biome-ignore format: a table
const sizes = [
  '', '512', '512 mb', '-1m', '0m', '1.5g', 'g', 'mb', '512mib', '512x', '1e3m', '0512m', '9999999999m', '2t', '1k',
  '5m\n',
];
// biome-ignore format: a table
const durations = [
  '', '30', '-1s', '1.5m', 's', '30 s', '30sec', '1h30m', '030s', '1w', '5S', 'PT30S', '999999999d', '5s;id', '∞',
  '5s\u0007',
];
// biome-ignore format: a table
const cores = [
  '', 'x', '-1', '1,5', '.5', '1.', '0.001', '01', '1e1', '999', '513', '1 core', '100m', 'all', '½', '1\t',
];
// biome-ignore format: a table
const paths = [
  '', 'relative', './x', '../x', '/a/../b', '/a/./b', '/a//b', '/', '/a b', '/a;id', '/$(id)', '/a\u0000b', '~ana/x',
  'C:\\keys', 'file:///a', `/${'a'.repeat(300)}`,
];
// biome-ignore format: a table
const hosts = [
  '', '10.0.1', '10.0.1.256', '010.0.1.1', '0.0.0.0', '127.0.0.1', '255.255.255.255', 'localhost', '::1', '[fe80::1]',
  'http://a.test', '-a.test', 'a_b.test', 'a..test', '10.0.1.1/24', 'a.test;id',
];
// biome-ignore format: a table
const addresses = [
  ...hosts.slice(0, 10), 'a@b@c', '@10.0.1.9', '-o@10.0.1.9', '10.0.1.9:0', '10.0.1.9:65536', 'ana@$(id)',
];
// biome-ignore format: a table
const images = [
  '', 'redis', 'Redis:7', 'redis:', 'redis:7:0', 'https://a.test/redis:7', '/redis:7', 'a.test//redis:7', 'redis:7 0',
  'redis@sha256:abc', 'redis@md5:00', 'redis:-7', 'a.test/redis:7;id', 'redis:$(id)', `redis:${'7'.repeat(129)}`,
  'redis:7\u0000',
];
// biome-ignore format: a table
const flags = [
  '', 'TRUE', 'True', 'FALSE', 'yes', 'no', 'on', 'off', '1', '0', 'enabled', 'tru', 'true ;', 'null', 'y',
  'false\u0000',
];

// biome-ignore format: a table
const networks = [
  '', 'office', '10.0.1', '10.0.1.256', '010.0.1.1', '10.0.1.5/24', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0-10.0.0.9',
  '10.0.0.0/8;10.1.0.0/16', '10.0.0.1,,10.0.0.2', '::1::2', '2001:db8::/129', 'fe80::1%eth0', '::ffff:10.0.0.1',
  '10.0.0.0/8 } accept',
];

// biome-ignore format: a table
export const wrongTexts: Record<KeyName | 'CLUSTER_NODE_2', string[]> = {
  CLUSTER_NODE_2: addresses,
  CLUSTER_NAME: [
    '', 'A', 'Cluster', '-a', '_a', '.a', 'a_b', 'a.b', 'a b', 'a/b', '../a', 'a'.repeat(32), 'größe', 'a;id', '$(id)',
    'a\u0000',
  ],
  LB_NODES: [
    '', 'node1', 'node-0', 'node-01', 'node-', 'Node-1', '10.0.1.10', 'node-1;node-2', 'node-1 node-2',
    'node-1,,node-2', ',node-1', 'node-1,', 'node-1,node-1', 'all', 'node-9', 'node-1000',
  ],
  CONCURRENCY: [...numbers.slice(0, 14), '0', '257'],
  SSH_USER: [
    '', '-a', '.a', 'a b', 'a@b', 'a:b', 'a/b', 'DOMAIN\\a', 'a;id', '$(id)', '`id`', "a'b", 'a"b', 'größe',
    'a'.repeat(33), 'a\u0000',
  ],
  SSH_PORT: ports,
  SSH_KEY_PATH: paths,
  SSH_KNOWN_HOSTS: paths,
  SSH_PROXY_JUMP: addresses,
  KRAKEN_IMAGE_REGISTRY: [
    '', 'https://a.test', 'http://a.test/kraken', 'a.test/', 'a.test//kraken', '/kraken', 'a.test/Kraken',
    'a.test/kraken:v1', 'a.test:port', 'a.test:123456', 'a b.test', '-a.test', 'a.test/../b', 'a.test;id', '$(id)',
    'a.test\u0000',
  ],
  KRAKEN_VERSION: [
    '', ' v1', '-v1', '.v1', 'v1 2', 'v1/2', 'v1:2', 'v1@2', 'v1+2', '../v1', 'v1;id', '$(id)', 'größe', 'v1\u0000',
    'v1\n', 'v'.repeat(129),
  ],
  REDIS_IMAGE: images,
  NGINX_IMAGE: images,
  ENVOY_IMAGE: images,
  IMAGE_SOURCE: [
    '', 'Pull', 'LOAD', 'push', 'pull,load', 'pull load', 'registry', 'tar', 'loads', 'true', '0', 'none', 'pull;id',
    '$(id)', 'pull\n', 'load\u0000',
  ],
  IMAGE_ARCHIVE_DIR: paths,
  STORAGE_BACKEND: [
    '', 's3', 'S3', 'TestFS', 'testfs ,', 'gcs', 'hdfs', 'local', 'file', 'minio', 'true', '0', 'none', 'testfs;id',
    '$(id)', 'testfs\u0000',
  ],
  ORIGIN_PORT: ports,
  ORIGIN_PEER_PORT: ports,
  TRACKER_PORT: ports,
  BUILD_INDEX_PORT: ports,
  PROXY_PORT: ports,
  LB_PROXY_PORT: ports,
  LB_TRACKER_PORT: ports,
  REDIS_PORT: [...ports.slice(0, 15), '55536'],
  REDIS_REPLICA_PORT: [...ports.slice(0, 15), '65535'],
  REDIS_ROUTER_PORT: ports,
  REDIS_ROUTER_ADMIN_PORT: ports,
  TESTFS_PORT: ports,
  ORIGIN_MEMORY_LIMIT: sizes,
  ORIGIN_CPU_LIMIT: cores,
  TRACKER_MEMORY_LIMIT: sizes,
  TRACKER_CPU_LIMIT: cores,
  BUILD_INDEX_MEMORY_LIMIT: sizes,
  BUILD_INDEX_CPU_LIMIT: cores,
  PROXY_MEMORY_LIMIT: sizes,
  PROXY_CPU_LIMIT: cores,
  TESTFS_MEMORY_LIMIT: sizes,
  TESTFS_CPU_LIMIT: cores,
  REDIS_MEMORY_LIMIT: sizes,
  REDIS_CPU_LIMIT: cores,
  REDIS_ROUTER_MEMORY_LIMIT: sizes,
  REDIS_ROUTER_CPU_LIMIT: cores,
  NGINX_MEMORY_LIMIT: sizes,
  NGINX_CPU_LIMIT: cores,
  REDIS_MAXMEMORY: sizes,
  REDIS_MAXMEMORY_POLICY: [
    '', 'lru', 'allkeys', 'allkeys_lru', 'ALLKEYS-LRU', 'allkeys-lru,noeviction', 'none', 'evict', 'no-eviction',
    'volatile', 'volatile-ttl2', 'true', '0', 'noeviction;id', '$(id)', 'noeviction\r\nport 1',
  ],
  REDIS_NODE_TIMEOUT: [...durations.slice(0, 13), '999ms', '6m', '0'],
  NGINX_WORKER_CONNECTIONS: [...numbers.slice(0, 14), '63', '65536'],
  NGINX_CONNECTIONS_PER_CLIENT: [...numbers.slice(0, 15), '65536'],
  NGINX_KEEPALIVE_TIMEOUT: [...durations.slice(0, 14), '500ms', '2h'],
  NGINX_UPSTREAM_KEEPALIVE: [...numbers.slice(0, 15), '4097'],
  NGINX_CONNECT_TIMEOUT: [...durations.slice(0, 13), '0', '76s', '1500ms'],
  NGINX_READ_TIMEOUT: [...durations.slice(0, 13), '0', '25h', '1500ms'],
  NGINX_SEND_TIMEOUT: [...durations.slice(0, 13), '0', '25h', '1500ms'],
  NGINX_MAX_FAILS: [...numbers.slice(0, 15), '1001'],
  NGINX_FAIL_TIMEOUT: [...durations.slice(0, 13), '0', '2h', '1500ms'],
  ORIGIN_MAX_REPLICA: [...numbers.slice(0, 14), '0', '4'],
  CACHE_TTI: [...durations.slice(0, 13), '0', '59s', '366d'],
  CACHE_TTL: [...durations.slice(0, 14), '1500ms', '366d'],
  ANNOUNCE_INTERVAL: [...durations.slice(0, 13), '0', '6m', '1500ms'],
  WRITEBACK_RETRY_INTERVAL: [...durations.slice(0, 13), '0', '2h', '1500ms'],
  ROLLOUT_BAKE: [...durations.slice(0, 13), '25h', '2d', '1441m'],
  MAINTENANCE_WINDOW: [
    '', '22:00-04:00', '22:00 04:00 UTC', '22-04 UTC', '22:00-24:00 UTC', '7:00-8:00 UTC', '22:60-04:00 UTC',
    '22:00-22:00 UTC', '22:00-04:00 Europe/Atlantis', '22:00-04:00 +02:00', '22:00-04:00 UTC ', '22:00 - 04:00 UTC',
    'Europe/Berlin 22:00-04:00', '22:00-04:00 UTC;id', '22:00-04:00 $(id)', '10pm-4am UTC',
  ],
  LOG_MAX_SIZE: sizes,
  LOG_MAX_FILES: [...numbers.slice(0, 14), '0', '101'],
  LOG_DIR: paths,
  METRICS_DIR: paths,
  ENABLE_TLS: flags,
  CERT_PATH: paths,
  KEY_PATH: paths,
  CA_PATH: paths,
  TLS_CERT_LIFETIME: [...durations.slice(0, 13), '9m', '826d', '600500ms'],
  ENABLE_AUTH: flags,
  AUTH_SECRET: [
    '', 'short', '12345678901', 'x'.repeat(257), ' 0123456789ab', '0123456789ab ', '0123456789äb', '0123456789a\u0000',
    '0123456789a\n', '0123456789a\t', '0123456789a\u202e', '0123456789a\u200b', '☃'.repeat(12), 'x',
    '0123456789a\u007f', '0123456789a\ud800',
  ],
  AUTH_WITHOUT_TLS: [
    '', 'true', 'false', 'yes', 'I-know', 'i know', 'iknow', 'i_know', '1', 'on', 'i-know;id', '$(id)', 'i-know\u0000', 'i-know ', ' i-know',
    '"i-know"',
  ],
  RECOVERY_ENABLED: [...flags.slice(0, 15), 'true'],
  ALERT_WEBHOOK_URL: [
    '', 'alerts', 'alerts.example.com', '//a.test', 'ftp://a.test', 'file:///etc/passwd', 'javascript:1', 'https://',
    'https:///a', 'https://a b', 'https://a.test/"', 'https://a.test/$(id)', 'https://u:p@a.test',
    'https://a.test/\u0000', 'https://a.test:99999', 'https://a.test/hook',
  ],
  LB_VIP: [...hosts.slice(0, 15), '10.0.1.100'],
  AUTO_BACKUP: [...flags.slice(0, 15), 'true'],
  BACKUP_SCHEDULE: [
    '', '0 2 * *', '0 2 * * * *', '60 2 * * *', '0 24 * * *', '0 2 0 * *', '0 2 32 * *', '0 2 * 13 *', '0 2 * * 8',
    '0 2 30 2 *', '@daily', '5-1 2 * * *', '*/0 2 * * *', 'a b c d e', '0 2 * * mon-', '0 2 * * $(id)',
  ],
  BACKUP_REPOSITORY: [
    '', 'backups', './backups', '/', '/a/../b', '/a b', 'sftp:host:/a', 'sftp:ana@host:a', 'sftp:ana@127.0.0.1:/a',
    's3:bucket', 's3:ftp://a.test/bucket', 's3:https://a.test', 's3:https://a.test/ab', 's3:https://u:p@a.test/bucket',
    'rest:https://a.test', '/a;id',
  ],
  AGENT_PORT: ports,
  AGENT_PEER_PORT: ports,
  AGENT_SERVER_PORT: ports,
  AGENT_RELAY_PORT: ports,
  AGENT_MEMORY_LIMIT: sizes,
  AGENT_CPU_LIMIT: cores,
  FIREWALL_CLIENTS: networks,
  FIREWALL_PEERS: networks,
  FIREWALL_SSH: networks,
};
