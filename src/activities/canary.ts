import { createHash } from 'node:crypto';
import type { HostConnection } from '../clients/host';
import type { ClusterSpec } from '../cluster/spec';
import type { OperationIdentity } from '../contracts/operation';
import { type ActivityDependencies, connectTo } from './dependencies';

/** Kraken has no delete, so canaries reuse this many tags; one is at most 1 KiB (decisions 22). */
const canaryTags = 16;
/** Scanning for one key on masters that hold peer sets only. */
const scanLimit = 1;

export function canaryTag(operation: OperationIdentity): string {
  return `t${createHash('sha256').update(operation.id).digest()[0]! % canaryTags}`;
}

/** An info hash that no image has. */
export function canaryInfoHash(seed: string): Buffer {
  return createHash('sha1').update(`krakenctl-canary ${seed}`).digest();
}

/** POST /announce/{infohash}, as Kraken's announce client sends it: byte arrays are JSON arrays of numbers. A complete peer at a discard port. */
export async function announce(
  connection: Pick<HostConnection, 'http'>,
  port: number,
  infoHash: Buffer,
): Promise<void> {
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
    port,
    path: `/announce/${infoHash.toString('hex')}`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  if (response.status !== 200) throw new Error(`HTTP ${response.status} ${response.body.toString().slice(0, 200)}`);
}

/** The key under which some Redis instance has the announced peer; undefined when none has. */
export async function findAnnounced(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  infoHash: Buffer,
): Promise<string | undefined> {
  let silent: unknown;
  for (const node of spec.nodes) {
    // While a master is away, its replica on another host has taken over what it had.
    for (const port of [spec.ports.redis, spec.ports.redisReplica]) {
      try {
        const connection = await connectTo(deps, spec, node.id);
        const [key] = await connection.redis(port).scan(`peerset:${infoHash.toString('hex')}:*`, scanLimit);
        if (key !== undefined) return key;
      } catch (error) {
        silent = error;
      }
    }
  }
  // It may lie where nobody answered.
  if (silent !== undefined) throw silent;
  return undefined;
}
