import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { windowOpensIn } from '../../src/cluster/maintenance-window';
import type { OperationLine } from '../../src/contracts/activities';
import {
  type DecisionResult,
  defaultRollout,
  type Hold,
  type OperationProgress,
  type RolloutPolicy,
} from '../../src/contracts/operation';
import { cancellingSignal, type DecisionUpdate } from '../../src/contracts/queues';
import { exampleSpec } from '../support/cluster';
import { failureOf } from '../support/failure-of';
import { MemoryLab } from '../support/memory-hosts';
import { type Bench, openBench, openSkippingServer } from '../support/temporal';

/** Holds of days on a server that skips time. */
let server: TestWorkflowEnvironment;
let lab: MemoryLab;
let bench: Bench;

beforeAll(async () => {
  server = await openSkippingServer();
});
afterAll(() => server.teardown());
beforeEach(async () => {
  lab = new MemoryLab();
  bench = await openBench(lab, { environment: server });
});
afterEach(() => bench.close());

const spec = (version: string) => exampleSpec((s) => void Object.assign(s.images, { version }));

const deployOld = () => bench.deploy((input) => void Object.assign(input, { spec: spec('v0.1.27') }));

/** The watching of new parts would only take time. */
const unwatched = { ...defaultRollout, bakeMs: 0 };

/** A cluster that runs, and the change of its version with a policy. */
async function begin(policy: Partial<RolloutPolicy> = {}): Promise<WorkflowHandle> {
  if (lab.machines.size === 0) await deployOld();
  return bench.start((input) => {
    Object.assign(input, { spec: spec('v0.1.28'), policy: { ...unwatched, ...policy } });
    input.operation.reason = 'CVE-2026-1';
  });
}

const progressOf = (run: WorkflowHandle) => run.query<OperationProgress>('progress');

/** A worker that keeps no workflow in memory loses a task now and then (sdk-core: "leftover buffered tasks"), which the server gives again after ten seconds. */
const heldWithinMs = 60_000;

