import { randomBytes } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import type { OperationIdentity } from '../contracts/operation';
import { parseReason } from './reasons';

/** `YYYYMMDD-HHMMSS-verb-xxxx`, in UTC: sorts by time, is told apart within a second. */
export function makeOperationId(verb: string, now: Date, random: string = randomBytes(2).toString('hex')): string {
  const digits = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  return `${digits}-${verb}-${random}`;
}

export function isOperationId(text: string): boolean {
  return /^\d{8}-\d{6}-[a-z]+-[0-9a-f]{4}$/.test(text);
}

export function makeOperation(verb: string, environment: NodeJS.ProcessEnv, reason?: string): OperationIdentity {
  const why = parseReason(reason);
  return { id: makeOperationId(verb, new Date()), verb, actor: nameActor(environment), ...(why && { reason: why }) };
}

/** The person behind sudo, not root. */
export function nameActor(environment: NodeJS.ProcessEnv): string {
  return `${environment.SUDO_USER || loginName()}@${hostname()}`;
}

function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}
