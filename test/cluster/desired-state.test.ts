import fc from 'fast-check';
import type { DesiredState } from '../../src/cluster/desired';
import { desiredRedis, desiredState, imageReference, requiredImages } from '../../src/cluster/desired-state';
import { type ClusterSpec, partNames, specSchema } from '../../src/cluster/spec';
import { exampleImages, exampleSpec } from '../support/cluster';

const spec = exampleSpec();
const images = exampleImages(spec);
const desired = desiredState(spec, images);

const krakenParts = ['testfs', 'origin', 'tracker', 'build-index', 'proxy'];
const nodeParts = partNames.length;

/** Parts, on whatever node, whose container would be made anew. */
function remade(after: DesiredState, before = desired): string[] {
  const known = new Set(before.hosts.flatMap((h) => h.containers.map((c) => `${c.name} ${c.fingerprint}`)));
  const changed = after.hosts.flatMap((h) => h.containers).filter((c) => !known.has(`${c.name} ${c.fingerprint}`));
  return [...new Set(changed.map((c) => c.part))];
}

function changedBy(change: (spec: ClusterSpec) => void): DesiredState {
  const changed = exampleSpec(change);
  return desiredState(changed, { ...images, ...exampleImages(changed) });
}

function withNodes(count: number): ClusterSpec {
  return exampleSpec((s) => {
    s.nodes = Array.from({ length: count }, (_, i) => ({
      id: `node-${i + 1}`,
      address: `10.0.1.${i + 1}`,
      ssh: { address: `10.0.1.${i + 1}`, port: 22, user: 'root' },
    }));
  });
}

function reversed(tree: unknown): unknown {
  if (Array.isArray(tree)) return tree.map(reversed);
  if (typeof tree !== 'object' || tree === null) return tree;
  return Object.fromEntries(
    Object.entries(tree)
      .reverse()
      .map(([key, value]) => [key, reversed(value)]),
  );
}

describe('the desired state', () => {
  test('the same spec gives the same bytes, in whatever order its keys are', () => {
    const again = desiredState(reversed(spec) as ClusterSpec, reversed(images) as typeof images);
    expect(JSON.stringify(again)).toBe(JSON.stringify(desired));
  });

  test('a spec that went through JSON gives the same bytes', () => {
    const read = specSchema.parse(JSON.parse(JSON.stringify(spec)));
    expect(JSON.stringify(desiredState(read, images))).toBe(JSON.stringify(desired));
  });

  test('each node carries every part once, in start order', () => {
    for (const host of desired.hosts) expect(host.containers.map((c) => c.part)).toEqual(partNames);
    const names = desired.hosts.flatMap((h) => h.containers.map((c) => c.name));
    expect(new Set(names).size).toBe(3 * nodeParts);
    expect(names[0]).toBe('kraken-cluster-node-1-redis');
  });

  test('every file lies in the folder that its part has mounted', () => {
    for (const host of desired.hosts) {
      for (const file of host.files) {
        const container = host.containers.find((c) => c.part === file.part)!;
        expect(file.path.startsWith(`${container.mounts[0]!.source}/`)).toBe(true);
        expect(file.mode).toBe(0o644);
      }
    }
  });

  test('every file says whose it is in its first lines', () => {
    for (const { contents } of desired.hosts.flatMap((h) => h.files)) {
      expect(contents.split('\n').slice(0, 2)).toContain(
        '# made by krakenctl; changes are seen as drift and are put back',
      );
    }
  });

  test('an image that nobody has resolved is refused by its name', () => {
    const { 'nginx:1.27': _, ...others } = images;
    expect(() => desiredState(spec, others)).toThrow('nginx:1.27 was not resolved');
  });

  test('each image is asked for once', () => {
    expect(requiredImages(spec)).toEqual([
      'redis:7.2',
      'envoyproxy/envoy:v1.34.1',
      ...krakenParts.map((part) => `images.example/kraken-${part}:v0.1.27`),
      'nginx:1.27',
    ]);
    expect(imageReference(spec, 'redis-replica')).toBe(imageReference(spec, 'redis'));
  });
});

