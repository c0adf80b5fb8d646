import { mergeClusters } from '../../src/cli/cluster-list';
import { renderClusters } from '../../src/cli/cluster-list-text';
import type { OperationSummary } from '../../src/cli/operation-list';
import type { ClusterRecord } from '../../src/cluster/observed';
import type { HostClusters, RecordedCluster } from '../../src/contracts/activities';
import { exampleImages, exampleSpec, observedAs, seenHost } from '../support/cluster';
import { plain } from './streams';

const spec = exampleSpec();
const now = new Date('2026-11-23T01:00:00Z');
const record: ClusterRecord = seenHost(observedAs(spec, exampleImages(spec)), 'node-1').record!;
const owner = { id: 'us', temporal: '127.0.0.1:7233', namespace: 'default' };

function onHost(host: string, change: Partial<RecordedCluster> = {}): HostClusters {
  const cluster = { name: 'cluster', epoch: 4, owner, ours: true, record, serving: true, ...change };
  return { host, reachable: true, clusters: [cluster] };
}

const view = { colors: plain, now, missing: [] as string[] };

const run: OperationSummary = {
  id: '20261123-004500-deploy-00ff',
  name: 'deploy-9',
  verb: 'deploy',
  actor: 'ben@ops-2',
  startedAt: '2026-11-23T00:45:00.000Z',
  result: 'failed',
};

test('a cluster that both know has its state from the hosts and its last operation from Temporal', () => {
  const hosts = [onHost('node-1'), onHost('node-2'), onHost('node-3', { serving: false })];
  expect(mergeClusters(hosts, new Map([['cluster', run]]))).toEqual([
    expect.objectContaining({
      name: 'cluster',
      knownTo: ['hosts', 'temporal'],
      generation: 3,
      version: 'v0.1.27',
      nodes: 3,
      serving: 2,
      owner: 'ours',
      lastOperation: { id: run.id, name: 'deploy-9', actor: 'ben@ops-2', result: 'failed', at: run.startedAt },
    }),
  ]);
});

test('each source alone is enough', () => {
  expect(mergeClusters([], new Map([['cluster', run]]))).toMatchObject([{ knownTo: ['temporal'] }]);
  expect(mergeClusters([onHost('node-1')], new Map())).toMatchObject([
    { knownTo: ['hosts'], lastOperation: { name: 'deploy-1', result: 'done' } },
  ]);
  expect(mergeClusters([{ host: 'node-1', reachable: false, error: 'no route' }], new Map())).toEqual([]);
});

test.each<[string, Partial<RecordedCluster>[], string]>([
  ['ours', [{}, {}], 'ours'],
  ['another', [{ ours: false, owner: { ...owner, id: 'they' } }], 'another'],
  ['several', [{}, { ours: false, owner: { ...owner, id: 'they' } }], 'several'],
  ['none', [{ ours: undefined, owner: undefined }], 'none'],
])('owner %s', (_, changes, expected) => {
  const hosts = changes.map((change, i) => onHost(`node-${i + 1}`, change));
  expect(mergeClusters(hosts, new Map())[0]!.owner).toBe(expected);
});

test('a record that cannot be read is said, and hides nothing', () => {
  const hosts = [onHost('node-1'), onHost('node-2', { record: undefined, error: 'state.json is not JSON' })];
  const clusters = mergeClusters(hosts, new Map());
  expect(clusters[0]).toMatchObject({ generation: 3, errors: ['node-2: state.json is not JSON'] });
});

test('a table, with what needs a person below it', () => {
  const destroyed = { at: '2026-11-23T00:50:00Z', dataKept: true, left: ['node-3'] };
  const away = { ...owner, id: 'they', temporal: '10.0.9.9:7233' };
  const hosts = [onHost('node-1', { record: { ...record, destroyed }, ours: false, owner: away })];
  const lines = renderClusters(mergeClusters(hosts, new Map([['second', run]])), view);
  expect(lines[0]).toMatch(/NAME +GENERATION +VERSION +SERVING +OWNER +LAST OPERATION/);
  expect(lines[1]).toMatch(/cluster +3 +v0\.1\.27 +destroyed +another +deploy-1 done/);
  expect(lines[2]).toMatch(/second +- +- +- +- +deploy-9 failed/);
  expect(lines.slice(3).join('\n')).toMatch(/its data is kept[\s\S]*but for node-3[\s\S]*10\.0\.9\.9:7233/);
});

test('no cluster: what to do next', () => {
  expect(renderClusters([], view)).toEqual(['no cluster yet · krakenctl deploy']);
});

test('what was not seen is said, and nothing is concluded of it', () => {
  const away: HostClusters = { host: 'node-3', reachable: false, error: 'no route' };
  const missing = ['node-3: no route'];
  expect(renderClusters(mergeClusters([away], new Map()), { ...view, missing })).toEqual([
    'no cluster among those that could be seen',
    ' ! incomplete, without node-3: no route',
  ]);
  const clusters = mergeClusters([onHost('node-1'), onHost('node-2'), away], new Map());
  expect(clusters).toMatchObject([{ serving: 2, nodes: 3, unseen: ['node-3'], owner: 'ours' }]);
  const lines = renderClusters(clusters, { ...view, missing });
  expect(lines[1]).toMatch(/at least 2 of 3 +ours/);
  expect(lines.at(-1)).toBe(' ! incomplete, without node-3: no route');
});

test('where the owner could not be read, nobody is not the owner', () => {
  const unread = { record: undefined, owner: undefined, ours: undefined, serving: false, error: 'not JSON' };
  const [cluster] = mergeClusters([onHost('node-1', unread), onHost('node-2', unread)], new Map());
  expect(cluster!.owner).toBe('unknown');
});

test.each<[string, Partial<RecordedCluster>, string, RegExp | undefined]>([
  ['its own id', {}, 'ours', undefined],
  [
    'another id',
    { ours: false, owner: { ...owner, id: 'they' } },
    'unknown',
    / ! cluster is looked after through 127\.0\.0\.1:7233, namespace default: its worker knows whether that is this krakenctl$/m,
  ],
])('a process that is not the worker and sees %s', (_, change, expected, remark) => {
  const clusters = mergeClusters([onHost('node-1', change)], new Map(), { bystander: true });
  expect(clusters[0]!.owner).toBe(expected);
  const text = renderClusters(clusters, view).join('\n');
  if (remark) expect(text).toMatch(remark);
  else expect(text).not.toContain('looked after');
});
