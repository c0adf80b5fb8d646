import { isSeen, type Observed } from '../../src/cluster/observed';
import { judgeOwnership, judgeTakeOver } from '../../src/cluster/ownership';
import { nextEpoch } from '../../src/cluster/record';
import { exampleImages, exampleSpec, observedAs, seenHost } from '../support/cluster';

const spec = exampleSpec();

/** One word a host: whose it is, or `away`. */
function observed(...hosts: string[]): Observed {
  const seen = observedAs(spec, exampleImages(spec));
  return {
    ...seen,
    hosts: seen.hosts.map(({ host }, i) => {
      const whose = hosts[i]!;
      if (whose === 'away') return { host, reachable: false, error: 'no route' };
      const owner = whose === 'nobody' ? undefined : { id: whose, temporal: `${whose}:7233`, namespace: 'default' };
      return { ...seenHost(seen, host), owner, epoch: 4 + i };
    }),
  };
}

test.each([
  [['us', 'us', 'us'], { kind: 'nothing', why: 'it is ours already' }],
  [['us', 'us', 'away'], { kind: 'nothing' }],
  [['nobody', 'nobody', 'nobody'], { kind: 'nothing', why: expect.stringContaining('deploy makes it ours') }],
  [['they', 'they', 'they'], { kind: 'take', hosts: ['node-1', 'node-2', 'node-3'], left: [] }],
  [['they', 'they', 'away'], { kind: 'take', hosts: ['node-1', 'node-2'], left: [{ host: 'node-3' }] }],
  [['they', 'away', 'away'], { kind: 'refused', why: expect.stringContaining('only 1 of 3') }],
  [['away', 'away', 'away'], { kind: 'refused' }],
  [['us', 'away', 'away'], { kind: 'refused' }],
  [['us', 'they', 'nobody'], { kind: 'take', hosts: ['node-1', 'node-2', 'node-3'] }],
])('%j comes to %j', (hosts, verdict) => {
  expect(judgeTakeOver(judgeOwnership(observed(...hosts), 'us'))).toMatchObject(verdict);
});

test('each owner that is taken from is named once', () => {
  const verdict = judgeTakeOver(judgeOwnership(observed('they', 'they', 'others'), 'us'));
  expect(verdict).toMatchObject({ from: [{ id: 'they' }, { id: 'others' }] });
});

test('ownership tells the highest epoch and the last recorded operation', () => {
  const { epoch, lastOperation } = judgeOwnership(observed('they', 'they', 'they'), 'us');
  expect([epoch, lastOperation?.name]).toEqual([6, 'deploy-1']);
});

test('the next epoch is above all that was seen; the first is above those of a cluster destroyed before', () => {
  const seen = observed('us', 'us', 'us').hosts.filter(isSeen);
  expect(nextEpoch(seen, 1_795_000_000_000)).toBe(7);
  expect(
    nextEpoch(
      seen.map((h) => ({ ...h, epoch: 0 })),
      1_795_000_000_000,
    ),
  ).toBe(1_795_000_000_000);
});
