import { PlainDisplay } from '../../src/cli/display';
import { mergeOperations, type OperationSummary } from '../../src/cli/operation-list';
import { renderOperation, renderOperations } from '../../src/cli/operation-text';
import { Output } from '../../src/cli/output';
import { renderTree } from '../../src/cli/tree';
import type { Decision, Hold, OperationProgress } from '../../src/contracts/operation';
import { captureStreams, plain } from './streams';

const start = new Date(2026, 10, 23, 4, 0, 0).getTime();
const minutes = (n: number) => start + n * 60_000;
const at = { point: 'node-2', title: 'node-2', since: minutes(12) };

const approval: Hold = { kind: 'approval', ...at, until: minutes(50_000) };
const paused: Hold = { kind: 'paused', ...at, by: 'ana@ops-1', reason: 'lunch' };
const window: Hold = { kind: 'window', ...at, until: minutes(212) };

const decisions: Decision[] = [
  { at: minutes(5), actor: 'ana@ops-1', what: 'approved', point: 'node-1' },
  { at: minutes(12), actor: 'bob@ops-2', what: 'paused', point: 'node-2', reason: 'lunch' },
];

function progressWith(change: Partial<OperationProgress>): OperationProgress {
  const operation = { id: '20261123-040000-deploy-0003', verb: 'deploy', actor: 'ana@ops-1', reason: 'CVE-2026-1' };
  return { version: 1, operation, name: 'deploy-3', state: 'running', startedAt: start, stages: [], ...change };
}

const treeOf = (change: Partial<OperationProgress>, now = minutes(20)) =>
  renderTree(progressWith(change), { colors: plain, now, columns: 200 });

test.each([
  [approval, ' ‖ waiting: approval for node-2 since 04:12:00 · krakenctl op approve'],
  [paused, ' ‖ paused by ana@ops-1 before node-2 since 04:12:00: lunch · krakenctl op resume'],
  [window, ' ‖ outside its window, opens in 3h12m · before node-2'],
])('what holds it is the last line while it is followed: $kind', (hold, line) => {
  expect(treeOf({ hold })).toEqual([line]);
});

test('what was asked for and holds nothing yet is said', () => {
  const text = ' ‖ holds at its next safe point: asked for by bob@ops-2: lunch · krakenctl op resume';
  expect(treeOf({ decisions })).toEqual([text]);
  expect(treeOf({ decisions: [...decisions, { at: 0, actor: 'ana@ops-1', what: 'resumed' }] })).toEqual([]);
});

test('when it is over, who decided what is told', () => {
  expect(treeOf({ state: 'failed', decisions })).toEqual([
    '   04:05:00  approved node-1 by ana@ops-1',
    '   04:12:00  paused before node-2 by bob@ops-2: lunch',
  ]);
});

const summary = (change: Partial<OperationSummary> = {}): OperationSummary => ({
  id: '20261123-040000-deploy-0003',
  name: 'deploy-3',
  verb: 'deploy',
  actor: 'ana@ops-1',
  startedAt: new Date(start).toISOString(),
  result: 'running',
  runId: 'run-3',
  ...change,
});

test('a list shows a held operation as held, and by what', () => {
  const lines = renderOperations([summary({ hold: approval }), summary({ name: 'deploy-2', result: 'done' })], {
    colors: plain,
    now: new Date(minutes(20)),
    missing: [],
  });
  expect(lines[1]).toMatch(/^ deploy-3 {2}held /);
  expect(lines[2]).toBe('   ‖ waiting: approval for node-2 since 04:12:00 · krakenctl op approve');
  expect(lines[3]).toMatch(/^ deploy-2 {2}done /);
});

test('the record alone tells why it was begun and what was decided', () => {
  const line = {
    ...summary(),
    name: 'deploy-3',
    endedAt: new Date(minutes(30)).toISOString(),
    result: 'failed' as const,
    planHash: 'abc',
    generation: 3,
    reason: 'CVE-2026-1',
    decisions,
  };
  const view = { colors: plain, now: new Date(minutes(60)), columns: 200 };
  const { runId: _, ...recorded } = line;
  const shown = [
    '   because: CVE-2026-1',
    '   04:05:00  approved node-1 by ana@ops-1',
    '   04:12:00  paused before node-2 by bob@ops-2: lunch',
  ];
  expect(renderOperation(mergeOperations([], [recorded])[0]!, view).slice(1)).toEqual(shown);
  // Temporal knows it too, and no worker answers.
  const both = mergeOperations([summary({ result: 'failed' })], [recorded])[0]!;
  expect(renderOperation(both, view)).toEqual(expect.arrayContaining(shown));
});

describe('lines that stay', () => {
  let now = minutes(12);
  const streams = captureStreams();
  const display = new PlainDisplay(new Output(streams, { format: 'text' }), () => now);
  const said = () => streams.written.out.split('\n').filter(Boolean);

  test('a hold is said once, and again every five minutes; a decision once', () => {
    const held = progressWith({ hold: window, decisions: [decisions[0]!] });
    display.show(held);
    display.show(held);
    expect(said()).toEqual([
      '   04:05:00  approved node-1 by ana@ops-1',
      ' ‖ outside its window, opens in 3h20m · before node-2',
    ]);
    now = minutes(16);
    display.show(held);
    expect(said()).toHaveLength(2);
    now = minutes(17);
    display.show(held);
    expect(said().slice(2)).toEqual([' ‖ outside its window, opens in 3h15m · before node-2']);
    display.show(progressWith({ hold: approval, decisions }));
    expect(said().slice(3)).toEqual([
      '   04:12:00  paused before node-2 by bob@ops-2: lunch',
      ' ‖ waiting: approval for node-2 since 04:12:00 · krakenctl op approve',
    ]);
  });
});
