import type { ClusterRecord, ObservedAuth, SeenHost } from '../observed';
import type { Conflict, Stage, Step } from '../plan';
import { newestOfMost } from '../record';
import type { ClusterSpec } from '../spec';
import { type CredentialMark, credentialMark } from './credentials';
import { newestHeld } from './newest';

/** What the load balancers shall have; undefined where nobody needs a login. */
export function wantedMark(spec: ClusterSpec, seen: SeenHost[]): CredentialMark | undefined {
  if (!spec.auth) return undefined;
  const { auth, fleet } = newestOf(spec, seen);
  return credentialMark({ key: spec.auth.key, auth, fleet });
}

/** As activities read them (`auth-records.ts`). */
function newestOf({ nodes }: ClusterSpec, seen: SeenHost[]): Omit<ObservedAuth, 'mark'> {
  const keepers = seen.filter(({ host }) => nodes.some(({ id }) => id === host));
  return {
    auth: newestHeld(
      keepers.map(({ auth }) => auth?.auth),
      nodes.length,
    ).record,
    fleet: newestOfMost(
      keepers.map(({ auth }) => auth?.fleet),
      nodes.length,
    ),
  };
}

/** What would throw out who is in, and what nobody could open: told before anything is touched. */
export function authConflicts(spec: ClusterSpec, seen: SeenHost[], record: ClusterRecord | undefined): Conflict[] {
  if (!spec.auth) return [];
  const { key } = spec.auth;
  const { auth } = newestOf(spec, seen);
  const before = record && !record.destroyed ? record.spec.auth : undefined;
  // Once `auth rotate` has begun, both let in: whoever deploys then cuts nobody off.
  const known = auth?.key ?? before?.key ?? key;
  if (known === key) return [];
  const what = 'AUTH_SECRET is another one';
  const why = 'users and agents are known by the former one: krakenctl auth rotate, or put that back into .env';
  return [{ host: 'cluster', what, why, notBuilt: true }];
}

/** Load balancers that were seen and have others, or none. */
export function withoutCredentials(spec: ClusterSpec, seen: SeenHost[]): string[] {
  const wanted = wantedMark(spec, seen);
  if (!wanted) return [];
  return seen.filter((h) => spec.loadBalancers.includes(h.host) && h.auth?.mark?.sum !== wanted.sum).map((h) => h.host);
}

/** Before a load balancer asks who comes, it can tell. */
export function credentialStage(spec: ClusterSpec, seen: SeenHost[]): Stage | undefined {
  const wanted = wantedMark(spec, seen);
  const hosts = withoutCredentials(spec, seen);
  if (!wanted || hosts.length === 0) return undefined;
  const steps = hosts.map((host): Step => {
    const has = seen.find((h) => h.host === host)?.auth?.mark;
    return {
      id: `credentials/${host}/credentials/nginx`,
      host,
      kind: 'credentials',
      action: has ? 'change' : 'create',
      part: 'nginx',
      target: 'logins',
      summary: `${host}: hashes of who may come in`,
      changes: [{ field: 'made of', from: has ? shown(has) : '(absent)', to: shown(wanted) }],
      because: [has ? 'users, agents or AUTH_SECRET are others' : 'they are missing on the load balancer'],
      expect: wanted.sum,
    };
  });
  return { id: 'credentials', title: 'who may come in', steps, gates: [] };
}

function shown({ auth, fleet, sum }: CredentialMark): string {
  return `users ${auth}, agents ${fleet} (${sum.slice(0, 8)})`;
}
