import type { WorkflowHandle } from '@temporalio/client';
import { defaultDataConverter } from '@temporalio/common';
import { PlainDisplay } from '../../src/cli/display';
import { hasNews } from '../../src/cli/follow';
import { withGates } from '../../src/cli/gate-text';
import { HeartbeatWatch } from '../../src/cli/heartbeats';
import { Output } from '../../src/cli/output';
import { renderTree } from '../../src/cli/tree';
import type { OperationProgress } from '../../src/contracts/operation';
import { captureStreams, plain } from './streams';

const quiet = 'gate quiet: node-1 has no request and no upload under way';

function progress(...now: string[]): OperationProgress {
  const operation = { id: '20261123-043035-deploy-00ff', verb: 'deploy', actor: 'ana@ops-1' };
  const stage = { id: 'node-1', title: 'node-1', state: 'running' as const, startedAt: 0, total: 10, done: 3, now };
  return { version: 1, operation, state: 'running', startedAt: 0, stages: [stage] };
}

const shown = (now: string, ...heartbeats: object[]) => withGates(progress(now), heartbeats).stages[0]!.now[0];

describe('a gate that waits says why', () => {
  const canary = 'gate canary: an image through the parts of node-1';
  test.each([
    [quiet, { gate: 'quiet', host: 'node-1', connections: 2, uploads: 1 }, '2 requests, 1 upload under way'],
    [quiet, { gate: 'quiet', host: 'node-1', connections: 1, uploads: 0 }, '1 request under way'],
    ['gate ready: node-1 origin', { gate: 'ready', host: 'node-1', part: 'origin', answer: 'HTTP 503' }, 'HTTP 503'],
    ['gate redis-whole', { gate: 'redis-whole', because: '3 slots have no master' }, '3 slots have no master'],
    [canary, { gate: 'canary', host: 'node-1', failure: { part: 'tracker', what: 'HTTP 500' } }, 'tracker: HTTP 500'],
    [
      'gate caught-up: node-1 has what the others took in meanwhile',
      { gate: 'caught-up', host: 'node-1', missing: 3 },
      '3 of what the others took in not there yet',
    ],
    [
      'gate agent: node-1 gives an agent what nobody else has',
      { gate: 'agent', host: 'node-1', vm: '10.0.2.1', because: 'HTTP 404' },
      '10.0.2.1: HTTP 404',
    ],
    [
      'gate agent: node-1 gives an agent what nobody else has',
      { gate: 'agent', host: 'node-1', because: 'no agent is ready' },
      'no agent is ready',
    ],
    [
      'gate steady: new parts of node-1 run on for 75s',
      { gate: 'steady', secondsLeft: 40, failing: ['node-1 proxy'] },
      'node-1 proxy did not answer, 40s left',
    ],
    [
      'gate installed: 5 VMs',
      { gate: 'installed', there: 2, of: 5, waiting: ['10.0.3.1', '10.0.3.2'] },
      '2 of 5 VMs have it, waiting for 10.0.3.1, 10.0.3.2',
    ],
    ['gate installed: 1 VMs', { gate: 'installed', there: 0, of: 1, waiting: [] }, '0 of 1 VMs have it'],
  ])('%s', (line, heartbeat, clause) => {
    if (heartbeat.gate === 'installed') return expect(shown(line, heartbeat)).toBe(`gate installed: ${clause}`);
    const name = /^gate (quiet|canary|agent|caught-up)/.test(line) ? `gate ${heartbeat.gate}: node-1` : line;
    expect(shown(line, heartbeat)).toBe(`${name}: ${clause}`);
  });
});

test('a gate stands as it is where nothing is said of it, or by a worker that says it otherwise', () => {
  expect(shown(quiet)).toBe(quiet);
  expect(shown(quiet, { gate: 'quiet', host: 'node-1', connections: 0, uploads: 0 })).toBe(quiet);
  expect(shown(quiet, { gate: 'quiet', host: 'node-1' }, { gate: 'node-1/origin', answer: 'x' }, {})).toBe(quiet);
});

test('what one host says is not put onto another whose name begins alike', () => {
  const ten = quiet.replace('node-1', 'node-10');
  expect(shown(ten, { gate: 'quiet', host: 'node-1', connections: 2, uploads: 0 })).toBe(ten);
});

test('a hostile answer is one short line without control characters', () => {
  const answer = `HTTP 500\n\u001b[2Jgone\u202e ${'x'.repeat(500)}`;
  const line = shown('gate ready: node-1 origin', { gate: 'ready', host: 'node-1', part: 'origin', answer })!;
  expect(line).toContain('HTTP 500 <U+001B>[2Jgone<U+202E> xxx');
  expect(line).not.toContain('\n');
  expect(line.length).toBeLessThan(160);
});

describe('followed', () => {
  const said = { gate: 'quiet', host: 'node-1', connections: 2, uploads: 0, work: { workedMs: 1, seenAt: 1 } };
  const clause = 'gate quiet: node-1: 2 requests under way';
  let asked = 0;
  const handle = {
    client: { options: { loadedDataConverter: { ...defaultDataConverter, payloadCodecs: [] } } },
    describe: async () => {
      asked += 1;
      const payloads = [defaultDataConverter.payloadConverter.toPayload(said)];
      return { raw: { pendingActivities: [{ heartbeatDetails: { payloads } }, { heartbeatDetails: null }] } };
    },
  } as unknown as WorkflowHandle;

  test('its pending activities are asked once a second, and not at all while no gate waits', async () => {
    let now = 0;
    const watch = new HeartbeatWatch(handle, () => now);
    expect(await watch.onto(progress('node-1: create origin'))).toEqual(progress('node-1: create origin'));
    expect(asked).toBe(0);
    for (now = 0; now < 2000; now += 250) expect((await watch.onto(progress(quiet))).stages[0]!.now).toEqual([clause]);
    expect(asked).toBe(2);
  });

  test('it is a line of the tree, one of a log, and news of its own in JSON lines', async () => {
    const told = await new HeartbeatWatch(handle).onto(progress(quiet));
    expect(renderTree(told, { colors: plain, now: 0, columns: 100 }).at(-1)).toBe(`     ${clause}`);
    let now = 0;
    const streams = captureStreams();
    const display = new PlainDisplay(new Output(streams, { format: 'text' }), () => now);
    now = 9000;
    display.show(told);
    expect(streams.written.out).toContain(clause);
    expect([hasNews(told, progress(quiet)), hasNews(told, told)]).toEqual([true, false]);
  });
});
