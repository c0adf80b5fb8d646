import type { FailureCode } from '../contracts/failures';

/** What the shell is told; documented for scripts, so a number never changes its meaning. */
export const exitCodes = {
  done: 0,
  failed: 1,
  /** Usage or configuration. */
  usage: 2,
  /** Changes pending or drift. */
  pending: 3,
  preflight: 4,
  partial: 5,
  /** Another operation, or another owner, holds the cluster. */
  held: 6,
  /** Temporal or its worker unreachable. */
  temporal: 7,
  /** An approval was denied, or nobody gave it in time. */
  approval: 8,
  /** It failed, and what it had changed was taken back. */
  rolledBack: 9,
  rollbackFailed: 10,
  unhealthy: 11,
  /** The terminal let go of an operation that goes on. */
  detached: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What goes wrong before or beside an operation, on this side of Temporal. */
export const localCodes = [
  'USAGE',
  'CONFIG_INVALID',
  'OPERATION_RUNNING',
  'NO_OPERATION',
  'NO_STEWARD',
  'TEMPORAL_UNREACHABLE',
  'TEMPORAL_BINARY',
  'TEMPORAL_PORT_TAKEN',
  'WORKER_MISSING',
  'WORKER_VERSION',
  'CHANGES_PENDING',
  'PREFLIGHT_FAILED',
  'CANCELLED',
  'TERMINATED',
  'TIMED_OUT',
  'NOT_SERVING',
  'CONFIRMATION_NEEDED',
  'LEFT_TO_DO',
  'DEMO_FAILED',
  'DETACHED',
  'NOT_BUILT',
  'NAMESPACE_MISSING',
  'SEARCH_ATTRIBUTES_MISSING',
  'NO_SYSTEMD',
  'SERVICE_FAILED',
  'CODEC_KEY_MISSING',
  'CODEC_KEY_INVALID',
  'CODEC_KEY_UNKNOWN',
  'CODEC_PAYLOAD_INVALID',
] as const;

export type LocalCode = (typeof localCodes)[number];

const others: Partial<Record<LocalCode | FailureCode, ExitCode>> = {
  USAGE: exitCodes.usage,
  CONFIG_INVALID: exitCodes.usage,
  CONFIRMATION_NEEDED: exitCodes.usage,
  NOT_BUILT: exitCodes.usage,
  NAMESPACE_MISSING: exitCodes.temporal,
  SEARCH_ATTRIBUTES_MISSING: exitCodes.temporal,
  NO_SYSTEMD: exitCodes.usage,
  CODEC_KEY_MISSING: exitCodes.usage,
  CODEC_KEY_INVALID: exitCodes.usage,
  CODEC_KEY_UNKNOWN: exitCodes.usage,
  OPERATION_RUNNING: exitCodes.held,
  FOREIGN_OWNER: exitCodes.held,
  FENCED_OFF: exitCodes.held,
  TEMPORAL_UNREACHABLE: exitCodes.temporal,
  WORKER_MISSING: exitCodes.temporal,
  WORKER_VERSION: exitCodes.temporal,
  CHANGES_PENDING: exitCodes.pending,
  PREFLIGHT_FAILED: exitCodes.preflight,
  PLAN_CHANGED: exitCodes.pending,
  APPROVAL_DENIED: exitCodes.approval,
  APPROVAL_EXPIRED: exitCodes.approval,
  ADDRESS_NEEDED: exitCodes.usage,
  CHANGE_NOT_BUILT: exitCodes.usage,
  SECRET_MISSING: exitCodes.preflight,
  PROGRAM_MISSING: exitCodes.preflight,
  FIREWALL_REVERTED: exitCodes.rolledBack,
  FIREWALL_CUTS: exitCodes.rolledBack,
  NOT_SERVING: exitCodes.unhealthy,
  LEFT_TO_DO: exitCodes.partial,
  DETACHED: exitCodes.detached,
  ROLLED_BACK: exitCodes.rolledBack,
  ROLLBACK_FAILED: exitCodes.rollbackFailed,
};

/** Every code that is not in the table is a plain failure. */
export function exitCodeOf(code: string): ExitCode {
  return others[code as LocalCode] ?? exitCodes.failed;
}
