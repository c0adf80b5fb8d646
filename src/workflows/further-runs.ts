import {
  allHandlersFinished,
  CancellationScope,
  condition,
  makeContinueAsNewFunc,
  patched,
  workflowInfo,
} from '@temporalio/workflow';
import type { RunBounds } from '../contracts/operation';
import type { OperationMemo } from '../contracts/queues';

/**
 * Temporal ends a workflow at 50 MB or 51,200 events and suggests another run at 4 MB. What is under way when a bound is passed still comes to its end in
 * the same run, at most some megabytes.
 */
export const usualBounds: RunBounds = { events: 4_000, bytes: 4_000_000 };

/**
 * An operation whose history became long goes on in a further run under the same workflow id: at a place where nothing of it is under way, with all
 * that it knows. Made before a workflow's first await.
 */
export class FurtherRuns {
  private readonly whole = CancellationScope.current();
  private leave?: () => object;
  /** Of what a cancellation does not end. */
  private goesOnCancelled = false;

  constructor(private readonly bounds: RunBounds = usualBounds) {}

  /** From here on there is something to go on with. */
  leaving(leave: () => object, { goesOnCancelled = false } = {}): void {
    this.leave = leave;
    this.goesOnCancelled = goesOnCancelled;
  }

  /** Nothing new is to be begun in this run. A cancelled operation ends in the run that was cancelled: the next one would not know of it. */
  get isDue(): boolean {
    if (!this.leave || (this.whole.consideredCancelled && !this.goesOnCancelled)) return false;
    const { historyLength, historySize, continueAsNewSuggested } = workflowInfo();
    const isLong = historyLength > this.bounds.events || historySize > this.bounds.bytes;
    return (isLong || continueAsNewSuggested) && patched('further-runs');
  }

  /** Called where nothing is under way; does not come back where a further run is due. */
  async here(): Promise<void> {
    if (!this.isDue) return;
    await condition(allHandlersFinished);
    if (!this.isDue) return;
    // What is decided until here is carried: nothing is awaited from here on.
    await makeContinueAsNewFunc({ memo: memoOfNext() })(this.leave!());
  }
}

/** Lists show when an operation began, not its last run. */
export function memoOfNext(): Record<string, unknown> {
  const { memo, startTime } = workflowInfo();
  const begunAt: OperationMemo['begunAt'] = (memo?.begunAt as string | undefined) ?? startTime.toISOString();
  return { ...memo, begunAt };
}