describe('what makes a new container', () => {
  const cases: [string, (s: ClusterSpec) => void, string[]][] = [
    ['REDIS_PORT', (s) => Object.assign(s.ports, { redis: 6370 }), ['redis', 'redis-router']],
    ['REDIS_ROUTER_PORT', (s) => Object.assign(s.ports, { redisRouter: 6400 }), ['redis-router', 'tracker']],
    ['ANNOUNCE_INTERVAL', (s) => Object.assign(s.kraken, { announceIntervalSeconds: 9 }), ['tracker']],
    ['CACHE_TTI', (s) => Object.assign(s.kraken, { cacheTtiSeconds: 600 }), ['origin', 'build-index', 'proxy']],
    ['ORIGIN_MAX_REPLICA', (s) => Object.assign(s.kraken, { maxReplica: 3 }), ['origin']],
    ['LOG_MAX_SIZE', (s) => Object.assign(s.logs, { maxSizeBytes: s.logs.maxSizeBytes * 2 }), [...partNames]],
    ['PROXY_PORT, which NGINX takes by a reload', (s) => Object.assign(s.ports, { proxy: 8099 }), ['proxy']],
    ['LB_PROXY_PORT', (s) => Object.assign(s.ports, { lbProxy: 5001 }), []],
    ['NGINX_READ_TIMEOUT', (s) => Object.assign(s.nginx, { readTimeoutSeconds: 60 }), []],
    ['SSH_USER', (s) => s.nodes.map(({ ssh }) => Object.assign(ssh, { user: 'ops' })), []],
    ['CONCURRENCY', (s) => Object.assign(s, { concurrency: 1 }), []],
  ];

  test.each(cases)('%s', (_name, change, parts) => {
    expect(remade(changedBy(change))).toEqual(parts);
  });

  test.each<[string, (s: ClusterSpec) => void]>([
    ['REDIS_MAXMEMORY', (s) => Object.assign(s.redis, { maxmemoryBytes: s.redis.maxmemoryBytes * 2 })],
    ['REDIS_MAXMEMORY_POLICY', (s) => Object.assign(s.redis, { maxmemoryPolicy: 'noeviction' })],
    ['REDIS_NODE_TIMEOUT', (s) => Object.assign(s.redis, { nodeTimeoutMs: 9000 })],
    ['ORIGIN_MEMORY_LIMIT', (s) => Object.assign(s.limits.origin, { memoryBytes: 2 ** 30 })],
    ['NGINX_CPU_LIMIT', (s) => Object.assign(s.limits.nginx, { cpus: 1 })],
  ])('%s makes no container anew, and another state', (_name, change) => {
    expect(remade(changedBy(change))).toEqual([]);
    expect(changedBy(change).hash).not.toBe(desired.hash);
  });

  test('another digest behind the same tag', () => {
    const moved = desiredState(spec, { ...images, 'redis:7.2': `sha256:${'f'.repeat(64)}` });
    expect(remade(moved)).toEqual(['redis', 'redis-replica']);
  });

  test('another version of Kraken, in all Kraken parts, when it is another image', () => {
    const next = exampleSpec((s) => Object.assign(s.images, { version: 'v0.1.28' }));
    const sameImages = Object.fromEntries(requiredImages(next).map((r, i) => [r, Object.values(images)[i]!]));
    expect(remade(desiredState(next, sameImages))).toEqual([]);
    const others = { ...exampleImages(next, 'b'), ...images };
    expect(remade(desiredState(next, others))).toEqual(krakenParts);
  });

  test('a fourth node makes those of the other three anew that list all nodes', () => {
    const four = exampleSpec((s) => s.nodes.push({ ...s.nodes[0]!, id: 'node-4', address: '10.0.1.13' }));
    const state = desiredState(four, images);
    const firstThree = { ...state, hosts: state.hosts.slice(0, 3) };
    expect(remade(firstThree)).toEqual(['redis-router', 'origin', 'tracker', 'build-index', 'proxy']);
  });

  test('no setting of NGINX does, and every one makes it load its configuration again', () => {
    for (const key of Object.keys(spec.nginx) as (keyof ClusterSpec['nginx'])[]) {
      const changed = changedBy((s) => Object.assign(s.nginx, { [key]: s.nginx[key] + 1 }));
      expect([key, remade(changed)]).toEqual([key, []]);
      const sums = (state: DesiredState) => state.hosts.map((h) => h.containers.at(-1)!.reloadSum);
      expect(sums(changed)).not.toEqual(sums(desired));
      expect(changed.hash).not.toBe(desired.hash);
    }
  });
});

describe('the desired Redis Cluster', () => {
  const nodeCounts = fc.integer({ min: 3, max: 40 });

  test('every slot has exactly one master', () => {
    fc.assert(
      fc.property(nodeCounts, (count) => {
        const ranges = desiredRedis(withNodes(count)).flatMap((r) => (r.slots ? [r.slots] : []));
        expect(ranges[0]![0]).toBe(0);
        expect(ranges.at(-1)![1]).toBe(16383);
        for (let i = 1; i < ranges.length; i += 1) expect(ranges[i]![0]).toBe(ranges[i - 1]![1] + 1);
      }),
    );
  });

  test('the replica of each master is on another node, one on each', () => {
    fc.assert(
      fc.property(nodeCounts, (count) => {
        const replicas = desiredRedis(withNodes(count)).filter((r) => r.role === 'replica');
        expect(replicas.every((r) => r.follows !== r.host)).toBe(true);
        expect(new Set(replicas.map((r) => r.follows)).size).toBe(count);
        expect(new Set(replicas.map((r) => r.host)).size).toBe(count);
      }),
    );
  });

  test('the master of node-1 has its replica on node-2', () => {
    expect(desiredRedis(spec).find((r) => r.follows === 'node-1')).toEqual({
      host: 'node-2',
      part: 'redis-replica',
      address: '10.0.1.11',
      port: 6380,
      role: 'replica',
      follows: 'node-1',
    });
  });
});
