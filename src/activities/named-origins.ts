import { createHash } from 'node:crypto';
import type { ClusterSpec } from '../cluster/spec';
import { type ActivityDependencies, connectToOther } from './dependencies';
import { cancellation } from './heartbeat';

/**
 * Which trackers of the other nodes send who asks for a blob to the origin of this one. Agents announce themselves to those alone while it is left out: rings
 * take an origin back after some seconds, and a tracker that did not find it a moment ago does not ask again for a while. One that does not answer is
 * in neither list, since no load balancer asks it either.
 */
export async function trackersNaming(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  { host, digest, seed }: { host: string; digest: string; seed: string },
): Promise<{ by: string[]; without: string[] }> {
  const { address } = spec.nodes.find(({ id }) => id === host)!;
  const by: string[] = [];
  const without: string[] = [];
  await Promise.all(
    spec.nodes
      .filter(({ id }) => id !== host)
      .map(async ({ id }) => {
        const origins = await originsNamedBy(deps, spec, { host: id, digest, seed });
        if (origins !== undefined) (origins.includes(address) ? by : without).push(id);
      }),
  );
  return { by, without };
}

/** Addresses; undefined where the tracker does not answer. */
async function originsNamedBy(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  { host, digest, seed }: { host: string; digest: string; seed: string },
): Promise<string[] | undefined> {
  // Under an info hash that no blob has: nobody is ever sent to this peer.
  const hash = createHash('sha1').update(`krakenctl-canary ${seed}`).digest();
  const peer = { peer_id: [...hash], ip: '127.0.0.1', port: 9, origin: false, complete: false };
  const said = { name: digest.slice('sha256:'.length), digest, info_hash: [...hash], peer };
  const request = {
    port: spec.ports.tracker,
    path: `/announce/${hash.toString('hex')}`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(said)),
  };
  try {
    const answer = await (await connectToOther(deps, spec, host)).http(request);
    if (answer.status !== 200) return [];
    const { peers } = JSON.parse(answer.body.toString()) as { peers: { ip: string; origin: boolean }[] | null };
    return (peers ?? []).filter(({ origin }) => origin).map(({ ip }) => ip);
  } catch {
    cancellation()?.throwIfAborted();
    return undefined;
  }
}
