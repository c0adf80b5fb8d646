import { authorization, internalLogin } from '../cluster/auth/credentials';
import { type AuthKeys, authKeys } from '../cluster/auth/keys';
import type { ClusterSpec } from '../cluster/spec';
import type { ActivityDependencies } from './dependencies';
import { ActivityError } from './failures';

/**
 * What is derived from the AUTH_SECRET with this fingerprint.
 *
 * @throws SECRET_MISSING where this worker does not know it
 */
export function keysOf(
  { authSecrets }: Pick<ActivityDependencies, 'authSecrets'>,
  { name }: Pick<ClusterSpec, 'name'>,
  fingerprint: string,
): AuthKeys {
  const known = authSecrets?.(name) ?? { secrets: [], path: '' };
  // One after the other, since each that is not remembered costs a moment; the newest comes first.
  for (const secret of known.secrets) {
    const keys = authKeys(secret, name);
    if (keys.fingerprint === fingerprint) return keys;
  }
  const what = known.secrets.length > 0 ? 'another AUTH_SECRET than that' : 'no AUTH_SECRET';
  throw new ActivityError('SECRET_MISSING', `the worker has ${what} of cluster ${name} (${fingerprint})`, {
    final: true,
    hint: `put it there into ${known.path || 'KRAKENCTL_SECRETS_DIR'}, mode 0600`,
  });
}

/** Headers by which krakenctl's own requests pass a load balancer; none where nobody needs a login. */
export function loginOf(deps: Pick<ActivityDependencies, 'authSecrets'>, spec: ClusterSpec): Record<string, string> {
  if (!spec.auth) return {};
  const keys = keysOf(deps, spec, spec.auth.key);
  return { authorization: authorization(internalLogin(keys)) };
}
