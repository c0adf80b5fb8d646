import type { Temporal } from '../../src/cli/connect';
import { findRunning } from '../../src/cli/decisions';
import { listRuns, mergeOperations, type OperationSummary, pickOperation } from '../../src/cli/operation-list';
import { renderOperations } from '../../src/cli/operation-text';
import type { OperationLine } from '../../src/contracts/activities';
import { plain } from './streams';

const line = (n: number): OperationLine => ({
  id: `20261123-04000${n}-deploy-000${n}`,
  name: `deploy-${n}`,
  verb: 'deploy',
  actor: 'ana@ops-1',
  startedAt: `2026-11-23T04:00:0${n}.000Z`,
  endedAt: `2026-11-23T04:01:0${n}.000Z`,
  result: 'done',
  planHash: 'abc',
  generation: n,
});

const run = (n: number, change: Partial<OperationSummary> = {}): OperationSummary => {
  const { planHash: _, name: __, generation: ___, ...common } = line(n);
  return { ...common, runId: `run-${n}`, ...change };
};

test('the record gives names, Temporal what is newer, each operation once', () => {
  const merged = mergeOperations([run(3, { result: 'running', endedAt: undefined }), run(2)], [line(1), line(2)]);
  expect(merged.map((o) => [o.id.slice(-4), o.name, o.runId, o.result])).toEqual([
    ['0003', undefined, 'run-3', 'running'],
    ['0002', 'deploy-2', 'run-2', 'done'],
    ['0001', 'deploy-1', undefined, 'done'],
  ]);
});

const known = mergeOperations([run(3), run(2)], [line(1), line(2)]);
test.each([
  [undefined, '0003'],
  ['deploy-2', '0002'],
  ['20261123-040001-deploy-0001', '0001'],
  ['run-3', '0003'],
  ['20261123-040001', '0001'],
  ['20261123', undefined],
  ['deploy-9', undefined],
  ['', undefined],
])('%s picks %s', (wanted, id) => expect(pickOperation(known, wanted)?.id.slice(-4)).toBe(id));

test('a table, and what to do where there is none', () => {
  const view = { colors: plain, now: new Date('2026-11-23T05:00:00Z'), missing: [] };
  expect(renderOperations([], view)).toEqual(['no operation yet · krakenctl deploy']);
  const lines = renderOperations(known, view);
  expect(lines[0]).toMatch(/NAME +RESULT +STARTED +TOOK +ID +BY/);
  expect(lines[2]).toMatch(/deploy-2 +done .* 1m00s +20261123-040002-deploy-0002 +ana@ops-1/);
  const partly = { ...view, missing: ['node-1: no route'] };
  const lack = ' ! incomplete, without node-1: no route';
  expect(renderOperations([], partly)).toEqual(['no operation among those that could be seen', lack]);
  expect(renderOperations(known, partly)).toEqual([...lines, lack]);
});

describe('while an operation goes over into another run', () => {
  const info = (operation: string, status: string, runId: string) => ({
    ...{ workflowId: 'kraken-c-operation', runId, type: 'deployCluster', startTime: new Date(0) },
    ...{ status: { name: status }, memo: { operation, verb: 'deploy', actor: 'ana@ops-1' } },
  });
  type Info = ReturnType<typeof info>;

  /** What its lists tell, and what it knows of the cluster's own workflow itself. */
  function temporalWith(listed: Info[], last: Info): Temporal {
    const none = async () => Promise.reject(Object.assign(new Error('none'), { name: 'WorkflowNotFoundError' }));
    const silent = async () => Promise.reject(new Error('no worker'));
    const getHandle = (id: string) => ({
      describe: id === last.workflowId ? async () => last : none,
      ...{ query: silent, result: silent },
    });
    const workflow = { list: () => listed, getHandle };
    const connection = { withDeadline: (_: number, ask: () => unknown) => ask() };
    return { client: { workflow }, connection } as unknown as Temporal;
  }

  test.each([
    ['not at all', [info('deploy-b', 'COMPLETED', '1')]],
    ['by a run that is over', [info('deploy-a', 'RUNNING', '2'), info('deploy-b', 'COMPLETED', '1')]],
  ])('it runs although lists have it %s', async (_, listed) => {
    const temporal = temporalWith(listed, info('deploy-a', 'RUNNING', '3'));
    const runs = await listRuns(temporal, 'c', 20);
    expect(runs.map(({ id, runId, result }) => [id, runId, result])).toEqual([
      ['deploy-a', '3', 'running'],
      ['deploy-b', '1', 'done'],
    ]);
    expect((await findRunning(temporal, 'c')).runId).toBe('3');
    expect((await findRunning(temporal, 'c', 'deploy-a')).runId).toBe('3');
  });
});
