import { createHash } from 'node:crypto';
import type { HostConnection } from '../clients/host';
import { pullByDigest, pushTinyImage } from '../clients/registry';
import type { ClusterSpec } from '../cluster/spec';
import type { ProofActivities } from '../contracts/activities';
import type { OperationIdentity } from '../contracts/operation';
import { type ActivityDependencies, connectTo } from './dependencies';
import { ActivityError } from './failures';
import { beat } from './heartbeat';

/** Kraken has no delete, so canaries reuse this many tags; one is at most 1 KiB (decisions 22). */
const canaryTags = 16;
/** Scanning for one key on masters that hold peer sets only. */
const scanLimit = 1;

export function proofActivities(deps: ActivityDependencies): ProofActivities {
  return {
    async proveCluster({ spec, operation }) {
      const [pusher, puller, announcer] = roles(spec);
      const seed = createHash('sha256').update(operation.id).digest();
      const repository = 'krakenctl-canary/deploy';
      const tag = `t${seed[0]! % canaryTags}`;
      const pushStart = deps.now();
      const from = await connectTo(deps, spec, pusher);
      const pushed = await failing('push', pusher, () =>
        pushTinyImage(from, { port: spec.ports.lbProxy, repository, tag, contents: operation.id }),
      );
      const pushMs = deps.now() - pushStart;
      beat({ pushed: pushed.digest });
      const pullStart = deps.now();
      const to = await connectTo(deps, spec, puller);
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

/** A peer that nobody will ask for: an info hash made of the operation's id, complete, at a discard port. */
async function proveAnnounce(deps: ActivityDependencies, { spec, announcer, operation }: Announce): Promise<string> {
  const infoHash = createHash('sha1').update(`krakenctl-canary ${operation.id}`).digest();
  const connection = await connectTo(deps, spec, announcer);
  await failing('announce', announcer, () => announce(connection, spec, infoHash));
  const pattern = `peerset:${infoHash.toString('hex')}:*`;
  for (const node of spec.nodes) {
    const redis = (await connectTo(deps, spec, node.id)).redis(spec.ports.redis);
    const [key] = await redis.scan(pattern, scanLimit);
    if (key !== undefined) return key;
  }
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

/** POST /announce/{infohash}, as Kraken's announce client sends it: byte arrays are JSON arrays of numbers. */
async function announce(connection: HostConnection, spec: ClusterSpec, infoHash: Buffer): Promise<void> {
  const digest = createHash('sha256').update(infoHash).digest('hex');
  const body = Buffer.from(
    JSON.stringify({
      name: digest,
      digest: `sha256:${digest}`,
      info_hash: [...infoHash],
      peer: { peer_id: [...infoHash], ip: '127.0.0.1', port: 9, origin: false, complete: true },
    }),
  );
  const response = await connection.http({
    port: spec.ports.lbTracker,
    path: `/announce/${infoHash.toString('hex')}`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  if (response.status !== 200) throw new Error(`HTTP ${response.status} ${response.body.toString().slice(0, 200)}`);
}
