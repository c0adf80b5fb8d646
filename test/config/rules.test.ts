import { loadConfig } from '../../src/config/load';
import { leastText, loadText, mistakesOf } from './samples';

describe('rules over several keys name the line that a person would change', () => {
  test.each([
    ['twice the same address', 'CLUSTER_NODE_4=10.0.1.10', 'CLUSTER_NODE_4', /same address as CLUSTER_NODE_1/],
    [
      'the same address with another user and port',
      'CLUSTER_NODE_4=ana@10.0.1.10:23',
      'CLUSTER_NODE_4',
      /same address/,
    ],
    [
      'the same name in other letters',
      'CLUSTER_NODE_4=a.example.com\nCLUSTER_NODE_5=A.example.COM',
      'CLUSTER_NODE_5',
      /same/,
    ],
    ['a gap in the numbers', 'CLUSTER_NODE_5=10.0.1.14', 'CLUSTER_NODE_5', /CLUSTER_NODE_4 is missing/],
    ['a load balancer on no node', 'LB_NODES=node-1,node-4', 'LB_NODES', /node-4 is no node/],
    ['more copies than nodes', 'ORIGIN_MAX_REPLICA=4', 'ORIGIN_MAX_REPLICA', /than the 3 nodes/],
    ['Redis data as large as its limit', 'REDIS_MAXMEMORY=512m', 'REDIS_MAXMEMORY', /not below REDIS_MEMORY_LIMIT/],
    ['a limit as small as the data', 'REDIS_MEMORY_LIMIT=256m', 'REDIS_MEMORY_LIMIT', /not below REDIS_MEMORY_LIMIT/],
    ['archives that nobody would read', 'IMAGE_ARCHIVE_DIR=/a', 'IMAGE_ARCHIVE_DIR', /IMAGE_SOURCE is pull/],
    [
      'too little room for the ways of a VM, of which there are two for each load balancer with TLS',
      'ENABLE_TLS=true\nAGENT_RELAY_PORT=65531',
      'AGENT_RELAY_PORT',
      /relay 6 would be 65536/,
    ],
    ['a port of another part', 'TRACKER_PORT=8080', 'TRACKER_PORT', /same port as ORIGIN_PORT \(8080\)/],
    ['a written port that meets a later default', 'ORIGIN_PORT=7000', 'ORIGIN_PORT', /same port as TESTFS_PORT/],
    [
      "the bus of a Redis on a part's port",
      'PROXY_PORT=16379',
      'PROXY_PORT',
      /the cluster bus of REDIS_PORT \(16379\)/,
    ],
    [
      'a bus that meets a port',
      'PROXY_PORT=12000\nREDIS_PORT=2000',
      'REDIS_PORT',
      /bus of REDIS_PORT is 12000, the same port as PROXY/,
    ],
    ["sshd's port", 'LB_PROXY_PORT=22', 'LB_PROXY_PORT', /same port as SSH_PORT \(22\)/],
    [
      "one node's sshd's port",
      'CLUSTER_NODE_4=10.0.1.13:5000',
      'CLUSTER_NODE_4',
      /sshd of CLUSTER_NODE_4 is 5000, .*LB_PROXY_PORT/,
    ],
  ])('%s', (_rule, lines, key, problem) => {
    const mistakes = mistakesOf(loadText(`${lines}\n`));
    expect(mistakes).toHaveLength(1);
    const line = 4 + lines.split('\n').length;
    expect(mistakes[0]).toMatchObject({ file: '.env', line, key, problem: expect.stringMatching(problem) });
    expect(mistakes[0]!.value).toBe(lines.split('=').at(-1));
  });

  test.each([
    ['no nodes', '', 'CLUSTER_NODE_1'],
    ['two nodes', 'CLUSTER_NODE_1=10.0.1.10\nCLUSTER_NODE_2=10.0.1.11\n', 'CLUSTER_NODE_3'],
  ])('%s are too few, said once', (_rule, nodes, key) => {
    const loaded = loadConfig({
      envFile: { name: '.env', text: `${nodes}KRAKEN_IMAGE_REGISTRY=registry.test/kraken\n` },
    });
    expect(mistakesOf(loaded)).toMatchObject([
      { key, file: '.env', expected: expect.stringContaining('CLUSTER_NODE_3') },
    ]);
  });

  const nodes = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => `CLUSTER_NODE_${from + i}=10.0.2.${from + i}\n`).join('');

  test('as many nodes as were tried are taken without a word, and more with a warning at the first of them', () => {
    const keysOf = (last: number) => {
      const loaded = loadText(nodes(4, last));
      if (!loaded.ok) throw new Error(JSON.stringify(loaded));
      return loaded.warnings.map(({ key }) => key);
    };
    expect(keysOf(99)).toEqual([]);
    expect(keysOf(103)).toEqual(['CLUSTER_NODE_101']);
  });

  test('a node with a wrong address is wrong and not missing', () => {
    const text = leastText.replace('10.0.1.12', '10.0.1.512');
    expect(mistakesOf(loadConfig({ envFile: { name: '.env', text } }))).toMatchObject([{ key: 'CLUSTER_NODE_3' }]);
  });

  test('a node in a line that cannot be read is not missing either', () => {
    const text = leastText.replace('10.0.1.12', '"10.0.1.12');
    expect(mistakesOf(loadConfig({ envFile: { name: '.env', text } }))).toMatchObject([{ problem: 'an open quote' }]);
  });

  test('a missing required key is said once', () => {
    const text = leastText.replace(/KRAKEN.*\n/, '');
    expect(mistakesOf(loadConfig({ envFile: { name: '.env', text } }))).toMatchObject([
      { key: 'KRAKEN_IMAGE_REGISTRY', problem: 'is missing', file: '.env' },
    ]);
  });

  test('ports may change places', () => {
    expect(loadText('ORIGIN_PORT=8081\nTRACKER_PORT=8080\n').ok).toBe(true);
  });

  test("a default SSH port that no node has is nobody's port", () => {
    const text = leastText.replaceAll(/(10\.0\.1\.1\d)/g, '$1:2222');
    expect(loadConfig({ envFile: { name: '.env', text: `${text}LB_PROXY_PORT=22\n` } }).ok).toBe(true);
  });
});

describe('what works but is not wise is warned of', () => {
  test.each([
    ['one load balancer alone', 'LB_NODES=node-2', 'LB_NODES', /single point of failure/],
    ['an even number of nodes', 'CLUSTER_NODE_4=10.0.1.13', 'CLUSTER_NODE_4', /odd number/],
    ['little room for Redis', 'REDIS_MAXMEMORY=500mb', 'REDIS_MAXMEMORY', /less than a quarter/],
    ['one copy of each blob', 'ORIGIN_MAX_REPLICA=1', 'ORIGIN_MAX_REPLICA', /one origin/],
    ['a secret that everybody knows', 'AUTH_SECRET=your-secret-key', 'AUTH_SECRET', /everybody knows/],
  ])('%s', (_rule, line, key, message) => {
    const loaded = loadText(`${line}\n`);
    expect(loaded.ok && loaded.warnings).toContainEqual({ key, message: expect.stringMatching(message) });
  });
});
