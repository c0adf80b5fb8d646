import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { ActivityFailure, ApplicationFailure, RetryState, TimeoutFailure } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Worker, type WorkflowBundle } from '@temporalio/worker';
import { asActivities } from '../../src/activities/execution';
import { describeFailure } from '../../src/workflows/describe-failure';
import { quietRuntime } from '../support/temporal';

let environment: TestWorkflowEnvironment;
let workflowBundle: WorkflowBundle;
const namespace = 'tests-1';

beforeAll(async () => {
  quietRuntime();
  const address = process.env.KRAKENCTL_TEST_TEMPORAL!;
  environment = await TestWorkflowEnvironment.createFromExistingServer({ address, namespace });
  workflowBundle = await bundleWorkflowCode({
    workflowsPath: require.resolve('../support/outlasting-workflow'),
    logger: new DefaultLogger('WARN'),
  });
});
afterAll(() => environment.teardown());

interface Play {
  act: () => Promise<string>;
  time: '2s' | '6s' | '60s';
  /** Nobody works on it before. */
  absentMs?: number;
}

/** What the workflow got, and how often the activity was scheduled. */
async function play({ act, time, absentMs = 0 }: Play): Promise<{ result: unknown; scheduled: number }> {
  const common = { connection: environment.nativeConnection, namespace, maxHeartbeatThrottleInterval: 100 };
  const [taskQueue, effects] = [randomUUID(), randomUUID()];
  const main = await Worker.create({ ...common, taskQueue, workflowBundle });
  return main.runUntil(async () => {
    const { workflow } = environment.client;
    const run = await workflow.start('work', { taskQueue, workflowId: randomUUID(), args: [effects, time] });
    await sleep(absentMs);
    const worker = await Worker.create({ ...common, taskQueue: effects, activities: { act } });
    const result = await worker.runUntil(run.result());
    const { events } = await run.fetchHistory();
    return { result, scheduled: events!.filter((e) => e.activityTaskScheduledEventAttributes).length };
  });
}

const away = () => ApplicationFailure.create({ type: 'HOST_UNREACHABLE', message: 'node-1: timed out' });
const beating = (act: () => Promise<string>) => asActivities({ act }).act;

describe('an activity whose time runs out', () => {
  test('while nobody is there to begin it is scheduled again', async () => {
    const played = await play({ act: async () => 'done', time: '2s', absentMs: 3500 });
    expect(played).toEqual({ result: 'done', scheduled: 2 });
  });

  test('after one attempt failed and then nobody was there is scheduled again', async () => {
    const until = Date.now() + 6500;
    const act = beating(async () => {
      if (Context.current().info.attempt === 1 && Date.now() < until) throw away();
      return 'done';
    });
    // The second attempt is that of a worker that says nothing any more.
    const silent = () => (Context.current().info.attempt > 1 && Date.now() < until ? sleep(6500, 'late') : act());
    expect(await play({ act: silent, time: '6s' })).toEqual({ result: 'done', scheduled: 2 });
  });

  test('while a host is tried all the time is that host’s failure, by its name', async () => {
    const act = beating(async () => {
      if (Context.current().info.attempt === 1) await sleep(1500);
      else await sleep(6500);
      throw away();
    });
    expect(await play({ act, time: '6s' })).toEqual({
      result: { code: 'HOST_UNREACHABLE', message: 'node-1: timed out' },
      scheduled: 1,
    });
  });

  test('while somebody works on it is not scheduled again', async () => {
    const { result, scheduled } = await play({ act: beating(() => sleep(6500, 'late')), time: '6s' });
    expect(result).toEqual({ code: 'INTERNAL', message: 'act did not end in its time, and no attempt said why' });
    expect(scheduled).toBe(1);
  });
});

describe('an activity that asks Temporal for the run before', () => {
  test('is tried on where what only looks has failed often enough', async () => {
    const { confirmRun } = asActivities({
      confirmRun: async (): Promise<string> => {
        if (Context.current().info.attempt <= 5) throw new Error('14 UNAVAILABLE');
        return 'done';
      },
    });
    expect(await play({ act: confirmRun, time: '60s' })).toEqual({ result: 'done', scheduled: 1 });
  });
});

describe('an activity on one of several load balancers', () => {
  test('is tried as often as that failed, and not as often as a frozen worker held it', async () => {
    const tried: number[] = [];
    const { ensureInstallImage } = asActivities({
      ensureInstallImage: async (): Promise<string> => {
        tried.push(Context.current().info.attempt);
        throw away();
      },
    });
    const act = () => (Context.current().info.attempt <= 2 ? sleep(4000, 'late') : ensureInstallImage());
    expect(await play({ act, time: '60s' })).toMatchObject({ result: { code: 'HOST_UNREACHABLE' }, scheduled: 1 });
    expect(tried).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test('that a frozen worker still holds by its fence has not failed', async () => {
    const tried: number[] = [];
    const { publishInstall } = asActivities({
      publishInstall: async (): Promise<string> => {
        const { attempt } = Context.current().info;
        tried.push(attempt);
        throw attempt <= 3 ? ApplicationFailure.create({ type: 'FENCE_BUSY', message: 'held' }) : away();
      },
    });
    expect(await play({ act: publishInstall, time: '60s' })).toMatchObject({ result: { code: 'HOST_UNREACHABLE' } });
    expect(tried).toHaveLength(11);
  });
});

describe('what is told of an activity whose time ran out', () => {
  const ranOut = (heartbeat: unknown, cause?: Error) => {
    const timeout = new TimeoutFailure('activity ScheduleToClose timeout', heartbeat, 'SCHEDULE_TO_CLOSE');
    Object.assign(timeout, { cause });
    return new ActivityFailure('timed out', 'ensureContainer', '1', RetryState.TIMEOUT, 'w', timeout);
  };

  test('is what its last attempt failed with: code, host, text and hint', () => {
    const failed = { code: 'ENGINE_ERROR', message: 'no room', host: 'node-2', hint: 'krakenctl status' };
    expect(describeFailure(ranOut({ work: { workedMs: 1, seenAt: 1, failed } }))).toEqual(failed);
  });

  test('is the failure that Temporal put beneath it', () => {
    const cause = ApplicationFailure.create({ type: 'FENCE_BUSY', message: 'held', details: [{ host: 'node-3' }] });
    expect(describeFailure(ranOut(undefined, cause))).toEqual({ code: 'FENCE_BUSY', message: 'held', host: 'node-3' });
  });

  test('names what did not end where no attempt said why', () => {
    const message = 'ensureContainer did not end in its time, and no attempt said why';
    expect(describeFailure(ranOut(undefined))).toEqual({ code: 'INTERNAL', message });
  });
});
