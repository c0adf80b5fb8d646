import type { ActivityDependencies } from './dependencies';
import { workedBefore } from './heartbeat';

/**
 * When a wait that may take so long is over, milliseconds since the epoch: the attempts before this one count, and time in which nobody worked does
 * not. At least one look is taken in each attempt.
 */
export function deadlineOf({ now }: Pick<ActivityDependencies, 'now'>, timeoutMs: number): number {
  return now() + timeoutMs - workedBefore();
}
