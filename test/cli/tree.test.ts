import { PlainDisplay } from '../../src/cli/display';
import { Output } from '../../src/cli/output';
import { cut, renderTree } from '../../src/cli/tree';
import type { OperationProgress, StageProgress } from '../../src/contracts/operation';
import { captureStreams, plain } from './streams';

function stage(id: string, change: Partial<StageProgress> = {}): StageProgress {
  return { id, title: id, state: 'waiting', total: 0, done: 0, now: [], ...change };
}

function progress(stages: StageProgress[]): OperationProgress {
  const operation = { id: '20261123-043035-deploy-00ff', verb: 'deploy', actor: 'ana@ops-1' };
  return { version: 1, operation, state: 'running', startedAt: 0, stages };
}

const running = progress([
  stage('look', { state: 'done', startedAt: 0, endedAt: 1100, title: 'look and plan' }),
  stage('node-1', { state: 'done', startedAt: 1100, endedAt: 25_800, total: 10, done: 10 }),
  stage('node-2', { state: 'running', startedAt: 25_800, total: 10, done: 3, now: ['gate ready: node-2 origin'] }),
  stage('node-3'),
  stage('record'),
]);

test('stages with their times, what runs now, what waits', () => {
  expect(renderTree(running, { colors: plain, now: 34_900, columns: 100 })).toEqual([
    ' ✔ look     1.1s  look and plan',
    ' ✔ node-1    25s  10 steps',
    ' ▸ node-2   9.1s  3/10',
    '     gate ready: node-2 origin',
    '   node-3, record: waiting',
  ]);
});

test('what failed keeps its count', () => {
  const failed = progress([stage('parts', { state: 'failed', startedAt: 0, endedAt: 21_000, total: 16, done: 4 })]);
  expect(renderTree({ ...failed, state: 'failed' }, { colors: plain, now: 0, columns: 100 })).toEqual([
    ' ✘ parts    21s  4/16',
  ]);
});

test('much at once is counted', () => {
  const busy = progress([stage('images', { state: 'running', startedAt: 0, now: ['a', 'b', 'c', 'd', 'e'] })]);
  expect(renderTree(busy, { colors: plain, now: 0, columns: 100 }).at(-1)).toContain('and 2 more at once');
});

test('a line is cut to the terminal, colours not counted', () => {
  expect(cut('abcdef', 4)).toBe('abc…');
  expect(cut('abcd', 4)).toBe('abcd');
  expect(cut('\x1b[32mab\x1b[39mcdef', 4)).toBe('\x1b[32mab\x1b[39mc…\x1b[0m');
});

describe('lines that stay', () => {
  let now = 0;
  const streams = captureStreams();
  const display = new PlainDisplay(new Output(streams, { format: 'text' }), () => now);
  const said = () => streams.written.out.split('\n').filter(Boolean);

  test('each stage is said once, when it ends', () => {
    display.show(running);
    display.show(running);
    expect(said()).toEqual([' ✔ look         1.1s  look and plan', ' ✔ node-1        25s  10 steps']);
  });

  test('nobody waits in silence for longer than ten seconds', () => {
    now = 7_000;
    display.show(running);
    expect(said()).toHaveLength(2);
    now = 40_000;
    display.show(running);
    expect(said().at(-1)).toBe(' ▸ node-2        14s  gate ready: node-2 origin');
  });
});