async function heldAt(run: WorkflowHandle, kind: Hold['kind'], point: string): Promise<Hold> {
  for (const until = Date.now() + heldWithinMs; Date.now() < until; ) {
    const { hold, state } = await progressOf(run);
    if (hold?.kind === kind && hold.point === point) return hold;
    if (state !== 'running') throw new Error(`it is ${state}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not held for ${kind} at ${point} within ${heldWithinMs / 1000} s`);
}

let updates = 0;
function decide(run: WorkflowHandle, verb: DecisionUpdate, actor = 'ana@ops-1', more: object = {}) {
  updates += 1;
  const options = { args: [{ actor, ...more }], updateId: `update-${updates}` };
  return run.executeUpdate<DecisionResult, [object]>(verb, options as never);
}

/** The cause of a refused update. */
const refusal = (update: Promise<unknown>) => failureOf(update);

/** Which hosts got a container of the new version, in order of their first. */
function replacedHosts(): string[] {
  const hosts = lab.journal.filter((line) => / (create|stop) /.test(line)).slice(27);
  return [...new Set(hosts.map((line) => line.split(' ')[0]!))];
}

function lastLine(): OperationLine {
  const text = lab.machine('node-1').stored.get('/var/lib/krakenctl/cluster/operations.jsonl')!.contents.toString();
  return JSON.parse(text.trim().split('\n').at(-1)!);
}

const day = 24 * 3_600_000;

describe('paused', () => {
  test('at a node for a week, with no worker for most of it: resumed, it goes on where it was', async () => {
    await deployOld();
    await bench.close();
    bench = await openBench(lab, { environment: server, forgetful: true });
    const run = await begin({ approveEachNode: true });
    await heldAt(run, 'approval', 'node-1');
    await decide(run, 'approve');
    await heldAt(run, 'approval', 'node-2');
    const before = lab.journal.length;
    expect(await decide(run, 'pause', 'ana@ops-1', { reason: 'lunch' })).toMatchObject({
      what: 'paused',
      point: 'node-2',
    });
    const held = await heldAt(run, 'paused', 'node-2');
    expect(held).toMatchObject({ by: 'ana@ops-1', reason: 'lunch', title: 'node-2' });
    await bench.withoutWorker(() => server.sleep(7 * day));
    expect(lab.journal).toHaveLength(before);
    expect(await progressOf(run)).toMatchObject({ state: 'running', hold: held });
    expect(await decide(run, 'resume', 'bob@ops-2')).toMatchObject({ what: 'resumed' });
    for (const point of ['node-2', 'node-3']) {
      await heldAt(run, 'approval', point);
      await decide(run, 'approve', 'bob@ops-2', { point });
    }
    expect(await run.result()).toMatchObject({ changed: true });
    expect(replacedHosts()).toEqual(['node-1', 'node-2', 'node-3']);
    expect(lastLine()).toMatchObject({ result: 'done', reason: 'CVE-2026-1' });
    expect(lastLine().decisions?.map(({ what, actor, point }) => [what, actor, point])).toEqual([
      ['approved', 'ana@ops-1', 'node-1'],
      ['paused', 'ana@ops-1', 'node-2'],
      ['resumed', 'bob@ops-2', 'node-2'],
      ['approved', 'bob@ops-2', 'node-2'],
      ['approved', 'bob@ops-2', 'node-3'],
    ]);
    const { startedAt, endedAt } = lastLine();
    expect(Date.parse(endedAt) - Date.parse(startedAt)).toBeGreaterThan(7 * day);
  }, 300_000);

  test('while a node is worked on, it comes to the end of that node and holds before the next', async () => {
    let run: WorkflowHandle | undefined;
    lab.hook = async (moment, effect, host) => {
      if (moment !== 'before' || !effect.startsWith('stop ') || host !== 'node-1') return;
      lab.hook = () => undefined;
      await decide(run!, 'pause');
    };
    run = await begin();
    await heldAt(run, 'paused', 'node-2');
    expect(replacedHosts()).toEqual(['node-1']);
    expect(lab.machine('node-1').part('origin')).toMatchObject({ state: 'running' });
    await decide(run, 'resume');
    await run.result();
    expect(replacedHosts()).toEqual(['node-1', 'node-2', 'node-3']);
  });

  test('a second pause, a resume of what is not paused and a decision about what is over are refused with who and why', async () => {
    const run = await begin({ approveEachNode: true });
    await heldAt(run, 'approval', 'node-1');
    expect(await refusal(decide(run, 'resume'))).toMatchObject({
      type: 'NOT_PAUSED',
      message: 'deploy-2 is not paused; node-1 waits for approval',
    });
    const [first, second] = await Promise.allSettled([decide(run, 'pause'), decide(run, 'pause', 'bob@ops-2')]);
    expect([first.status, second.status].sort()).toEqual(['fulfilled', 'rejected']);
    expect(await refusal(decide(run, 'pause', 'eve@ops-3'))).toMatchObject({
      type: 'ALREADY_PAUSED',
      message: expect.stringMatching(/^deploy-2 is paused already, by (ana@ops-1|bob@ops-2) since 2/),
    });
    expect(await refusal(decide(run, 'approve'))).toMatchObject({
      type: 'NOTHING_TO_APPROVE',
      message: expect.stringContaining('nothing of deploy-2 waits for approval; it is paused by'),
    });
    await decide(run, 'resume');
    await heldAt(run, 'approval', 'node-1');
    await run.cancel();
    await expect(run.result()).rejects.toThrow();
    await expect(decide(run, 'pause')).rejects.toThrow();
  });
});

describe('approvals', () => {
  test('one is of one node: given twice, or by two at once, the second is refused and the next node waits', async () => {
    const run = await begin({ approveEachNode: true });
    expect(await heldAt(run, 'approval', 'node-1')).toMatchObject({ title: 'node-1' });
    expect(replacedHosts()).toEqual([]);
    const both = ['ana@ops-1', 'bob@ops-2'].map((actor) => decide(run, 'approve', actor, { point: 'node-1' }));
    const answers = await Promise.allSettled(both);
    expect(answers.map((a) => a.status).sort()).toEqual(['fulfilled', 'rejected']);
    const given = answers.find((a): a is PromiseFulfilledResult<DecisionResult> => a.status === 'fulfilled')!;
    expect(given.value).toEqual({ what: 'approved', name: 'deploy-2', point: 'node-1', title: 'node-1' });
    await heldAt(run, 'approval', 'node-2');
    expect(await refusal(decide(run, 'approve', 'eve@ops-3', { point: 'node-1' }))).toMatchObject({
      type: 'NOTHING_TO_APPROVE',
      message: expect.stringMatching(/^node-1 was approved by .*@ops-. already; node-2 waits for approval$/),
    });
    expect(replacedHosts()).toEqual(['node-1']);
    await decide(run, 'deny');
    await failureOf(run.result());
  });

  test('without anything waiting there is nothing to approve or deny', async () => {
    let run: WorkflowHandle | undefined;
    const answers: unknown[] = [];
    lab.hook = async (moment, effect) => {
      if (moment !== 'before' || !effect.startsWith('stop ')) return;
      lab.hook = () => undefined;
      answers.push(await refusal(decide(run!, 'approve')), await refusal(decide(run!, 'deny')));
    };
    run = await begin();
    await run.result();
    const refused = { type: 'NOTHING_TO_APPROVE', message: 'nothing of deploy-2 waits for approval' };
    expect(answers).toMatchObject([refused, refused]);
    expect((await progressOf(run)).decisions).toEqual([]);
  });

  test('denied, it fails as APPROVAL_DENIED with who and why, and touches nothing further', async () => {
    const run = await begin({ approveEachNode: true });
    await heldAt(run, 'approval', 'node-1');
    await decide(run, 'approve');
    await heldAt(run, 'approval', 'node-2');
    const before = lab.journal.length;
    await decide(run, 'deny', 'bob@ops-2', { reason: 'looks slow' });
    expect(await failureOf(run.result())).toMatchObject({
      type: 'APPROVAL_DENIED',
      message: 'node-2 was denied by bob@ops-2: looks slow',
    });
    expect(lab.journal.slice(before).filter((line) => !line.endsWith('/operations.jsonl'))).toEqual([]);
    expect(lastLine()).toMatchObject({ result: 'failed', decisions: [{}, { what: 'denied', reason: 'looks slow' }] });
    const progress = await progressOf(run);
    expect([progress.state, progress.hold]).toEqual(['failed', undefined]);
  });

  test('nobody approves it in time: APPROVAL_EXPIRED, nothing touched; a day before it would have gone on', async () => {
    const run = await begin({ approveEachNode: true });
    const { since, until } = await heldAt(run, 'approval', 'node-1');
    expect(until! - since).toBe(30 * day);
    await server.sleep(29 * day);
    await decide(run, 'approve');
    await heldAt(run, 'approval', 'node-2');
    expect(await failureOf(run.result())).toMatchObject({
      type: 'APPROVAL_EXPIRED',
      message: 'nobody approved node-2 within 30 days',
    });
    expect(replacedHosts()).toEqual(['node-1']);
  });
});

describe('a window', () => {
  /** The server's clock when each host was first changed. */
  function watchTimes(): Record<string, number> {
    const times: Record<string, number> = {};
    lab.hook = async (moment, effect, host) => {
      if (moment === 'before' && /^(stop|create) /.test(effect)) times[host] ??= await server.currentTimeMs();
    };
    return times;
  }

  const clock = (at: number) => new Date(at).toISOString().slice(11, 16);

  test('that is closed is waited for, and shown until when', async () => {
    await begin().then((run) => run.result());
    const at = await server.currentTimeMs();
    const window = { from: clock(at + 5 * 3_600_000), to: clock(at + 6 * 3_600_000), zone: 'UTC' };
    const times = watchTimes();
    const run = await bench.start(
      (input) => void Object.assign(input, { spec: spec('v0.1.29'), policy: { ...unwatched, window } }),
    );
    const hold = await heldAt(run, 'window', 'node-1');
    expect(clock(hold.until!)).toBe(window.from);
    expect(times).toEqual({});
    await run.result();
    expect(Object.keys(times)).toEqual(['node-1', 'node-2', 'node-3']);
    for (const nowMs of Object.values(times)) expect(windowOpensIn({ window, nowMs })).toBe(0);
  });

  test('that closed while an approval was waited for is waited for again; pausing and resuming change nothing of that', async () => {
    await begin().then((run) => run.result());
    const at = await server.currentTimeMs();
    const window = { from: clock(at - 3_600_000), to: clock(at + 3_600_000), zone: 'UTC' };
    const times = watchTimes();
    const run = await bench.start(
      (input) =>
        void Object.assign(input, {
          spec: spec('v0.1.29'),
          policy: { ...unwatched, window, approveEachNode: true },
        }),
    );
    await heldAt(run, 'approval', 'node-1');
    await server.sleep(4 * 3_600_000);
    await decide(run, 'approve');
    await heldAt(run, 'window', 'node-1');
    await decide(run, 'pause');
    await heldAt(run, 'paused', 'node-1');
    await decide(run, 'resume');
    const { until } = await heldAt(run, 'window', 'node-1');
    await server.sleep(until! - (await server.currentTimeMs()) + 1000);
    await heldAt(run, 'approval', 'node-2');
    expect(Object.keys(times)).toEqual(['node-1']);
    expect(times['node-1']).toBeGreaterThanOrEqual(until!);
    await run.cancel();
    await expect(run.result()).rejects.toThrow();
  });
});

test('cancelled while it is held it ends cleanly: nothing touched, noted with who and why', async () => {
  const run = await begin({ approveEachNode: true });
  await heldAt(run, 'approval', 'node-1');
  const before = lab.journal.length;
  await run.signal(cancellingSignal, { actor: 'bob@ops-2', reason: 'wrong version' });
  await run.cancel();
  await expect(run.result()).rejects.toThrow(/cancel/i);
  const progress = await progressOf(run);
  expect([progress.state, progress.hold]).toEqual(['cancelled', undefined]);
  expect(lab.journal.slice(before).filter((line) => !line.endsWith('/operations.jsonl'))).toEqual([]);
  expect(lastLine()).toMatchObject({
    result: 'cancelled',
    decisions: [{ what: 'cancelled', actor: 'bob@ops-2', reason: 'wrong version' }],
  });
});

test('what changes in place is approved node by node, too, and before parts are replaced', async () => {
  await deployOld();
  const told = () =>
    ['node-1', 'node-2', 'node-3'].filter(
      (id) => lab.machine(id).instanceOf('redis').settings.get('maxmemory') === `${2 ** 29}`,
    );
  const run = await bench.start((input) => {
    Object.assign(input, { spec: spec('v0.1.28'), policy: { ...unwatched, approveEachNode: true } });
    Object.assign(input.spec.redis, { maxmemoryBytes: 2 ** 29 });
  });
  expect(await heldAt(run, 'approval', 'node-1/live')).toMatchObject({ title: 'node-1 in place' });
  expect(told()).toEqual([]);
  await decide(run, 'approve', 'ana@ops-1', { point: 'node-1/live' });
  await heldAt(run, 'approval', 'node-2/live');
  expect(told()).toEqual(['node-1']);
  await decide(run, 'pause');
  await heldAt(run, 'paused', 'node-2/live');
  await decide(run, 'resume');
  for (const point of ['node-2/live', 'node-3/live']) {
    await heldAt(run, 'approval', point);
    await decide(run, 'approve');
  }
  await heldAt(run, 'approval', 'node-1');
  expect(told()).toEqual(['node-1', 'node-2', 'node-3']);
  expect(replacedHosts()).toEqual([]);
  await decide(run, 'deny');
  expect(await failureOf(run.result())).toMatchObject({ type: 'APPROVAL_DENIED' });
});

test('hosts that are brought up side by side are approved once, before the first of them is changed', async () => {
  const run = await bench.start(
    (input) => void Object.assign(input, { policy: { ...unwatched, approveEachNode: true } }),
  );
  expect(await heldAt(run, 'approval', 'files')).toMatchObject({ title: 'all hosts at once' });
  expect(lab.journal.filter((line) => / (create|write \/etc) /.test(line))).toEqual([]);
  await decide(run, 'approve');
  expect(await run.result()).toMatchObject({ changed: true });
});
