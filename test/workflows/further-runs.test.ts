import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { OperationLine } from '../../src/contracts/activities';
import {
  type DecisionResult,
  type DeployInput,
  type DeployReport,
  defaultRollout,
  type Hold,
  type OperationProgress,
  type RolloutPolicy,
} from '../../src/contracts/operation';
import type { DecisionUpdate } from '../../src/contracts/queues';
import { stateOf } from '../campaign/modelled-state';
import { failureOf } from '../support/failure-of';
import { isLong } from '../support/long';
import { MemoryLab } from '../support/memory-hosts';
import { runsOf } from '../support/runs';
import { type Bench, openBench } from '../support/temporal';

/** Operations on three nodes under bounds so small that they go on in many runs: what comes of them is what comes of them in one. */
const runBounds = { events: 60, bytes: 10_000_000 };
const nodes = ['node-1', 'node-2', 'node-3'];

let lab: MemoryLab;
let bench: Bench;
/** Called before each activity. */
let beforeActivity: (name: string) => Promise<void> | void;

beforeEach(async () => {
  lab = new MemoryLab();
  beforeActivity = () => undefined;
  bench = await openBench(lab, { before: async (name) => beforeActivity(name) });
});
afterEach(() => bench.close());

type Change = (input: DeployInput) => void;
const inRuns = (input: DeployInput) => void Object.assign(input, { runBounds });
const rollout =
  (version: string, policy: Partial<RolloutPolicy> = {}): Change =>
  (input) => {
    input.policy = { ...defaultRollout, bakeMs: 0, ...policy };
    input.spec.images.version = version;
  };
const both =
  (...changes: Change[]): Change =>
  (input) => {
    for (const change of changes) change(input);
  };

const begin = (...changes: Change[]) => bench.start(both(inRuns, ...changes));
const progressOf = ({ workflowId }: WorkflowHandle) =>
  bench.environment.client.workflow.getHandle(workflowId).query<OperationProgress>('progress');
const historyOf = (run: Awaited<ReturnType<Bench['start']>>) =>
  runsOf(bench.environment.client, { workflowId: run.workflowId, runId: run.firstExecutionRunId });
/** By the workflow's id alone, as a person's command does. */
const decide = ({ workflowId }: WorkflowHandle, verb: DecisionUpdate, more: object = {}) =>
  bench.environment.client.workflow
    .getHandle(workflowId)
    .executeUpdate<DecisionResult, [object]>(verb, { args: [{ actor: 'ana@ops-1', ...more }] });

