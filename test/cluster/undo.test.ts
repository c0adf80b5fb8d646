import type { ClusterRecord } from '../../src/cluster/observed';
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
