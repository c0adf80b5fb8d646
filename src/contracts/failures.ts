import type { PartName } from '../cluster/spec';

/**
 * Names of failures as they appear in Temporal (`ApplicationFailure.type`), in JSON envelopes and in the exit code table.
 * `details[0]` of each failure is a {@link FailureDetails}.
 */
export const failureCodes = [
  'HOST_UNREACHABLE',
  'HOST_REFUSED',
  'HOST_KEY',
  'RIGHTS_MISSING',
  'OUTCOME_UNKNOWN',
  'REMOTE_COMMAND',
  'HOST_FULL',
  'ENGINE_ERROR',
  'LIMIT_REFUSED',
  'IMAGE_MISSING',
  'IMAGE_MOVED',
  'IMAGE_PLATFORM',
  'REGISTRY_UNREACHABLE',
  'FENCED_OFF',
  'FENCE_BUSY',
  'FOREIGN_OWNER',
  'FOREIGN_RESOURCE',
  'CHANGE_NOT_BUILT',
  'REDIS_ERROR',
  'REDIS_LAYOUT',
  'PLAN_STALE',
  'PLAN_CHANGED',
  'OPERATION_RESET',
  'RUN_UNCONFIRMED',
  'GATE_NOT_READY',
  'OTHERS_NOT_READY',
  'CANARY_FAILED',
  'PART_UNSTEADY',
  'ROLLED_BACK',
  'ROLLBACK_FAILED',
  'PROOF_FAILED',
  'NOT_CONVERGED',
  'RECORD_DAMAGED',
  'SECRET_MISSING',
  'AUTH_REFUSED',
  'ADDRESS_NEEDED',
  'PROGRAM_MISSING',
  'TLS_KEYS_MISSING',
  'TLS_GIVEN',
  'UNDO_REFUSED',
  'FIREWALL_REFUSED',
  'FIREWALL_REVERTED',
  'FIREWALL_CUTS',
  'FLEET_STOPPED',
  'NO_AGENTS',
  'APPROVAL_DENIED',
  'APPROVAL_EXPIRED',
  'ALREADY_PAUSED',
  'NOT_PAUSED',
  'NOTHING_TO_APPROVE',
  'OPERATION_OVER',
  'INTERNAL',
] as const;

export type FailureCode = (typeof failureCodes)[number];

export interface FailureDetails {
  host?: string;
  /** Of that host, where the reason lies in a part: what it wrote says more. */
  part?: PartName;
  /** What to do next, one line. */
  hint?: string;
  /** It was tried enough for now, and may go another time: a VM is parked for it, not given up. */
  mayPass?: true;
  /** Of a rollback: the code of what failed first. */
  failedWith?: string;
  /** Of a fleet that was stopped: VMs that are not as they should be. */
  left?: string[];
  /** Of an operation: what the part that failed wrote last, before anything was taken back. */
  logTail?: LogTail;
}

/** The last lines of a part's log: at most ten, without secrets and control characters. */
export interface LogTail {
  host: string;
  part: PartName;
  lines: string[];
}
