import { type EngineEvent, type Look, readLine } from './watch';
import { judge, originSpans, type Seen, stillOut } from './watch-judgement';

/** What watches a rollout sees each thing that a rollout must never do. */

const nodes = ['node-1', 'node-2', 'node-3'];

/** Looks of every node's load balancer, each 100 ms, from 0 to 10 s; `out` says what is left out when. */
function looks(
  out: (at: number, lb: string) => string[] | undefined,
  originReady = (_at: number, _host: string) => true,
) {
  return nodes.flatMap((host) =>
    Array.from({ length: 100 }, (_, i): Look => {
      const from = i * 100;
      return { host, from, to: from + 50, out: out(from, host), originReady: originReady(from, host) };
    }),
  );
}

const event = (at: number, action: string, host = 'node-1', part = 'origin', signal?: number): EngineEvent => ({
  host,
  at,
  action,
  container: `kraken-test-${host}-${part}`,
  signal,
});

const replace = (at: number, host = 'node-1', part = 'origin') => [
  event(at, 'kill', host, part, 15),
  event(at + 100, 'die', host, part),
  event(at + 150, 'destroy', host, part),
  event(at + 200, 'create', host, part),
  event(at + 300, 'start', host, part),
];

const seen = (events: EngineEvent[], all: Look[]): Seen => ({ events, looks: all, cluster: 'test', nodes });
const between =
  (from: number, to: number, node = 'node-1') =>
  (at: number) =>
    at >= from && at < to ? [node] : [];

test('a node that is drained everywhere while its parts are replaced is as it should be', () => {
  const { breaches, checked, order } = judge(seen(replace(3000), looks(between(2000, 5000))));
  expect(breaches).toEqual([]);
  expect(checked).toBe(9);
  expect(order).toEqual(['node-1']);
});

const proxy = replace(3000, 'node-1', 'proxy');
const notAt3 = (at: number, lb: string) => (lb === 'node-3' ? [] : between(2000, 5000)(at));

test.each([
  ['no load balancer leaves it out', () => [], 9],
  ['one load balancer does not leave it out', notAt3, 3],
  ['it is left out when it is gone already', between(3120, 5000), 3],
  ['another node is left out', between(2000, 5000, 'node-2'), 9],
])('%s: a breach for each thing done and each load balancer', (_, out, count) => {
  const { breaches } = judge(seen(proxy, looks(out)));
  expect(breaches).toHaveLength(count);
  expect(breaches[0]).toMatch(/of proxy on node-1: the load balancer of node-\d did not leave it out/);
});

test('what changed between two looks is no breach: nobody saw which came first', () => {
  expect(judge(seen([event(3020, 'kill', 'node-1', 'proxy', 15)], looks(between(3020, 5000))))).toMatchObject({
    breaches: [],
    checked: 0,
  });
});

test('a node that is back before its origin is ready is a breach', () => {
  const ready = (at: number, host: string) => !(host === 'node-1' && at >= 3000 && at < 4500);
  const { breaches } = judge(seen(replace(3000), looks(between(2000, 4000), ready)));
  expect(breaches).toEqual(
    nodes.map((lb) => `node-1 was in the load balancer of ${lb} while its origin was not ready`),
  );
  expect(judge(seen(replace(3000), looks(between(2000, 4700), ready))).breaches).toEqual([]);
});

test('a load balancer that does not serve is not asked', () => {
  const dead = (at: number, lb: string) => (lb === 'node-3' ? undefined : between(2000, 5000)(at));
  expect(judge(seen(replace(3000), looks(dead)))).toMatchObject({ breaches: [], checked: 6 });
});

test('two nodes in turns is a breach; one after the other is not', () => {
  const out = (at: number) => [...between(1000, 4000)(at), ...between(4000, 9000, 'node-2')(at)];
  const inOrder = [...replace(2000), ...replace(5000, 'node-2')];
  expect(judge(seen(inOrder, looks(out)))).toMatchObject({ breaches: [], order: ['node-1', 'node-2'] });
  const both = () => ['node-1', 'node-2'];
  const mixed = [...replace(2000), ...replace(5000, 'node-2', 'proxy'), ...replace(6000, 'node-1', 'proxy')];
  expect(judge(seen(mixed, looks(both))).breaches).toEqual([
    'node-1 was worked on again after another node: node-1 node-2 node-1',
  ]);
});

test('an origin is down until it is seen to be ready, and two at once are a breach', () => {
  const ready = (at: number, host: string) => !(host === 'node-1' && at >= 2000 && at < 6000);
  const events = [...replace(2000), ...replace(5000, 'node-2')];
  const both = () => ['node-1', 'node-2'];
  const all = seen(events, looks(both, ready));
  expect(originSpans(all)[0]).toEqual({ host: 'node-1', from: 2000, to: 6050, isWork: true });
  expect(judge(all).breaches).toEqual(['the origins of node-1 and node-2 were down at once']);
});

test('one that dies by itself is no work of a rollout, and it is down all the same', () => {
  const all = seen(
    [event(2000, 'die'), event(2200, 'start')],
    looks(() => []),
  );
  expect(judge(all)).toMatchObject({ breaches: [], checked: 0, order: [] });
  expect(originSpans(all)).toEqual([{ host: 'node-1', from: 2000, to: 2250, isWork: false }]);
});

test.each(['redis', 'nginx'])('%s is not behind a load balancer', (part) => {
  expect(
    judge(
      seen(
        replace(3000, 'node-1', part),
        looks(() => []),
      ),
    ).breaches,
  ).toEqual([]);
});

test('a reload is no work on a container', () => {
  expect(
    judge(
      seen(
        [event(3000, 'kill', 'node-1', 'proxy', 1)],
        looks(() => []),
      ),
    ).order,
  ).toEqual([]);
});

test('what is still left out at the end is named', () => {
  expect(stillOut({ nodes, looks: looks(() => []) })).toEqual([]);
  expect(stillOut({ nodes, looks: looks((_, lb) => (lb === 'node-2' ? ['node-3'] : [])) })).toEqual([
    'the load balancer of node-2 leaves out node-3',
  ]);
  expect(stillOut({ nodes, looks: looks((_, lb) => (lb === 'node-2' ? undefined : [])) })).toEqual([
    'the load balancer of node-2 does not answer',
  ]);
});

test.each([
  ['L 1.5 1.75 aaaa 200 200', { from: 1500, to: 1750, out: [], originReady: true }],
  ['L 1.5 1.75 aaaa out=node-2 200 503', { from: 1500, to: 1750, out: ['node-2'], originReady: false }],
  ['L 1.5 1.75 aaaa out=node-2,node-3 200 200', { out: ['node-2', 'node-3'] }],
  ['L 1.5 1.75 000 000', { originReady: false }],
  ['L 1.5 1.75 <html> 404 404 200', { originReady: true }],
  ['E 1700000000123456789 kill kraken-test-node-1-origin 15', { at: 1700000000123.4568, action: 'kill', signal: 15 }],
  ['E 1700000000123456789 die kraken-test-node-1-origin <no value>', { action: 'die', signal: undefined }],
])('%s is read', (line, expected) => {
  const read = readLine('node-1', line);
  expect(read).toMatchObject({ host: 'node-1', ...expected });
  expect('out' in read!).toBe('out' in expected || /aaaa/.test(line));
});
