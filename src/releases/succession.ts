import { compareReleases, type Release } from './release';

/** Who gets new operations: the version that Temporal calls current. Docs: decisions/0024. */
export interface CurrentVersion {
  buildId: string;
  /** What its workers noted; unknown for one that a person made current before any of them did. */
  release?: Release;
  /** A living worker asks for its work. */
  polled: boolean;
}

export interface Candidate {
  buildId: string;
  release: Release;
  /** Somebody has just started this worker; later it is only the clock that asks. */
  starting: boolean;
}

/**
 * A newer release takes over; an older one only where nobody works for the newer any more, and only when somebody starts it. So of two
 * that run at once the newer one stays, whichever comes and goes.
 */
export function judgeSuccession(
  own: Candidate,
  current: CurrentVersion | undefined,
): 'is current' | 'takes' | 'leaves' {
  if (!current) return 'takes';
  if (current.buildId === own.buildId) return 'is current';
  if (!current.release || compareReleases(own.release, current.release) > 0) return 'takes';
  return own.starting && !current.polled ? 'takes' : 'leaves';
}
