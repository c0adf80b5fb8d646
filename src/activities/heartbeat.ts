import { Context } from '@temporalio/activity';
import type { ApplicationFailure } from '@temporalio/common';
import type { FailureCode, FailureDetails } from '../contracts/failures';
import type { Work } from '../contracts/work';

const beatEveryMs = 1000;
/** Between two beats, or two attempts, nothing that works is silent for longer: the longest pause between tries (`workflows/activity-options.ts`). */
export const longestSilenceMs = 30_000;
/** Whoever was frozen holds the fence for a moment: that is not the host's. */
const othersFaults: ReadonlySet<string> = new Set<FailureCode>(['FENCE_BUSY']);
/** What a failure says, to be carried by a heartbeat. */
const longestMessage = 500;
/** Last details by activity, so that the beat of the clock does not wipe them. */
const lastDetails = new WeakMap<Context, object | undefined>();
const works = new WeakMap<Context, Work>();

/** Says where a long activity is, and stops it when Temporal cancelled it. Outside of Temporal (`plan` without a worker) it is silent. */
export function beat(details: object): void {
  const context = currentContext();
  if (!context) return;
  lastDetails.set(context, details);
  tell(context);
  context.cancellationSignal.throwIfAborted();
}

/** Repeats the last details every second until the returned function is called. */
export function keepBeating(): () => void {
  const context = currentContext();
  if (!context) return () => undefined;
  workOn(context);
  const timer = setInterval(() => tell(context), beatEveryMs);
  return () => clearInterval(timer);
}

/** So that it is still known when the time for all attempts runs out in a later one. */
export function tellFailure({ type, message, details }: ApplicationFailure): void {
  const context = currentContext();
  if (!context) return;
  const { host, part, hint } = (details?.[0] ?? {}) as FailureDetails;
  const code = type ?? 'INTERNAL';
  const work = workOn(context);
  work.failed = { code, message: message.slice(0, longestMessage), host, part, hint };
  if (!othersFaults.has(code)) work.failures = failures() + 1;
  tell(context);
}

/** For how long somebody was at it in the attempts before this one, milliseconds. */
export function workedBefore(): number {
  return workOfBefore(currentContext())?.workedMs ?? 0;
}

function workOfBefore(context: Context | undefined): Work | undefined {
  return (context?.info.heartbeatDetails as { work?: Work } | undefined)?.work;
}

/** How many attempts failed, as far as they told; outside of Temporal nothing is tried again. */
export function failures(): number {
  const context = currentContext();
  return (context && workOn(context).failures) ?? 0;
}

function tell(context: Context): void {
  const work = workOn(context);
  const now = Date.now();
  work.workedMs += Math.min(Math.max(0, now - work.seenAt), longestSilenceMs);
  work.seenAt = now;
  context.heartbeat({ ...lastDetails.get(context), work });
}

/** An attempt goes on with what those before it have told. */
function workOn(context: Context): Work {
  const known = works.get(context);
  if (known) return known;
  const begun = { workedMs: 0, seenAt: Date.now(), ...workOfBefore(context) };
  works.set(context, begun);
  return begun;
}

/** Temporal's id of the run of the workflow that asked for this. */
export function ownRun(): string | undefined {
  return currentContext()?.info.workflowExecution?.runId;
}

/** A name for each attempt at this activity, the last for this one: one that Temporal gave up may still be at it. */
export function attempts(): string[] {
  const { activityId, attempt } = currentContext()?.info ?? { activityId: '0', attempt: 1 };
  return Array.from({ length: attempt }, (_, before) => `${activityId}.${before + 1}`);
}

export function cancellation(): AbortSignal | undefined {
  return currentContext()?.cancellationSignal;
}

function currentContext(): Context | undefined {
  try {
    return Context.current();
  } catch {
    return undefined;
  }
}

/** Waits, but not past a cancellation. */
export async function pause(ms: number): Promise<void> {
  const signal = cancellation();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done, { once: true });
  });
  signal?.throwIfAborted();
}
