import type { FailureDetails } from './failures';

/**
 * What each heartbeat carries beside an activity's own details, over all its attempts: Temporal's failure of an activity whose time ran out names no
 * cause, so this alone tells a host that was tried for a quarter of an hour from a worker that slept.
 */
export interface Work {
  /** For how long somebody was at it. A clock that jumps, as that of a laptop that wakes, counts as one short step. */
  workedMs: number;
  /** Of the worker that beat last. */
  seenAt: number;
  /** How many attempts a host failed; those that a worker did not end are none. */
  failures?: number;
  /** What the newest attempt that failed said. */
  failed?: { code: string; message: string } & FailureDetails;
}
