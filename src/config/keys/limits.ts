import { defineKey, type KeyDefinition } from '../key';
import { cpus, size } from '../values/quantities';

const mebibyte = 2 ** 20;

/** Smallest limits lie above what the part was seen to use when idle; below, the kernel kills it at once. */
function defineMemory(part: string, text: string, minMebibytes: number): KeyDefinition<number> {
  return defineKey({
    section: 'limits',
    why: `Hard memory limit of ${part}.`,
    default: text,
    range: `a size, ${minMebibytes}m to 1t`,
    schema: size({ min: minMebibytes * mebibyte, max: 2 ** 40 }),
    status: 'built',
  });
}

function defineCpus(part: string): KeyDefinition<number> {
  return defineKey({
    section: 'limits',
    why: `CPU limit of ${part} in cores.`,
    default: '0',
    range: 'cores, 0 to 512 with at most two decimals; 0 = no limit',
    schema: cpus,
    status: 'built',
  });
}

export const limitKeys = {
  ORIGIN_MEMORY_LIMIT: defineMemory('origin (idle 75-105 MiB)', '1g', 128),
  ORIGIN_CPU_LIMIT: defineCpus('origin'),
  TRACKER_MEMORY_LIMIT: defineMemory('tracker (idle 12 MiB)', '256m', 32),
  TRACKER_CPU_LIMIT: defineCpus('tracker'),
  BUILD_INDEX_MEMORY_LIMIT: defineMemory('build-index (idle 18 MiB)', '256m', 32),
  BUILD_INDEX_CPU_LIMIT: defineCpus('build-index'),
  PROXY_MEMORY_LIMIT: defineMemory('proxy (idle 16-126 MiB)', '512m', 128),
  PROXY_CPU_LIMIT: defineCpus('proxy'),
  TESTFS_MEMORY_LIMIT: defineMemory('the embedded storage backend', '256m', 32),
  TESTFS_CPU_LIMIT: defineCpus('the embedded storage backend'),
  REDIS_MEMORY_LIMIT: defineMemory('each of the two Redis instances of a node; above REDIS_MAXMEMORY', '512m', 32),
  REDIS_CPU_LIMIT: defineCpus('each of the two Redis instances of a node'),
  REDIS_ROUTER_MEMORY_LIMIT: defineMemory('the Redis router (idle 15 MiB)', '128m', 32),
  REDIS_ROUTER_CPU_LIMIT: defineCpus('the Redis router'),
  NGINX_MEMORY_LIMIT: defineMemory('the load balancer', '256m', 32),
  NGINX_CPU_LIMIT: defineCpus('the load balancer'),
};
