import { readFilter } from '../../src/cli/filters';
import { renderStatus, type StatusFacts } from '../../src/cli/status-text';
import { judgeServing } from '../../src/cluster/serving';
import { exampleImages, exampleSpec, observedAs } from '../support/cluster';
import { plain } from './streams';

function facts(change: Partial<StatusFacts> = {}): StatusFacts {
  const spec = exampleSpec();
  const observed = change.observed ?? observedAs(spec, exampleImages(spec));
  const at = new Date('2026-11-23T04:33:02Z');
  const serving = judgeServing({ spec, observed });
  return {
    spec,
    observed,
    serving,
    version: 'v0.1.27',
    images: 'stand-in',
    differing: [],
    running: null,
    at,
    ...change,
  };
}

test('a headline, a line a host, and what a person should know', () => {
  const lines = renderStatus(facts(), plain);
  expect(lines[0]).toMatch(
    /^cluster {2}SERVING · v0\.1\.27 \(stand-in\) · seen .* from 3\/3 hosts · no operation running$/,
  );
  expect(lines[1]).toMatch(/HOST +LB +ORIGIN +TRACKER +B-INDEX +PROXY +REDIS \(replica on\) +DISK/);
  expect(lines[2]).toMatch(/node-1 +ready +ready +ready +ready +ready +0-5460 \(node-2 ok\) +10%/);
  expect(lines.join('\n')).toContain('S3 is the production backend');
});

test('a host that was not seen shows question marks, not failures', () => {
  const spec = exampleSpec();
  const observed = observedAs(spec, exampleImages(spec));
  observed.hosts[1] = { host: 'node-2', reachable: false, error: 'connect ETIMEDOUT' };
  const text = renderStatus(facts({ observed }), plain).join('\n');
  expect(text).toMatch(/DEGRADED, \d finding/);
  expect(text).toMatch(/node-2 +\? +\? +\? +\? +\? +\? +\?/);
  expect(text).toContain(' ! HOST_UNREACHABLE node-2: cannot be seen: connect ETIMEDOUT');
});

test('what is the same on many hosts is one line', () => {
  const spec = exampleSpec();
  const observed = observedAs(spec, exampleImages(spec));
  for (const host of observed.hosts) if (host.reachable) host.ready = { proxy: host.host === 'node-3' };
  const text = renderStatus(facts({ observed }), plain).join('\n');
  expect(text).toContain(' ! GATE_NOT_READY node-1..2: proxy runs and is not ready   → krakenctl logs node-1 proxy');
});

test.each([
  [['KRAKEN_VERSION'], 'your .env differs from the record in 1 key: KRAKEN_VERSION '],
  [['A', 'B', 'C', 'D', 'E'], 'in 5 keys: A, B, C, D, …'],
])('the difference of .env and record: %j', (differing, text) => {
  expect(renderStatus(facts({ differing }), plain).join('\n')).toContain(text);
});

const away = (host: string) => ({ host, reachable: false as const, error: 'connect ETIMEDOUT' });

test.each([
  ['no host was seen', 3, 0, ' ? the record of a deploy could not be read: node-1..3 not seen'],
  ['too few for a majority were seen', 2, 3, ' ? the record of a deploy could not be read: node-1..2 not seen'],
  ['a majority was seen and has none', 1, 0, ' i no node that was seen has a record of a deploy'],
  ['one node has it', 0, 1, ' i a deploy is recorded on node-1 of 3 nodes, which is no majority   → krakenctl deploy'],
  ['all were seen and have none', 0, 0, ' i no node has a record of a deploy yet   → krakenctl deploy'],
])('without a record, %s: nothing is concluded of hosts that were not', (_, unseen, records, text) => {
  const spec = exampleSpec();
  const observed = observedAs(spec, exampleImages(spec));
  observed.hosts = observed.hosts.map((host, i) => {
    if (i < unseen) return away(host.host);
    return i < records ? host : ({ ...host, record: undefined } as typeof host);
  });
  expect(renderStatus(facts({ observed, differing: undefined }), plain).at(-1)).toBe(text);
});

test('with no host seen neither state nor version is known', () => {
  const observed = { cluster: 'cluster', hosts: ['node-1', 'node-2', 'node-3'].map(away) };
  const lines = renderStatus(facts({ observed, version: undefined, images: undefined, differing: undefined }), plain);
  expect(lines[0]).toMatch(/^cluster {2}UNKNOWN, \d findings · version unknown · seen .* from 0\/3 hosts/);
  expect(lines).toContain(' ? NOTHING_SEEN no host could be seen: whether it serves is unknown');
  expect(lines.join('\n')).toContain('node-1..3: cannot be seen: connect ETIMEDOUT');
});

test.each([
  [undefined, 'operations unknown, Temporal does not answer'],
  [null, 'no operation running'],
  [
    { operation: '20261123-043042-deploy-ab12', actor: 'ana@ops-1', startedAt: new Date('2026-11-23T04:32:00Z') },
    '20261123-043042-deploy-ab12 by ana@ops-1 runs for 1m02s',
  ],
])('the running operation: %j', (running, text) => {
  expect(renderStatus(facts({ running }), plain)[0]).toContain(text);
});

test('a filter shows these nodes and parts; the headline is the whole cluster, and what is hidden is counted', () => {
  const spec = exampleSpec();
  const observed = observedAs(spec, exampleImages(spec));
  observed.hosts[2] = away('node-3');
  for (const host of observed.hosts) if (host.reachable) host.ready = { proxy: false, tracker: host.host === 'node-2' };
  const filter = readFilter(spec, { hosts: 'node-2,node-1', roles: 'tracker, redis' });
  const lines = renderStatus(facts({ observed }), plain, filter);
  const all = renderStatus(facts({ observed }), plain);
  expect(lines[0]).toBe(all[0]);
  expect(lines.slice(1, 4)).toEqual([
    expect.stringMatching(/^ HOST +TRACKER +REDIS \(replica on\) +DISK$/),
    expect.stringMatching(/^ node-1 +unready +0-5460 \(node-2 ok\) +10%$/),
    expect.stringMatching(/^ node-2 +ready +/),
  ]);
  const text = lines.join('\n');
  expect(text).toContain('GATE_NOT_READY node-1: tracker');
  expect(text).not.toMatch(/proxy|node-3:/);
  expect(text).toMatch(/\n i \d findings of other nodes or parts are not shown/);
  expect(all.join('\n')).not.toContain('not shown');
});
