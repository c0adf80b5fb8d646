import { Context } from '@temporalio/activity';
import { stewardScheduleId, stewardWorkflowId, workflowTypes } from '../contracts/queues';
import { type StewardInput, stewardRhythm } from '../contracts/steward';
import { ActivityError } from './failures';
import { beat, pause } from './heartbeat';

type Schedules = Context['client']['schedule'];
type Found = Awaited<ReturnType<ReturnType<Schedules['getHandle']>['describe']>>;

/** A schedule is changed by a workflow of Temporal's own, which may take a moment. */
const seenWithinMs = 10_000;
const lookAgainMs = 200;

/** Looks, compares, makes or changes, and looks again. The queue is the one that this activity was asked for on. */
export async function bringSchedule(input: StewardInput): Promise<{ changed: boolean }> {
  const { schedule } = Context.current().client;
  const id = stewardScheduleId(input.spec.name);
  const wanted = wantedSchedule(input, Context.current().info.taskQueue);
  const found = await find(schedule, id);
  if (found && isAsWanted(found, wanted)) return { changed: false };
  if (found) {
    // Who paused it, and why, stays as it is.
    const { paused, note } = found.state;
    await schedule.getHandle(id).update(() => ({ ...wanted, state: { paused, note } }));
  } else {
    await schedule.create({ ...wanted, scheduleId: id }).catch((error: Error) => {
      // By an attempt of ours whose end was not seen; what is there is compared below.
      if (error.name !== 'ScheduleAlreadyRunning') throw error;
    });
  }
  await until(`${id} is not as it was made`, async () => {
    const now = await find(schedule, id);
    return now !== undefined && isAsWanted(now, wanted);
  });
  return { changed: true };
}

export async function takeScheduleAway(cluster: string): Promise<{ changed: boolean }> {
  const { schedule } = Context.current().client;
  const id = stewardScheduleId(cluster);
  if (!(await find(schedule, id))) return { changed: false };
  await schedule
    .getHandle(id)
    .delete()
    .catch((error: Error) => {
      if (!isNotFound(error)) throw error;
    });
  await until(`${id} is still there after it was taken away`, async () => (await find(schedule, id)) === undefined);
  return { changed: true };
}

function wantedSchedule(input: StewardInput, taskQueue: string) {
  const { name, tls } = input.spec;
  const { everyMs, jitterMs, catchupMs } = stewardRhythm(tls!.lifetimeSeconds);
  return {
    spec: { intervals: [{ every: everyMs }], jitter: jitterMs },
    action: {
      type: 'startWorkflow' as const,
      workflowType: workflowTypes.steward,
      workflowId: stewardWorkflowId(name),
      taskQueue,
      args: [plain(input)],
      staticSummary: `certificates of ${name}`,
    },
    policies: { overlap: 'SKIP' as const, catchupWindow: catchupMs },
  };
}

type Wanted = ReturnType<typeof wantedSchedule>;

function isAsWanted({ spec, action, policies }: Found, wanted: Wanted): boolean {
  const { workflowType, workflowId, taskQueue, args = [] } = action;
  const is = {
    spec: { intervals: (spec.intervals ?? []).map(({ every }) => ({ every })), jitter: spec.jitter ?? 0 },
    action: { workflowType, workflowId, taskQueue, args: [...args] },
    policies: { overlap: policies.overlap, catchupWindow: policies.catchupWindow },
  };
  const { workflowType: type, workflowId: id, taskQueue: queue, args: given } = wanted.action;
  const should = {
    spec: wanted.spec,
    action: { workflowType: type, workflowId: id, taskQueue: queue, args: given },
    policies: wanted.policies,
  };
  return JSON.stringify(is) === JSON.stringify(should);
}

/** As it comes back: without what is undefined. */
function plain(input: StewardInput): StewardInput {
  return JSON.parse(JSON.stringify(input)) as StewardInput;
}

async function find(schedules: Schedules, id: string): Promise<Found | undefined> {
  try {
    return await schedules.getHandle(id).describe();
  } catch (error) {
    if (isNotFound(error as Error)) return undefined;
    throw error;
  }
}

function isNotFound({ name }: Error): boolean {
  return name === 'ScheduleNotFoundError';
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + seenWithinMs; ; ) {
    if (await isSo()) return;
    beat({ schedule: what });
    if (Date.now() > deadline)
      throw new ActivityError('INTERNAL', `the schedule ${what}`, {
        final: false,
        hint: 'krakenctl tls schedule show',
      });
    await pause(lookAgainMs);
  }
}
