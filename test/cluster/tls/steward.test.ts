import type { ClusterRecord } from '../../../src/cluster/observed';
import { judgeSeries } from '../../../src/cluster/tls/steward';
import { stewardRhythm } from '../../../src/contracts/steward';
import { exampleSpec } from '../../support/cluster';

const series = { number: 3, from: '2026-10-01T00:00:00.000Z', until: '2026-12-30T00:00:00.000Z' };
const dueAt = '2026-11-30T00:00:00.000Z';

function record(change: (record: ClusterRecord) => void = () => undefined, signer = 'ca-1'): ClusterRecord {
  const state = { stage: 'require' as const, signer, trusts: [signer], series };
  const made = {
    spec: exampleSpec((spec) => void Object.assign(spec, { tls: { lifetimeSeconds: 7_776_000, state } })),
  } as ClusterRecord;
  change(made);
  return made;
}

describe('recorded certificates', () => {
  test.each<[string, ClusterRecord | undefined, string, object]>([
    ['are good', record(), '2026-11-29T23:59:59.999Z', { state: 'good', until: series.until, dueAt }],
    ['are due', record(), dueAt, { state: 'due', ended: false, given: false, until: series.until }],
    ['have ended', record(), series.until, { state: 'due', ended: true, given: false }],
    ['are given', record(undefined, 'given-1'), dueAt, { state: 'due', ended: false, given: true }],
    ['went with TLS', record(({ spec }) => delete spec.tls), dueAt, { state: 'none', why: 'the cluster has no TLS' }],
    [
      'went with the cluster',
      record((r) => void Object.assign(r, { destroyed: { at: dueAt, dataKept: true, left: [] } })),
      dueAt,
      { state: 'none', why: 'the cluster was destroyed' },
    ],
    ['went with the record', undefined, dueAt, { state: 'none', why: 'nothing is recorded on the nodes' }],
  ])('%s', (_, given, at, expected) => expect(judgeSeries(given, Date.parse(at))).toMatchObject(expected));
});

test.each([
  ['90 days', 90 * 86_400, { everyMs: 43_200_000, jitterMs: 4_320_000, catchupMs: 43_200_000 }],
  ['ten minutes', 600, { everyMs: 20_000, jitterMs: 2000, catchupMs: 20_000 }],
  ['825 days', 825 * 86_400, { everyMs: 43_200_000, jitterMs: 4_320_000, catchupMs: 43_200_000 }],
])('a life of %s is looked at at least ten times in its last third', (_, seconds, rhythm) => {
  expect(stewardRhythm(seconds)).toEqual(rhythm);
  expect((seconds * 1000) / 3 / (rhythm.everyMs + rhythm.jitterMs)).toBeGreaterThan(9);
});
