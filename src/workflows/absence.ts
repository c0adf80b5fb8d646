import { msToNumber } from '@temporalio/common/lib/time';
import {
  ActivityFailure,
  type ActivityInterfaceFor,
  type ActivityOptions,
  ApplicationFailure,
  patched,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { Work } from '../contracts/work';

/** Somebody who puts a laptop to sleep this often in the middle of one step is told so. */
const absencesThatAreEnough = 5;

type AnyActivity = ((...args: unknown[]) => Promise<unknown>) & {
  executeWithOptions(options: ActivityOptions, args: unknown[]): Promise<unknown>;
};

/**
 * The same activities, scheduled again when their time ran out while nobody worked: a worker or a Temporal that was away says nothing about a
 * host, and a change is not taken back for it. Operations of before go on as they did, since `patched` is asked where the ways part.
 */
export function outlasting<A>(activities: ActivityInterfaceFor<A>, base: ActivityOptions): ActivityInterfaceFor<A> {
  const get = (proxied: Record<string, AnyActivity>, name: string) => {
    const activity = proxied[name]!;
    const executeWithOptions: AnyActivity['executeWithOptions'] = (options, args) =>
      outlast(() => activity.executeWithOptions(options, args), { ...base, ...options });
    return Object.assign((...args: unknown[]) => outlast(() => activity(...args), base), { executeWithOptions });
  };
  return new Proxy(activities as Record<string, AnyActivity>, { get } as object) as ActivityInterfaceFor<A>;
}

async function outlast<T>(schedule: () => Promise<T>, options: ActivityOptions): Promise<T> {
  for (let absences = 1; ; absences += 1) {
    try {
      return await schedule();
    } catch (error) {
      const isEnough = absences >= absencesThatAreEnough || !isAbsence(error, options);
      if (isEnough || !patched('absence-is-no-failure')) throw error;
    }
  }
}

/** Its time ran out, and for most of it nobody was at work. */
export function isAbsence(error: unknown, { scheduleToCloseTimeout = 0 }: ActivityOptions): boolean {
  if (!(error instanceof ActivityFailure) || !(error.cause instanceof TimeoutFailure)) return false;
  const { timeoutType } = error.cause;
  if (timeoutType === 'SCHEDULE_TO_START') return true;
  const worked = workOf(error.cause)?.workedMs ?? 0;
  return timeoutType === 'SCHEDULE_TO_CLOSE' && worked < msToNumber(scheduleToCloseTimeout) / 2;
}

/** What the attempts of an activity said of themselves before its time ran out. */
export function workOf({ lastHeartbeatDetails }: TimeoutFailure): Work | undefined {
  return (lastHeartbeatDetails as { work?: Work } | null | undefined)?.work;
}

/** What an attempt failed with by a name, however much Temporal put around that. */
export function namedFailureOf(error: unknown): ApplicationFailure | undefined {
  if (error instanceof ApplicationFailure) return error;
  if (error instanceof ActivityFailure) return namedFailureOf(error.cause);
  if (!(error instanceof TimeoutFailure)) return undefined;
  const failed = workOf(error)?.failed;
  if (!failed) return namedFailureOf(error.cause);
  const { code, message, ...details } = failed;
  return ApplicationFailure.create({ type: code, message, details: [details] });
}
