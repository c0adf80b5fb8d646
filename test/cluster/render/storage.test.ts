import { parse } from 'yaml';
import { renderFiles } from '../../../src/cluster/render/files';
import { redisFixedSum, redisSettings } from '../../../src/cluster/render/redis';
import { exampleSpec } from '../../support/cluster';

const spec = exampleSpec();
const envoyOn = (index: number) =>
  parse(renderFiles(spec, spec.nodes[index]!, 'redis-router')['envoy.yaml']!).static_resources;
const redisOn = (index: number, part: 'redis' | 'redis-replica') =>
  renderFiles(spec, spec.nodes[index]!, part)['redis.conf']!;
interface Locality {
  priority: number;
  lb_endpoints: Endpoint[];
}
type Endpoint = { endpoint: { address: { socket_address: Record<string, unknown> } } };
const addressOf = ({ endpoint }: Endpoint) => {
  const { address, port_value } = endpoint.address.socket_address;
  return `${address}:${port_value}`;
};

describe('Envoy on a node', () => {
  test('listens on loopback alone, for Redis, storage and its own administration', () => {
    const text = renderFiles(spec, spec.nodes[0]!, 'redis-router')['envoy.yaml']!;
    const { admin, static_resources } = parse(text);
    const listeners = [admin, ...static_resources.listeners].map((l) => l.address.socket_address);
    expect(listeners.map((l) => `${l.address}:${l.port_value}`)).toEqual([
      '127.0.0.1:6391',
      '127.0.0.1:6390',
      '127.0.0.1:7001',
    ]);
  });

  test('finds the Redis Cluster through any of its instances', () => {
    const seeds = envoyOn(0).clusters[0].load_assignment.endpoints[0].lb_endpoints.map(addressOf);
    expect(seeds).toHaveLength(6);
    expect(seeds).toContain('10.0.1.12:6380');
  });

  test('answers before there is a Redis Cluster, since a tracker asks once and ends', () => {
    for (const cluster of envoyOn(0).clusters) expect(cluster.wait_for_warm_on_init).toBe(false);
  });

  test('matches the golden text', () => {
    expect(renderFiles(spec, spec.nodes[0]!, 'redis-router')['envoy.yaml']).toMatchSnapshot();
  });
});

describe('the storage router', () => {
  const [own, all] = envoyOn(1).clusters.slice(1);
  const routes = envoyOn(1).listeners[1].filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].routes;

  test('writes to the testfs of its own node alone', () => {
    expect(own.load_assignment.endpoints.flatMap((e: Locality) => e.lb_endpoints.map(addressOf))).toEqual([
      '127.0.0.1:7000',
    ]);
    expect(routes[0].route.cluster).toBe(own.name);
    expect(routes[0].match.headers[0].string_match.exact).toBe('POST');
    expect(routes[0].route.retry_policy).toBeUndefined();
  });

  test('reads from its own node first and from every other after it', () => {
    const inOrder = all.load_assignment.endpoints.map((e: Locality) => [e.priority, ...e.lb_endpoints.map(addressOf)]);
    expect(inOrder).toEqual([
      [0, '127.0.0.1:7000'],
      [1, '10.0.1.10:7000'],
      [2, '10.0.1.12:7000'],
    ]);
  });

  test('says "not found" only after all were asked, and its own again', () => {
    const read = routes.at(-1).route;
    expect(read.cluster).toBe(all.name);
    expect(read.retry_policy).toMatchObject({ retriable_status_codes: [404], num_retries: 3 });
    expect(all.circuit_breakers.thresholds[0].max_retries).toBeGreaterThan(1000);
  });
});

describe('testfs', () => {
  const script = renderFiles(spec, spec.nodes[0]!, 'testfs')['start.sh']!;

  test('keeps its files over restarts, though it makes a new folder with each', () => {
    expect(script).toContain('kept=/tmp/files');
    expect(script).toContain('exec /usr/bin/kraken-testfs --port=7000');
  });

  test('matches the golden text', () => expect(script).toMatchSnapshot());
});

describe('a Redis instance', () => {
  test('is known to the others by the address of its node', () => {
    expect(redisOn(1, 'redis')).toContain('cluster-announce-ip 10.0.1.11\n');
  });

  test('is a master on one port and a replica on the other, with the same settings', () => {
    const master = redisOn(0, 'redis');
    expect(master).toContain('\nport 6379\n');
    expect(redisOn(0, 'redis-replica')).toBe(master.replace('port 6379', 'port 6380'));
  });

  test('keeps no peer list on disk, since an old one points at peers that are gone', () => {
    expect(redisOn(0, 'redis')).toMatch(/^save ""$/m);
    expect(redisOn(0, 'redis')).toMatch(/^appendonly no$/m);
  });

  test('says each of its settings as CONFIG GET does', () => {
    expect(redisSettings(spec, 'redis')).toEqual({
      'cluster-node-timeout': '5000',
      maxmemory: '268435456',
      'maxmemory-policy': 'allkeys-lru',
    });
    for (const [name, value] of Object.entries(redisSettings(spec, 'redis')))
      expect(redisOn(0, 'redis')).toMatch(new RegExp(`^${name} ${value}$`, 'm'));
  });

  test.each<[string, (text: string) => string, boolean]>([
    ['another maxmemory', (text) => text.replace(/^maxmemory .*$/m, 'maxmemory 1'), false],
    ['no maxmemory-policy', (text) => text.replace(/^maxmemory-policy .*\n/m, ''), false],
    ['cluster-node-timeout written by hand', (text) => `${text.trimEnd()}\n  CLUSTER-NODE-TIMEOUT\t9\n`, false],
    ['maxmemory-samples, which only begins like it', (text) => `maxmemory-samples 9\n${text}`, true],
    ['another port', (text) => text.replace(/^port .*$/m, 'port 1'), true],
  ])('with %s: only what it does not take while it runs counts for its container', (_, change, counts) => {
    const text = redisOn(0, 'redis');
    expect(redisFixedSum(change(text)) !== redisFixedSum(text)).toBe(counts);
  });

  test('matches the golden text', () => expect(redisOn(0, 'redis')).toMatchSnapshot());
});
