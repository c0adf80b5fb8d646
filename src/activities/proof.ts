import { pullByDigest, pushTinyImage, withLogin } from '../clients/registry';
import type { ClusterSpec } from '../cluster/spec';
import type { ProofActivities } from '../contracts/activities';
import type { OperationIdentity } from '../contracts/operation';
import { loginOf } from './auth-keys';
import { announce, canaryInfoHash, canaryTag, findAnnounced } from './canary';
import { type ActivityDependencies, connectTo } from './dependencies';
import { ActivityError } from './failures';
import { beat } from './heartbeat';

export function proofActivities(deps: ActivityDependencies): ProofActivities {
  return {
    async proveCluster({ spec, operation }) {
      const [pusher, puller, announcer] = roles(spec);
      const repository = 'krakenctl-canary/deploy';
      const tag = canaryTag(operation);
      const pushStart = deps.now();
      const login = loginOf(deps, spec);
      const from = withLogin(await connectTo(deps, spec, pusher), login);
      const pushed = await failing('push', pusher, () =>
        pushTinyImage(from, { port: spec.ports.lbProxy, repository, tag, contents: operation.id }),
      );
      const pushMs = deps.now() - pushStart;
      beat({ pushed: pushed.digest });
      const pullStart = deps.now();
      const to = withLogin(await connectTo(deps, spec, puller), login);
      await failing('pull', puller, () =>
        pullByDigest(to, { port: spec.ports.lbProxy, repository, digest: pushed.digest }),
      );
      const pullMs = deps.now() - pullStart;
      beat({ pulled: pushed.digest });
      const announceKey = await proveAnnounce(deps, { spec, announcer, operation });
      return {
        canaryDigest: pushed.digest,
        pushedThrough: pusher,
        pulledThrough: puller,
        announcedThrough: announcer,
        announceKey,
        pushMs,
        pullMs,
      };
    },
  };
}

/** Three different load balancers where there are as many. */
function roles(spec: ClusterSpec): [string, string, string] {
  const at = (i: number) => spec.loadBalancers[i % spec.loadBalancers.length]!;
  return [at(0), at(1), at(2)];
}

async function failing<T>(what: string, host: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ActivityError('PROOF_FAILED', `canary ${what} through the load balancer of ${host}: ${why}`, {
      host,
      final: false,
      hint: `krakenctl status; krakenctl logs ${host} nginx; krakenctl logs ${host} proxy`,
    });
  }
}

interface Announce {
  spec: ClusterSpec;
  announcer: string;
  operation: OperationIdentity;
}

async function proveAnnounce(deps: ActivityDependencies, { spec, announcer, operation }: Announce): Promise<string> {
  const infoHash = canaryInfoHash(operation.id);
  const connection = withLogin(await connectTo(deps, spec, announcer), loginOf(deps, spec));
  await failing('announce', announcer, () => announce(connection, spec.ports.lbTracker, infoHash));
  const key = await findAnnounced(deps, spec, infoHash);
  if (key !== undefined) return key;
  throw new ActivityError(
    'PROOF_FAILED',
    `the tracker took an announce through ${announcer}, but no Redis master has it`,
    {
      host: announcer,
      final: false,
      hint: `krakenctl logs ${announcer} tracker; krakenctl logs ${announcer} redis-router`,
    },
  );
}
