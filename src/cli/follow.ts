import type { OperationProgress } from '../contracts/operation';
import type { Temporal } from './connect';
import type { Context } from './context';
import { type Display, openDisplay } from './display';
import { type CliFailure, isConnectionLoss, toCliFailure } from './failure';
import { HeartbeatWatch } from './heartbeats';
import type { OperationHandle } from './operation-handle';

/** Watches an operation to its end, or until the person lets go. */
export interface Follow {
  context: Context;
  temporal: Temporal;
  handle: OperationHandle;
  /** Lets go after this; undefined: never. */
  timeoutMs?: number;
}

export type Followed = { progress?: OperationProgress } & (
  | { kind: 'done'; result: unknown }
  | { kind: 'failed'; failure: CliFailure }
  | Detached
);

/** `afterMs`: nobody let go of it, the time for following it is over. */
type Detached = { kind: 'detached'; afterMs?: number };

type Ending = { kind: 'done'; result: unknown } | { kind: 'failed'; failure: CliFailure } | Detached;

const pollMs = 150;
/** Of a hundred nodes an answer has most of a megabyte: the worker that gives it has other things to do. */
const restBetween = 4;
/** Nothing moves while a person or a clock holds it, perhaps for days. */
const heldPollMs = 1000;
const queryTimeoutMs = 2000;
/** The end is told once and whole; a worker that is busy reads the history of what ended first. */
const lastQueryTimeoutMs = 10_000;
/** Temporal may be away for so long before the following is given up; the operation itself never is. */
const lostAfterMs = 120_000;
/** Fewer missed answers than these are the ordinary hiccup of a worker that starts. */
const toleratedMisses = 2;

export async function followOperation(follow: Follow): Promise<Followed> {
  const { context, temporal, handle } = follow;
  const display = openDisplay(context.output);
  const seen: { progress?: OperationProgress; ending?: Ending } = {};
  const limit = openLimit(follow.timeoutMs);
  const ended = Promise.race([awaitEnd(handle), awaitDetach(context.signal), limit.over]).then((ending) => {
    seen.ending = ending;
  });
  const heartbeats = new HeartbeatWatch(handle.newest);
  let misses = 0;
  while (!seen.ending) {
    const askedAt = Date.now();
    const progress = await askProgress(temporal, handle);
    const tookMs = Date.now() - askedAt;
    misses = progress ? 0 : misses + 1;
    if (progress) report(seen, { progress: await heartbeats.onto(progress), display, context });
    else if (misses > toleratedMisses) display.waiting('no answer yet: waiting for a worker (krakenctl worker status)');
    await Promise.race([ended, pause(progress?.hold ? heldPollMs : Math.max(pollMs, tookMs * restBetween))]);
  }
  limit.close();
  if (seen.ending.kind !== 'detached') {
    const last = await askProgress(temporal, handle, lastQueryTimeoutMs);
    if (last) report(seen, { progress: last, display, context });
  }
  display.end();
  return { ...seen.ending, progress: seen.progress };
}

interface Report {
  progress: OperationProgress;
  display: Display;
  context: Context;
}

function report(seen: { progress?: OperationProgress }, { progress, display, context }: Report): void {
  const isNew = hasNews(progress, seen.progress);
  seen.progress = progress;
  display.show(progress);
  if (isNew) context.output.item({ progress: { ...progress, plan: undefined } });
}

/** What a gate says of itself changes while the operation stands where it was. */
export function hasNews(progress: OperationProgress, before?: OperationProgress): boolean {
  const lines = (of?: OperationProgress) => of?.stages.map(({ now }) => now.join('\n')).join('\n\n');
  return progress.version !== before?.version || lines(progress) !== lines(before);
}

export async function askProgress(
  temporal: Temporal,
  handle: OperationHandle,
  timeoutMs: number = queryTimeoutMs,
): Promise<OperationProgress | undefined> {
  try {
    return await temporal.connection.withDeadline(Date.now() + timeoutMs, () => handle.progress());
  } catch {
    // No worker, a worker that is just starting, or Temporal away: the end is awaited elsewhere.
    return undefined;
  }
}

/** An operation goes on while Temporal restarts, and so does the waiting. */
async function awaitEnd(handle: OperationHandle): Promise<Ending> {
  for (let firstLoss = 0, lastLoss = 0; ; ) {
    try {
      return { kind: 'done', result: await handle.result() };
    } catch (error) {
      if (!causes(error).some(isConnectionLoss)) return { kind: 'failed', failure: toCliFailure(error) };
      // An outage that ended counts no more.
      if (Date.now() - lastLoss > 30_000) firstLoss = Date.now();
      lastLoss = Date.now();
      if (lastLoss - firstLoss > lostAfterMs) return { kind: 'failed', failure: toCliFailure(error) };
      await pause(500);
    }
  }
}

function causes(error: unknown): Error[] {
  return error instanceof Error ? [error, ...causes(error.cause)] : [];
}

function awaitDetach(signal: AbortSignal): Promise<Ending> {
  return new Promise((resolve) => {
    const detach = () => resolve({ kind: 'detached' });
    if (signal.aborted) detach();
    else signal.addEventListener('abort', detach, { once: true });
  });
}

function openLimit(afterMs: number | undefined): { over: Promise<Ending>; close: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<Ending>((resolve) => {
    if (afterMs !== undefined) timer = setTimeout(() => resolve({ kind: 'detached', afterMs }), afterMs);
  });
  return { over, close: () => clearTimeout(timer) };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
