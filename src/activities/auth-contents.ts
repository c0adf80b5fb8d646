import type { AuthKeys } from '../cluster/auth/keys';
import { type AuthContents, openContents, type SealedAuth } from '../cluster/auth/record';
import type { ClusterSpec } from '../cluster/spec';
import { keysOf } from './auth-keys';
import { readAuthRecords } from './auth-records';
import type { ActivityDependencies } from './dependencies';
import { ActivityError } from './failures';

/** Who may come in now. */
export async function contentsOf(deps: ActivityDependencies, spec: ClusterSpec, key: string) {
  const { auth } = await readAuthRecords(deps, spec);
  return openRecord(keysOf(deps, spec, key), spec, auth);
}

export function openRecord(keys: AuthKeys, { name }: ClusterSpec, record: SealedAuth | undefined): AuthContents {
  try {
    return openContents(keys, name, record);
  } catch {
    const other =
      record?.key === keys.fingerprint ? 'is damaged' : `is sealed with another AUTH_SECRET (${record?.key})`;
    throw new ActivityError('RECORD_DAMAGED', `auth.json of cluster ${name} ${other}`, {
      final: true,
      hint: 'krakenctl auth rotate brings the cluster to the new one; or put the former one back into .env',
    });
  }
}
