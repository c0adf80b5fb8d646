import type { ClusterRecord } from '../../src/cluster/observed';
import type { ClusterSpec, TlsState } from '../../src/cluster/spec';
import { judgeUndo, judgeWayBack } from '../../src/cluster/undo';
import { exampleImages, exampleSpec, observedAs, seenHost } from '../support/cluster';

const earlier = exampleSpec();
const spec = exampleSpec((s) => {
  s.images.version = 'v0.1.28';
  s.ssh.keyPath = '/keys/new';
});
const images = exampleImages(earlier);
const base = seenHost(observedAs(spec, exampleImages(spec)), 'node-1').record!;
const operation = (name: string) => ({ id: `20261125-000000-${name}`, name, actor: 'ana@ops-1', endedAt: '' });
const before = { generation: 2, spec: earlier, images, desiredHash: 'x', operation: operation('deploy-1') };
const record: ClusterRecord = { ...base, spec, operation: operation('deploy-2'), before };

describe('an undo', () => {
  test.each([undefined, 'deploy-2', '20261125-000000-deploy-2'])(
    'of what was applied last (%s) goes to the state before it',
    (wanted) => {
      const verdict = judgeUndo(record, wanted);
      expect(verdict).toMatchObject({ state: 'possible', to: { images, operation: { name: 'deploy-1' } } });
      expect(verdict).toMatchObject({ spec: { images: { version: 'v0.1.27' } } });
    },
  );

  test.each(['deploy-2', 'deploy-3', undefined])(
    'of what was mended since (%s) goes to the state before what was mended',
    (wanted) => {
      const { id, name } = record.operation;
      const mended = { ...record, operation: operation('deploy-3'), broughtBy: { id, name } };
      expect(judgeUndo(mended, wanted)).toMatchObject({ state: 'possible', to: { operation: { name: 'deploy-1' } } });
    },
  );

  test('logs in as today, whatever was true then', () => {
    expect(judgeUndo(record, undefined)).toMatchObject({ spec: { ssh: { keyPath: '/keys/new' } } });
  });

  test.each<[string, ClusterRecord | undefined, string | undefined, string]>([
    ['of an older one', record, 'deploy-1', 'deploy-1 is not what was applied last, that is deploy-2'],
    ['of one that nobody knows', record, 'deploy-9', 'deploy-9 is not what was applied last'],
    ['of the first', { ...record, before: undefined }, undefined, 'before deploy-2 there was nothing'],
    ['without a record', undefined, undefined, 'nothing is recorded'],
    [
      'of a destroyed cluster',
      { ...record, destroyed: { at: '', dataKept: true, left: [] } },
      undefined,
      'nothing is recorded',
    ],
    [
      'across other nodes',
      { ...record, before: { ...before, spec: { ...earlier, nodes: earlier.nodes.slice(1) } } },
      undefined,
      'changed which nodes there are',
    ],
  ])('%s is refused, with the reason', (_, found, wanted, why) => {
    expect(judgeUndo(found, wanted)).toMatchObject({ state: 'refused', why: expect.stringContaining(why) });
  });
});

describe('logins that were switched off', () => {
  const asking = exampleSpec((s) => void Object.assign(s, { auth: { key: '0123456789abcdef' } }));
  const to = { ...before, spec: asking };

  test('are not switched on again by an undo: agents have no credentials since then', () => {
    expect(judgeUndo({ ...record, before: to }, undefined)).toMatchObject({
      state: 'refused',
      why: expect.stringContaining('ENABLE_AUTH=false'),
    });
  });

  test('come back with a deploy that failed: agents have theirs until one has ended', () => {
    expect(judgeWayBack(spec, to, 'deploy-2')).toMatchObject({ state: 'possible', spec: { auth: asking.auth } });
  });
});

describe('an undo of certificates', () => {
  const state: TlsState = {
    stage: 'require',
    signer: 'ca-1',
    trusts: ['ca-1'],
    series: { number: 1, from: '2026-11-01T00:00:00.000Z', until: '2027-02-01T00:00:00.000Z' },
  };
  const given = { certificate: '/c', key: '/k' };
  const inState = (change: Partial<TlsState> = {}, more: Partial<ClusterSpec['tls']> = {}) =>
    exampleSpec(
      (s) => void Object.assign(s, { tls: { lifetimeSeconds: 60, state: { ...state, ...change }, ...more } }),
    );
  const recordOf = (now: ClusterSpec, then: ClusterSpec): ClusterRecord => ({
    ...record,
    spec: now,
    images,
    operation: operation('rotate-1'),
    before: { ...before, spec: then, images },
  });
  const series = { ...state.series, number: 2 };
  const others = { signer: 'ca-2', trusts: ['ca-2'], series };

  test.each<[string, ClusterRecord, string]>([
    ['new ones', recordOf(inState({ series }), inState()), 'krakenctl tls rotate makes others'],
    ['another authority', recordOf(inState(others), inState()), 'tls rotate --ca another authority too'],
    ['half a way to another', recordOf(inState({ trusts: ['ca-1', 'ca-2'] }), inState()), 'krakenctl tls rotate'],
    ["one's own", recordOf(inState(others, { given }), inState({}, { given })), 'put the former files where CERT_PATH'],
  ])('that brought nothing else (%s) is refused, with what to do instead', (_, found, hint) => {
    const why = 'rotate-1 brought other certificates and nothing else';
    expect(judgeUndo(found, undefined)).toMatchObject({
      state: 'refused',
      why: expect.stringContaining(why),
      hint: expect.stringContaining(hint),
    });
  });

  test.each<[string, ClusterRecord]>([
    ['another version too', { ...recordOf(inState(others), inState()), images: exampleImages(spec, 'b') }],
    ['another stage too', recordOf(inState(others), inState({ stage: 'bus' }))],
    ['TLS itself', recordOf(inState(), earlier)],
    ['nothing that it is told by', recordOf(inState(), inState())],
  ])('that brought %s takes that back', (_, found) => {
    expect(judgeUndo(found, undefined)).toMatchObject({ state: 'possible' });
  });
});
