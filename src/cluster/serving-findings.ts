import type { PartName } from './spec';

/** What `status` finds, by code; stable, for scripts. Where `check` or a gate has a code for the same, it is that one. */
export const servingCodes = [
  'NOTHING_SEEN',
  'NOT_DEPLOYED',
  'DESTROYED',
  'PART_NOWHERE',
  'PART_MISSING',
  'PART_STOPPED',
  'GATE_NOT_READY',
  'LEFT_OUT',
  'LOGINS_OLD',
  'ORIGINS_AWAY',
  'REDIS_NOT_WHOLE',
  'REDIS_NO_REPLICA',
  'REDIS_NOT_IN_SYNC',
  'REDIS_TWO_MASTERS',
  'DISK_NEARLY_FULL',
  'DISK_FULL',
  'STORAGE_TESTFS',
  'TLS_ON_ITS_WAY',
  'CERTIFICATES_DUE',
  'CERTIFICATES_ENDED',
  'STEWARD_PAUSED',
  'STEWARD_MISSING',
] as const;

export interface Finding {
  /** One of {@link servingCodes}, or why a host was not seen: HOST_UNREACHABLE, HOST_REFUSED, HOST_KEY … */
  code: (typeof servingCodes)[number] | (string & {});
  severity: 'down' | 'unknown' | 'degraded' | 'note';
  host?: string;
  part?: PartName;
  text: string;
  /** The command that shows more or mends it. */
  hint?: string;
}
