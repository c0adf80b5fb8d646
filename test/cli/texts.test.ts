import { showHosts } from '../../src/cli/host-ranges';
import { isOperationId, makeOperationId, nameActor } from '../../src/cli/operation-identity';
import { differingKeys, findOrigins, keyOfPath } from '../../src/cli/origins';
import { isAlive, parseIdentity, requireWorker, workerIdentity } from '../../src/cli/pollers';
import { uiLink } from '../../src/cli/temporal-address';
import { parseDuration, showBrief, showDuration } from '../../src/cli/time-text';
import { exampleSpec } from '../support/cluster';

test.each([
  [['node-1', 'node-2', 'node-3'], 'node-1..3'],
  [['node-10', 'node-9', 'node-2'], 'node-2 node-9..10'],
  [['vm-1', 'node-1'], 'node-1 vm-1'],
  [['a', 'b'], 'a b'],
  [['cluster'], 'cluster'],
])('%j is shown as %s', (hosts, text) => expect(showHosts(hosts)).toBe(text));

test.each([
  [0, '0.0s'],
  [940, '0.9s'],
  [9_949, '9.9s'],
  [31_200, '31s'],
  [59_600, '1m00s'],
  [168_000, '2m48s'],
  [3_725_000, '1h02m'],
])('%i ms is shown as %s', (ms, text) => expect(showDuration(ms)).toBe(text));

test('what is quick is shown in milliseconds', () => {
  expect([showBrief(4), showBrief(999), showBrief(1900)]).toEqual(['4 ms', '999 ms', '1.9s']);
});

test.each([
  ['60s', 60_000],
  ['90', 90_000],
  ['5m', 300_000],
  ['1h', 3_600_000],
  ['1.5s', 1500],
  ['soon', undefined],
  ['', undefined],
])('%s is a duration of %p ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

test('operation ids sort by time and are told apart within a second', () => {
  const now = new Date('2026-11-23T04:30:35.900Z');
  expect(makeOperationId('deploy', now, '00ff')).toBe('20261123-043035-deploy-00ff');
  expect(isOperationId(makeOperationId('deploy', now))).toBe(true);
  expect(new Set(Array.from({ length: 50 }, () => makeOperationId('deploy', now))).size).toBeGreaterThan(45);
});

test('the actor is the person behind sudo', () => {
  expect(nameActor({ SUDO_USER: 'ana' })).toMatch(/^ana@./);
  expect(nameActor({})).toMatch(/^.+@.+$/);
});

test('every setting of a spec has its key, so that no change is without a reason', () => {
  const origins = findOrigins(exampleSpec(), { KRAKEN_VERSION: { value: 'v1', origin: '.env:14', inUse: true } });
  const missing = Object.entries(flatten(exampleSpec())).filter(([path]) => !origins[path]);
  expect(missing).toEqual([]);
  expect(origins['images.version']).toEqual({ key: 'KRAKEN_VERSION', origin: '.env:14' });
  expect(keyOfPath('nodes.2.ssh.port')).toBe('CLUSTER_NODE_3');
});

function flatten(tree: object, path = ''): Record<string, unknown> {
  const entries = Object.entries(tree).flatMap(([key, value]) => {
    const at = path ? `${path}.${key}` : key;
    return typeof value === 'object' ? Object.entries(flatten(value, at)) : [[at, value] as const];
  });
  return Object.fromEntries(entries);
}

test('what differs between .env and the record is told by keys', () => {
  const changed = exampleSpec((s) => {
    s.images.version = 'v0.1.28';
    s.limits.redis.memoryBytes = 1;
    s.limits['redis-replica'].memoryBytes = 1;
    s.nodes[1]!.address = '10.9.9.9';
  });
  expect(differingKeys(exampleSpec(), changed).sort()).toEqual([
    'CLUSTER_NODE_2',
    'KRAKEN_VERSION',
    'REDIS_MEMORY_LIMIT',
  ]);
  expect(differingKeys(exampleSpec(), exampleSpec())).toEqual([]);
});

describe('workers as Temporal sees them', () => {
  const own = {
    identity: workerIdentity('1.0.0+abc'),
    version: '1.0.0+abc',
    lastSeen: Date.now(),
    buildIds: ['a1'],
    takesNew: true,
  };

  test('the identity carries version, pid and host', () => {
    expect(parseIdentity('krakenctl@1.0.0+abc 42@ops-1')).toEqual({ version: '1.0.0+abc', pid: 42, host: 'ops-1' });
    const exact = parseIdentity('krakenctl@1.0.0+abc 42.777@ops-1');
    expect(exact).toEqual({ version: '1.0.0+abc', pid: 42, started: '777', host: 'ops-1' });
    expect(parseIdentity(own.identity)).toMatchObject({ pid: process.pid, version: '1.0.0+abc' });
    expect(parseIdentity('1234@somebody')).toBeUndefined();
  });

  test('a dead process of this machine is not believed, one elsewhere is for as long as a poll hangs', () => {
    const dead = { ...own, identity: own.identity.replace(/ \d+(\.\d+)?@/, ' 4194305@') };
    const elsewhere = { ...own, identity: 'krakenctl@1.0.0+abc 4194305@elsewhere' };
    // Its number was given again, to this very process.
    const reused = { ...own, identity: own.identity.replace(/\.\d+@/, '.1@') };
    expect([own, dead, reused, elsewhere].map((p) => isAlive(p))).toEqual([true, false, false, true]);
    expect(isAlive(elsewhere, Date.now() + 120_000)).toBe(false);
  });

  test('none, or one of another version, is refused with the line to type', () => {
    expect(() => requireWorker([own], '1.0.0+abc')).not.toThrow();
    expect(() => requireWorker([], '1.0.0+abc')).toThrow(
      expect.objectContaining({ code: 'WORKER_MISSING', exitCode: 7 }),
    );
    expect(() => requireWorker([own], '2.0.0+def')).toThrow(
      expect.objectContaining({ code: 'WORKER_VERSION', exitCode: 7 }),
    );
  });

  test('one that only ends what an older release began is as none, and no reason to refuse either', () => {
    const ending = { ...own, version: '0.9.0+old', takesNew: false };
    expect(() => requireWorker([ending, own], '1.0.0+abc')).not.toThrow();
    expect(() => requireWorker([ending], '0.9.0+old')).toThrow(
      expect.objectContaining({ code: 'WORKER_MISSING', message: expect.stringContaining('1 end what is older') }),
    );
  });
});

test('links into the UI have no slash after the workflow, which it does not know', () => {
  const where = { address: 'h:7233', namespace: 'default', configured: true, ui: 'http://h:8233' };
  const base = 'http://h:8233/namespaces/default/workflows/kraken-demo-operation';
  expect(uiLink(where, 'kraken-demo-operation')).toBe(base);
  expect(uiLink(where, 'kraken-demo-operation', 'run')).toBe(`${base}/run/history`);
});
