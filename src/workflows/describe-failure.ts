import { ActivityFailure, ApplicationFailure, isCancellation } from '@temporalio/workflow';
import type { FailureDetails } from '../contracts/failures';
import type { OperationFailure } from '../contracts/operation';

/** The innermost named failure, in the words that the CLI prints. */
export function describeFailure(error: unknown): OperationFailure {
  if (isCancellation(error))
    return {
      code: 'CANCELLED',
      message: 'cancelled; stopped between two steps',
      hint: 'krakenctl plan shows what is left',
    };
  const inner = error instanceof ActivityFailure && error.cause ? error.cause : error;
  if (inner instanceof ApplicationFailure) {
    const details = (inner.details?.[0] ?? {}) as FailureDetails;
    return { code: inner.type ?? 'INTERNAL', message: inner.message, ...details };
  }
  return { code: 'INTERNAL', message: inner instanceof Error ? inner.message : String(inner) };
}
