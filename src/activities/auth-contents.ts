import type { AuthKeys } from '../cluster/auth/keys';
import { type AuthContents, openContents } from '../cluster/auth/record';
import type { ClusterSpec } from '../cluster/spec';
import { keysOf } from './auth-keys';
import { type AuthRecords, readAuthRecords } from './auth-records';
import type { ActivityDependencies } from './dependencies';
import { ActivityError } from './failures';

/** Who may come in now. */
export async function contentsOf(deps: ActivityDependencies, spec: ClusterSpec, key: string) {
  const keys = keysOf(deps, spec, key);
  return openRecord(keys, spec, await readAuthRecords(deps, spec));
}

/** @throws {ActivityError} where the cluster goes by another AUTH_SECRET: what is made from this one would shut its agents out */
export function openRecord(
  keys: AuthKeys,
  { name }: ClusterSpec,
  { auth, key = keys.fingerprint }: Pick<AuthRecords, 'auth' | 'key'>,
): AuthContents {
  if (key !== keys.fingerprint) {
    const other = `another AUTH_SECRET (${key})`;
    throw auth
      ? refusal('RECORD_DAMAGED', `auth.json of cluster ${name} is sealed with ${other}`)
      : refusal('AUTH_REFUSED', `cluster ${name} goes by ${other}, and its agents with it`);
  }
  try {
    return openContents(keys, name, auth);
  } catch {
    throw refusal('RECORD_DAMAGED', `auth.json of cluster ${name} is damaged`);
  }
}

function refusal(code: 'RECORD_DAMAGED' | 'AUTH_REFUSED', message: string): ActivityError {
  return new ActivityError(code, message, {
    final: true,
    hint: 'krakenctl auth rotate brings the cluster to the new one; or put the former one back into .env',
  });
}
