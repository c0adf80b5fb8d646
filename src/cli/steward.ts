import { stewardScheduleId } from '../contracts/queues';
import type { StewardReport } from '../contracts/steward';
import type { Temporal } from './connect';
import { toCliFailure } from './failure';

/** The certificate steward of a cluster, as Temporal has its schedule. Times are ISO 8601. */
export type StewardView =
  | { state: 'missing' }
  | {
      state: 'works' | 'paused';
      /** Who paused it, and why. */
      note?: string;
      everyMs: number;
      last?: StewardTurn;
      /** Absent while it is paused. */
      next?: string;
    };

/** `running`: it is under way; `unknown`: Temporal does not keep it any more. */
export type StewardTurn = { at: string } & (
  | { state: 'done'; report: StewardReport }
  | { state: 'running' | 'unknown' }
  | { state: 'failed'; why: string }
);

type Schedule = Awaited<ReturnType<ReturnType<Temporal['client']['schedule']['getHandle']>['describe']>>;

export async function findSteward(temporal: Temporal, cluster: string): Promise<StewardView> {
  const schedule = await describeSchedule(temporal, cluster);
  if (!schedule) return { state: 'missing' };
  const { state, info, spec } = schedule;
  const last = await lastTurn(temporal, info);
  const [next] = info.nextActionTimes;
  return {
    state: state.paused ? 'paused' : 'works',
    ...(state.paused && state.note && { note: state.note }),
    everyMs: spec.intervals?.[0]?.every ?? 0,
    ...(last && { last }),
    ...(next && !state.paused && { next: next.toISOString() }),
  };
}

export async function describeSchedule({ client }: Temporal, cluster: string): Promise<Schedule | undefined> {
  try {
    return await client.schedule.getHandle(stewardScheduleId(cluster)).describe();
  } catch (error) {
    if (error instanceof Error && error.name === 'ScheduleNotFoundError') return undefined;
    throw error;
  }
}

async function lastTurn({ client }: Temporal, { recentActions }: Schedule['info']): Promise<StewardTurn | undefined> {
  const action = recentActions.at(-1);
  if (!action) return undefined;
  const at = action.takenAt.toISOString();
  const { workflowId, firstExecutionRunId } = action.action.workflow;
  const handle = client.workflow.getHandle(workflowId, firstExecutionRunId);
  try {
    const { status } = await handle.describe();
    if (status.name === 'RUNNING') return { at, state: 'running' };
    return { at, state: 'done', report: (await handle.result()) as StewardReport };
  } catch (error) {
    if (error instanceof Error && error.name === 'WorkflowNotFoundError') return { at, state: 'unknown' };
    return { at, state: 'failed', why: toCliFailure(error).message };
  }
}