const versionOf = (node: string, part: string) => lab.machine(node).part(part)?.image.replace(/^.*:/, '');
const nginxOut = (node: string) => / out=([^"\\]*)/.exec(lab.machine(node).nginxRuns)?.[1];

const originStops = () => lab.journal.filter((line) => line.includes('stop kraken-cluster-node-2-origin')).length;

/** What its new origin gives. */
function wrongOnNode2(): void {
  lab.machine('node-2').serves = (part, response) =>
    part === 'origin' && versionOf('node-2', 'origin') === 'v0.1.28'
      ? { ...response, body: Buffer.from('{"wrong":1}') }
      : response;
}

function lines(): OperationLine[] {
  const text = lab.machine('node-3').stored.get('/var/lib/krakenctl/cluster/operations.jsonl')!.contents.toString();
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as OperationLine);
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what} was not seen within a minute`);
}

async function heldAt(run: WorkflowHandle, kind: Hold['kind'], point: string): Promise<void> {
  await until(`${kind} at ${point}`, async () => {
    const { hold, state } = await progressOf(run);
    if (state !== 'running') throw new Error(`it is ${state}`);
    return hold?.kind === kind && hold.point === point ? hold : undefined;
  });
}

/** The record names what is undone. */
function undoing({ generation, name }: DeployReport): Change {
  const { contents } = lab.machine('node-1').stored.get('/var/lib/krakenctl/cluster/state.json')!;
  const { before } = JSON.parse(contents.toString());
  return (input) => {
    Object.assign(input, { policy: { ...defaultRollout, bakeMs: 0 }, spec: before.spec });
    input.undo = { images: before.images, takesBack: generation, operation: name };
  };
}

/** A life of one cluster; what it changed on the hosts, in any order, and what it is like in the end. */
async function live(own: Change): Promise<{ effects: string[]; states: unknown[]; runs: number[] }> {
  const states: unknown[] = [];
  const runs: number[] = [];
  const go = async (...changes: Change[]) => {
    const run = await bench.start(both(own, ...changes));
    const report = (await run.result()) as DeployReport;
    states.push(structuredClone(stateOf(lab)));
    runs.push((await historyOf(run)).length);
    return report;
  };
  await go();
  const changed = await go(rollout('v0.1.28'));
  await go(undoing(changed));
  expect((await go(undoingNothing)).changed).toBe(false);
  return { effects: [...lab.journal].sort(), states, runs };
}

const undoingNothing: Change = () => undefined;

describe('an operation in further runs', () => {
  test('does what it does in one, each thing once, and ends the same: a first deploy, a rollout, an undo, and nothing to do', async () => {
    const many = await live(inRuns);
    await bench.close();
    lab = new MemoryLab();
    bench = await openBench(lab);
    const one = await live(() => undefined);
    expect(one.runs).toEqual([1, 1, 1, 1]);
    expect(many.runs.slice(0, 3).every((runs) => runs > 3)).toBe(true);
    // A look and a plan alone are not left.
    expect(many.runs[3]).toBe(1);
    expect(many.states).toEqual(one.states);
    expect(many.effects).toEqual(one.effects);
  }, 180_000);

  test('tells of itself as one: stages, counts, times and decisions of all its runs, under one name', async () => {
    await bench.deploy();
    const run = await begin(rollout('v0.1.28', { approveEachNode: true }));
    for (const point of nodes) {
      await heldAt(run, 'approval', point);
      await decide(run, 'approve', { point });
    }
    const report = (await run.result()) as DeployReport;
    const runs = await historyOf(run);
    expect(runs.length).toBeGreaterThan(3);
    const { events } = runs.at(-1)!;
    const last = await progressOf(run);
    expect(last).toMatchObject({ state: 'done', name: 'deploy-2', plan: { hash: report.plan.hash } });
    expect(last.hold).toBeUndefined();
    expect(last.stages.map(({ id, state, now }) => [id, state, now])).toEqual(
      ['look', 'claim', 'images', ...nodes, 'proof', 'record'].map((id) => [id, 'done', []]),
    );
    for (const { id, done, total, detail } of last.stages.filter((stage) => nodes.includes(stage.id))) {
      expect([id, done]).toEqual([id, total]);
      expect(detail).toMatch(
        /^drained [\d.]+s · storage replaced [\d.]+s · replaced [\d.]+s · canary [\d.]+s · through no agent \(none is looked after\) [\d.]+s · taken back [\d.]+s$/,
      );
    }
    const first = runs[0]!.events[0]!.eventTime!;
    expect(Math.abs(last.startedAt - Number(first.seconds) * 1000)).toBeLessThan(5000);
    expect(last.decisions?.map(({ what, point }) => [what, point])).toEqual(nodes.map((node) => ['approved', node]));
    expect(lines().at(-1)).toMatchObject({ name: 'deploy-2', result: 'done', decisions: [{}, {}, {}] });
    const { memo } = events[0]!.workflowExecutionStartedEventAttributes!;
    const begunAt = JSON.parse(Buffer.from(memo!.fields!.begunAt!.data!).toString());
    expect(Math.abs(Date.parse(begunAt) - Number(first.seconds) * 1000)).toBeLessThan(5000);
  }, 300_000);

  test('paused in one run it holds at its next node in another, and what it holds for is asked once', async () => {
    await bench.deploy();
    let run: Awaited<ReturnType<Bench['start']>> | undefined;
    lab.hook = async (moment, effect, host) => {
      if (moment !== 'before' || !effect.startsWith('stop ') || host !== 'node-1') return;
      lab.hook = () => undefined;
      await decide(run!, 'pause', { reason: 'lunch' });
    };
    run = await begin(rollout('v0.1.28'));
    await heldAt(run, 'paused', 'node-2');
    expect((await historyOf(run)).length).toBeGreaterThan(1);
    expect(nodes.map((node) => versionOf(node, 'origin'))).toEqual(['v0.1.28', 'v0.1.27', 'v0.1.27']);
    expect((await progressOf(run)).hold).toMatchObject({ by: 'ana@ops-1', reason: 'lunch' });
    await decide(run, 'resume');
    await run.result();
    expect((await progressOf(run)).decisions?.map(({ what }) => what)).toEqual(['paused', 'resumed']);
  }, 300_000);

  test('whatever is asked of it while it goes over into another run is answered, once', async () => {
    await bench.deploy();
    const run = await begin(rollout('v0.1.28'));
    let isOver = false;
    const ended = run.result().finally(() => {
      isOver = true;
    });
    const answers: string[] = [];
    while (!isOver) {
      for (const verb of ['pause', 'resume'] as const) {
        const answer = await decide(run, verb).catch((error) => error);
        if (!(answer instanceof Error)) answers.push(answer.what);
        // A rejection before the end would be one that a person gets.
        else if (!isOver && (await progressOf(run)).state === 'running') throw answer;
      }
    }
    await ended;
    expect((await historyOf(run)).length).toBeGreaterThan(3);
    expect(answers.length).toBeGreaterThan(5);
    expect((await progressOf(run)).decisions?.map(({ what }) => what)).toEqual(answers);
  }, 180_000);

  test('cancelled in a further run, in the middle of a node, it ends when that node is back', async () => {
    await bench.deploy();
    let run: Awaited<ReturnType<Bench['start']>> | undefined;
    lab.hook = async (moment, effect) => {
      if (moment !== 'before' || effect !== 'create kraken-cluster-node-2-proxy') return;
      lab.hook = () => undefined;
      await bench.environment.client.workflow.getHandle(run!.workflowId).cancel();
    };
    run = await begin(rollout('v0.1.28'));
    await expect(run.result()).rejects.toThrow(/cancel/i);
    expect((await historyOf(run)).length).toBeGreaterThan(2);
    expect((await progressOf(run)).state).toBe('cancelled');
    expect(nodes.map((node) => versionOf(node, 'proxy'))).toEqual(['v0.1.28', 'v0.1.28', 'v0.1.27']);
    expect(nodes.map(nginxOut)).toEqual([undefined, undefined, undefined]);
    expect(lines().at(-1)).toMatchObject({ name: 'deploy-2', result: 'cancelled' });
  }, 300_000);

  // Terminated in its one run: reset.test.ts.
  if (isLong) {
    test('terminated in a further run it leaves what it left; the next deploy ends whole', async () => {
      await bench.deploy();
      let run: Awaited<ReturnType<Bench['start']>> | undefined;
      lab.hook = async (moment, effect) => {
        if (moment !== 'before' || effect !== 'create kraken-cluster-node-2-proxy') return;
        lab.hook = () => undefined;
        await bench.environment.client.workflow.getHandle(run!.workflowId).terminate('by hand');
      };
      run = await begin(rollout('v0.1.28'));
      await expect(run.result()).rejects.toThrow(/by hand/);
      expect(nginxOut('node-1')).toBe('node-2');
      const again = await begin(rollout('v0.1.28'));
      expect(((await again.result()) as DeployReport).plan.left?.[0]?.host).toBe('node-2');
      expect(nodes.map((node) => versionOf(node, 'proxy'))).toEqual(nodes.map(() => 'v0.1.28'));
      expect(nodes.map(nginxOut)).toEqual([undefined, undefined, undefined]);
    }, 300_000);
  }
});

describe('a change that fails in further runs', () => {
  /** As on `node`, so in one run and in many. */
  async function fail(own: Change) {
    await bench.deploy();
    const before = stateOf(lab);
    wrongOnNode2();
    lab.machine('node-2').says = ({ image }) => (image.endsWith('v0.1.28') ? 'gave up' : 'all is well');
    const run = await bench.start(both(own, rollout('v0.1.28')));
    const failure = await failureOf(run.result());
    return { failure, before, runs: await historyOf(run), progress: await progressOf(run) };
  }
  const told = ({ failure }: Awaited<ReturnType<typeof fail>>) =>
    // The canary's own image names the operation.
    [failure.type, failure.message, failure.details].map((one) => JSON.stringify(one).replace(/[0-9a-f]{64}/g, '…'));

  // That a way back goes on in further runs is also the rule of the next one, with somebody who cancels it.
  if (isLong) {
    test('goes back in further runs too, and says the same', async () => {
      const many = await fail(inRuns);
      expect(many.failure.type).toBe('ROLLED_BACK');
      expect(many.runs.length).toBeGreaterThan(5);
      const withoutRecord = (state: Record<string, unknown>) =>
        Object.entries(state).map(([id, host]) => [id, { ...(host as object), record: undefined }]);
      expect(withoutRecord(stateOf(lab))).toEqual(withoutRecord(many.before));
      expect(lines().map(({ result }) => result)).toEqual(['done', 'rolled-back']);
      expect(many.progress.stages.map(({ id, state }) => `${id} ${state}`)).toEqual(
        expect.arrayContaining([
          'node-2 failed',
          'back done',
          'back-node-2 done',
          'back-node-1 done',
          'back-look done',
        ]),
      );
      await bench.close();
      lab = new MemoryLab();
      bench = await openBench(lab);
      const one = await fail(() => undefined);
      expect(one.runs).toHaveLength(1);
      // Without its stages, which are not carried on the way back, it would be another.
      expect([many.progress.plan, one.progress.plan]).toEqual([undefined, expect.anything()]);
      expect(told(many)).toEqual(told(one));
    }, 180_000);
  }

  test('is taken back to its end though somebody cancels it meanwhile', async () => {
    await bench.deploy();
    wrongOnNode2();
    let run: Awaited<ReturnType<Bench['start']>> | undefined;
    let asked = 0;
    lab.hook = async (moment, effect) => {
      // The second time is on the way back.
      if (moment !== 'before' || effect !== 'stop kraken-cluster-node-2-origin' || ++asked < 2) return;
      lab.hook = () => undefined;
      await bench.environment.client.workflow.getHandle(run!.workflowId).cancel();
    };
    run = await begin(rollout('v0.1.28'));
    expect((await failureOf(run.result())).type).toBe('ROLLED_BACK');
    expect(asked).toBe(2);
    expect(nodes.map((node) => versionOf(node, 'origin'))).toEqual(nodes.map(() => 'v0.1.27'));
    expect(nodes.map(nginxOut)).toEqual([undefined, undefined, undefined]);
  }, 300_000);
});

describe('cancelled before a further run knows that it is the one that goes on', () => {
  /** While node-2 is left out, and its origin was stopped so often; no try to find out goes well before the run was told. */
  async function cancelled(stops: number, prepare = () => {}): Promise<Awaited<ReturnType<Bench['start']>>> {
    await bench.deploy();
    prepare();
    const { client } = bench.environment;
    let run: Awaited<ReturnType<Bench['start']>> | undefined;
    let told: Promise<void> | undefined;
    const cancel = async () => {
      const handle = client.workflow.getHandle(run!.workflowId);
      await handle.cancel();
      await until('that the run was told', async () => {
        const { events } = await handle.fetchHistory();
        const at = events!.findIndex((event) => event.workflowExecutionCancelRequestedEventAttributes);
        return events!.slice(at).find((event) => event.workflowTaskCompletedEventAttributes);
      });
      beforeActivity = () => undefined;
    };
    beforeActivity = (name) => {
      if (name !== 'confirmRun' || nginxOut('node-1') !== 'node-2' || originStops() < stops) return;
      told ??= cancel();
      throw new Error('Temporal is not there');
    };
    run = await begin(rollout('v0.1.28'));
    await expect(run.result()).rejects.toThrow();
    await told;
    return run;
  }

  test('it ends when the node that an earlier run began is back', async () => {
    const run = await cancelled(1);
    await expect(run.result()).rejects.toThrow(/cancel/i);
    expect((await progressOf(run)).state).toBe('cancelled');
    expect(nodes.map((node) => versionOf(node, 'proxy'))).toEqual(['v0.1.28', 'v0.1.28', 'v0.1.27']);
    expect(nodes.map(nginxOut)).toEqual([undefined, undefined, undefined]);
    expect(lines().at(-1)).toMatchObject({ name: 'deploy-2', result: 'cancelled' });
  }, 300_000);

  test('what is taken back comes to its end', async () => {
    const run = await cancelled(2, wrongOnNode2);
    expect((await failureOf(run.result())).type).toBe('ROLLED_BACK');
    expect(nodes.map((node) => versionOf(node, 'origin'))).toEqual(nodes.map(() => 'v0.1.27'));
    expect(nodes.map(nginxOut)).toEqual([undefined, undefined, undefined]);
    expect(lines().at(-1)).toMatchObject({ name: 'deploy-2', result: 'rolled-back' });
  }, 300_000);
});

describe('a further run to which Temporal does not tell the end of the one before', () => {
  /** While node-2 is left out, and its origin was stopped so often; and what was changed since. */
  async function unconfirmed(stops: number, prepare = () => {}) {
    await bench.deploy();
    prepare();
    let did = 0;
    beforeActivity = (name) => {
      if (name !== 'confirmRun' || nginxOut('node-1') !== 'node-2' || originStops() < stops) return;
      did = lab.journal.length;
      throw ApplicationFailure.nonRetryable('5 NOT_FOUND');
    };
    const failure = await failureOf((await begin(rollout('v0.1.28'))).result());
    beforeActivity = () => undefined;
    expect(lab.journal.slice(did).filter((line) => !line.endsWith('operations.jsonl'))).toEqual([]);
    expect(lines().at(-1)).toMatchObject({ name: 'deploy-2', result: 'failed' });
    return failure;
  }

  test('takes nothing back; the next deploy goes on from there', async () => {
    expect(await unconfirmed(1)).toMatchObject({
      type: 'RUN_UNCONFIRMED',
      message: expect.stringContaining('5 NOT_FOUND'),
    });
    expect((await bench.deploy(rollout('v0.1.28'))).plan.left?.[0]?.host).toBe('node-2');
    expect(nodes.map((node) => versionOf(node, 'proxy'))).toEqual(nodes.map(() => 'v0.1.28'));
  }, 300_000);

  test('on the way back still says what the change failed with', async () => {
    const { type, message, details } = await unconfirmed(2, wrongOnNode2);
    expect(type).toBe('ROLLBACK_FAILED');
    expect(message).toMatch(/node-2.* · and the way back failed: RUN_UNCONFIRMED .*5 NOT_FOUND/);
    expect(details).toMatchObject([{ host: 'node-2', failedWith: 'CANARY_FAILED' }]);
  }, 300_000);
});

describe('reset by hand', () => {
  const firstTask = ({ events }: Awaited<ReturnType<typeof historyOf>>[number]) =>
    events.find((event) => event.workflowTaskCompletedEventAttributes)!;

  test('a further run that begins anew carries what is over: it is refused by name and touches nothing', async () => {
    await bench.deploy();
    let run: Awaited<ReturnType<Bench['start']>> | undefined;
    const { client, namespace } = bench.environment;
    const told = new Promise<{ handle: WorkflowHandle; did: number }>((resolve, reject) => {
      lab.hook = async (moment, effect) => {
        if (moment !== 'before' || effect !== 'create kraken-cluster-node-3-proxy') return;
        lab.hook = () => undefined;
        const { workflowId } = run!;
        const [, second] = await historyOf(run!);
        const did = lab.journal.length;
        const reset = client.workflowService.resetWorkflowExecution({
          ...{ namespace, workflowExecution: { workflowId, runId: second!.runId } },
          ...{ workflowTaskFinishEventId: firstTask(second!).eventId, reason: 'by hand', requestId: randomUUID() },
        });
        await reset.then(
          ({ runId }) => resolve({ handle: client.workflow.getHandle(workflowId, runId!), did }),
          reject,
        );
      };
    });
    run = await begin(rollout('v0.1.28'));
    const { handle, did } = await told;
    expect(await failureOf(handle.result())).toMatchObject({ type: 'OPERATION_RESET' });
    // What was under way on node-3 side by side, and the note of the end.
    const further = lab.journal
      .slice(did)
      .filter((line) => !/node-3-(origin|tracker|build-index|proxy)$|operations\.jsonl$/.test(line));
    expect(further).toEqual([]);
    expect(nodes.map(nginxOut)).toEqual(nodes.map(() => 'node-3'));
    expect((await bench.deploy(rollout('v0.1.28'))).plan.left?.[0]?.host).toBe('node-3');
    expect(nodes.map(nginxOut)).toEqual([undefined, undefined, undefined]);
  }, 300_000);
});
