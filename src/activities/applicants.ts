import { ClientError } from '../clients/errors';
import { saltedHash } from '../cluster/auth/credentials';
import { type Applicant, isThrownOut } from '../cluster/auth/record';
import type { ClusterSpec } from '../cluster/spec';
import type { AuthActivities } from '../contracts/auth';
import { contentsOf } from './auth-contents';
import { type ActivityDependencies, connectTo } from './dependencies';
import { beat, pause } from './heartbeat';

/** A person waits on the VM meanwhile. */
const betweenLooksMs = 2_000;
/** So that an activity is short however long a token holds. */
const longestLookMs = 20 * 60_000;

/** VMs that show a token, and were not let in yet; ends when there are some, or when the token holds no more. */
export async function awaitApplicants(
  deps: ActivityDependencies,
  { spec, key, token, untilMs, accepted }: Parameters<AuthActivities['awaitApplicants']>[0],
): ReturnType<AuthActivities['awaitApplicants']> {
  const since = deps.now();
  for (;;) {
    const { tokens, vms } = await contentsOf(deps, spec, key);
    const known = tokens.find(({ id }) => id === token);
    if (!known || deps.now() >= untilMs) return { applicants: [], over: true };
    const shown = await applicantsOf(deps, spec, token);
    const isOpen = known.used.length < known.uses;
    const applicants = shown.filter(
      ({ address, hash }) =>
        accepted[address] !== hash && (isOpen || known.used.includes(address)) && !isThrownOut(known, vms, address),
    );
    if (applicants.length > 0) return { applicants, over: false };
    if (!isOpen) return { applicants: [], over: true };
    beat({ token, used: known.used.length, uses: known.uses });
    if (deps.now() - since > longestLookMs) return { applicants: [], over: false };
    await pause(deps.betweenLooksMs ?? betweenLooksMs);
  }
}

/** A VM tells every load balancer the same. */
async function applicantsOf(deps: ActivityDependencies, spec: ClusterSpec, token: string): Promise<Applicant[]> {
  const answers = await Promise.all(
    spec.loadBalancers.map(async (host) => {
      try {
        return await (await connectTo(deps, spec, host)).installs.applicants(spec.name, token);
      } catch (error) {
        if (error instanceof ClientError) return [];
        throw error;
      }
    }),
  );
  const all = answers.flat().map(({ address, sum, salt }) => [address, saltedHash(sum, salt)] as const);
  return [...new Map(all)]
    .map(([address, hash]) => ({ address, hash }))
    .sort((a, b) => (a.address < b.address ? -1 : 1));
}
