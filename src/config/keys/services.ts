import { defineKey, type KeyDefinition, type Section } from '../key';
import { path } from '../values/places';
import { durationMs, durationSeconds, size, wholeNumber } from '../values/quantities';
import { oneOf } from '../values/text';

const second = 1;
const minute = 60 * second;
const hour = 60 * minute;

interface Setting {
  section: Section;
  why: string;
  default: string;
}

interface Bounds {
  min: number;
  max: number;
}

function defineNumber(setting: Setting, bounds: Bounds, note = ''): KeyDefinition<number> {
  const range = `a whole number, ${bounds.min} to ${bounds.max}${note}`;
  return defineKey({ ...setting, range, schema: wholeNumber(bounds), status: 'built' });
}

function defineSeconds(setting: Setting, bounds: Bounds, range: string): KeyDefinition<number> {
  return defineKey({ ...setting, range, schema: durationSeconds(bounds), status: 'built' });
}

export const redisKeys = {
  REDIS_MAXMEMORY: defineKey({
    section: 'redis',
    why: 'Data that each Redis instance keeps; the rest up to REDIS_MEMORY_LIMIT is for its copies and buffers.',
    default: '256mb',
    range: 'a size, 8mb to 1t, below REDIS_MEMORY_LIMIT',
    schema: size({ min: 8 * 2 ** 20, max: 2 ** 40 }),
    status: 'built',
  }),
  REDIS_MAXMEMORY_POLICY: defineKey({
    section: 'redis',
    why: 'What goes when REDIS_MAXMEMORY is reached; peer lists expire anyway, so the soonest to expire go first.',
    default: 'volatile-ttl',
    range:
      'noeviction, allkeys-lru, allkeys-lfu, allkeys-random, volatile-lru, volatile-lfu, volatile-random or volatile-ttl',
    schema: oneOf(
      'noeviction',
      'allkeys-lru',
      'allkeys-lfu',
      'allkeys-random',
      'volatile-lru',
      'volatile-lfu',
      'volatile-random',
      'volatile-ttl',
    ),
    status: 'built',
  }),
  REDIS_NODE_TIMEOUT: defineKey({
    section: 'redis',
    why: 'Silence after which a Redis master is replaced by its replica; 3s was seen to trip on busy machines.',
    default: '5s',
    range: 'a duration, 1s to 5m',
    schema: durationMs({ min: 1000, max: 300_000 }),
    status: 'built',
  }),
};

const nginx = (why: string, text: string): Setting => ({ section: 'nginx', why, default: text });

export const nginxKeys = {
  NGINX_WORKER_CONNECTIONS: defineNumber(
    nginx('Connections of one worker process; each request takes two, to the client and to the part.', '4096'),
    { min: 64, max: 65535 },
  ),
  NGINX_CONNECTIONS_PER_CLIENT: defineNumber(
    nginx('Connections that one client address may hold open.', '1024'),
    { min: 0, max: 65535 },
    '; 0 = no limit',
  ),
  NGINX_KEEPALIVE_TIMEOUT: defineSeconds(
    nginx('How long an idle connection of a client is kept.', '65s'),
    { min: 0, max: hour },
    'a duration in whole seconds, 0 to 1h; 0 = not kept',
  ),
  NGINX_UPSTREAM_KEEPALIVE: defineNumber(
    nginx('Idle connections that each worker process keeps open to the parts.', '32'),
    { min: 0, max: 4096 },
    '; 0 = none',
  ),
  NGINX_CONNECT_TIMEOUT: defineSeconds(
    nginx('How long a dead node may hold up a request before the next is tried.', '2s'),
    { min: second, max: 75 * second },
    'a duration in whole seconds, 1s to 75s',
  ),
  NGINX_READ_TIMEOUT: defineSeconds(
    nginx('Silence of a part after which its answer is given up.', '5m'),
    { min: second, max: 24 * hour },
    'a duration in whole seconds, 1s to 24h',
  ),
  NGINX_SEND_TIMEOUT: defineSeconds(
    nginx('Time between two writes to a part after which an upload is given up.', '5m'),
    { min: second, max: 24 * hour },
    'a duration in whole seconds, 1s to 24h',
  ),
  NGINX_MAX_FAILS: defineNumber(
    nginx('Failures after which a part is left out for NGINX_FAIL_TIMEOUT.', '1'),
    { min: 0, max: 1000 },
    '; 0 = never left out',
  ),
  NGINX_FAIL_TIMEOUT: defineSeconds(
    nginx('How long a failing part is left out.', '10s'),
    { min: second, max: hour },
    'a duration in whole seconds, 1s to 1h',
  ),
};

const kraken = (why: string, text: string): Setting => ({ section: 'kraken', why, default: text });

export const krakenKeys = {
  ORIGIN_MAX_REPLICA: defineNumber(
    kraken(
      'Origins that hold a copy of each blob; with 1, a lost node takes its blobs with it until storage gives them back.',
      '2',
    ),
    { min: 1, max: 999 },
    ', not more than there are nodes',
  ),
  CACHE_TTI: defineSeconds(
    kraken('Idle time after which a cached file may be removed.', '6h'),
    { min: minute, max: 365 * 24 * hour },
    'a duration in whole seconds, 1m to 365d',
  ),
  CACHE_TTL: defineSeconds(
    kraken('Age after which a cached file is removed even when it is in use.', '0'),
    { min: 0, max: 365 * 24 * hour },
    'a duration in whole seconds, 0 to 365d; 0 = by idle time only',
  ),
  ANNOUNCE_INTERVAL: defineSeconds(
    kraken(
      'How often a downloading peer asks the tracker for others; shorter finds them sooner and costs requests.',
      '3s',
    ),
    { min: second, max: 5 * minute },
    'a duration in whole seconds, 1s to 5m',
  ),
  WRITEBACK_RETRY_INTERVAL: defineSeconds(
    kraken('How long a failed write to storage waits before it is tried again.', '30s'),
    { min: second, max: hour },
    'a duration in whole seconds, 1s to 1h',
  ),
};

export const logKeys = {
  LOG_MAX_SIZE: defineKey({
    section: 'logs',
    why: "Size at which a container's log file is rotated.",
    default: '10mb',
    range: 'a size, 64k to 10g',
    schema: size({ min: 64 * 2 ** 10, max: 10 * 2 ** 30 }),
    status: 'built',
  }),
  LOG_MAX_FILES: defineNumber(
    { section: 'logs', why: 'Log files kept for each container.', default: '3' },
    { min: 1, max: 100 },
  ),
  LOG_DIR: defineKey({
    section: 'logs',
    why: 'Folder on this machine into which krakenctl logs collects.',
    default: '/tmp/kraken-logs',
    range: 'an absolute path or one that begins with ~/',
    schema: path,
    status: 'built',
  }),
  METRICS_DIR: defineKey({
    section: 'logs',
    why: 'Folder on this machine for snapshots of metrics.',
    default: '/tmp/kraken-metrics',
    range: 'an absolute path or one that begins with ~/',
    schema: path,
    status: { notYet: 'performance metrics are not built yet', as: 'companion' },
  }),
};
