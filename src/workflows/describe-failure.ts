import { ActivityFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow';
import type { FailureDetails } from '../contracts/failures';
import type { OperationFailure } from '../contracts/operation';
import { namedFailureOf } from './absence';

/** The innermost named failure, in the words that the CLI prints. */
export function describeFailure(error: unknown): OperationFailure {
  if (isCancellation(error))
    return {
      code: 'CANCELLED',
      message: 'cancelled; stopped between two steps',
      hint: 'krakenctl plan shows what is left',
    };
  const named = namedFailureOf(error);
  if (named) {
    const details = (named.details?.[0] ?? {}) as FailureDetails;
    return { code: named.type ?? 'INTERNAL', message: named.message, ...details };
  }
  return { code: 'INTERNAL', message: describeUnnamed(error) };
}

function describeUnnamed(error: unknown): string {
  const inner = error instanceof ActivityFailure && error.cause ? error.cause : error;
  // Temporal's own words name neither what was tried nor by whom it was not done.
  if (error instanceof ActivityFailure && inner instanceof TimeoutFailure)
    return `${error.activityType} did not end in its time, and no attempt said why`;
  return inner instanceof Error ? inner.message : String(inner);
}
