import type { FenceScope, HostConnection, Hosts } from '../clients/host';
import type { ImageArchives } from '../clients/image-archive';
import { emptyVault, type Vault } from '../clients/vault';
import { recordFolder } from '../cluster/names';
import type { ClusterRecord } from '../cluster/observed';
import type { ClusterSpec, TlsState } from '../cluster/spec';
import type { Redact } from '../text/redaction';
import { cancellation } from './heartbeat';
import { speaking } from './tongue';

/** VMs are dialled apart from the cluster's own hosts: those that do not answer hold up no others. */
export type HostKind = 'node' | 'vm';

/** What activities need from the outside; composed by the worker, replaced by in-memory hosts in tests. */
export interface ActivityDependencies {
  /** Connections for a cluster's way of logging in, to its nodes unless said otherwise; the same spec.ssh and kind give the same pool. */
  hostsFor(spec: ClusterSpec, kind?: HostKind): Hosts;
  /** A `docker save` stream of an image of the worker, for IMAGE_SOURCE=load. */
  archives: ImageArchives;
  /** What signs certificates; nothing is signed where there is none. */
  vault?: Vault;
  /** Random id of this krakenctl installation (decisions 1). */
  ownerId: string;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Takes secrets out of what parts wrote; those alone that look like one where nothing is given. */
  redact?: Redact;
  /** Every AUTH_SECRET that this worker knows for a cluster, and where a person puts one. */
  authSecrets?: (cluster: string) => { secrets: string[]; path: string };
  /** How long the other parts take to take one back; as they are configured to, unless they are in memory. */
  settledMs?: number;
  /** How long a Redis instance says nothing before it has nothing to hand over; shorter where it is in memory. */
  redisGoneMs?: number;
  /** How long an agent may take to be ready for a node's canary, and to get it; shorter where it is in memory. */
  agentPatienceMs?: number;
  /** Pause of a gate for VMs that look every five minutes; shorter where they are in memory. */
  betweenLooksMs?: number;
}

export async function connectTo(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  hostId: string,
  eitherWay = false,
): Promise<HostConnection> {
  const host = spec.nodes.find((n) => n.id === hostId);
  if (!host) throw new Error(`the spec has no host ${hostId}`);
  const connection = await deps.hostsFor(spec).connect(host);
  const state = spec.tls && (spec.tls.state ?? (await recordedState(connection, spec.name)));
  return state ? speaking(connection, { spec, state, vault: deps.vault ?? emptyVault, eitherWay }) : connection;
}

/** For what goes over SSH and to the Engine alone: it needs no certificate, and must not fail where there is none. */
export function connectPlainly(
  deps: ActivityDependencies,
  { tls: _, ...spec }: ClusterSpec,
  hostId: string,
): Promise<HostConnection> {
  return connectTo(deps, spec, hostId);
}

/** To a node whose turn may not have come yet, while another one is brought into the spec's state of TLS. */
export function connectToOther(deps: ActivityDependencies, spec: ClusterSpec, hostId: string): Promise<HostConnection> {
  return connectTo(deps, spec, hostId, true);
}

/** Of a spec as a person has written it nobody has said yet how far its cluster is. */
async function recordedState({ files }: HostConnection, cluster: string): Promise<TlsState | undefined> {
  const text = await files.read(`${recordFolder(cluster)}/state.json`);
  return text && (JSON.parse(text.toString()) as ClusterRecord).spec.tls?.state;
}

export interface FencedScope {
  spec: ClusterSpec;
  host: string;
  epoch: number;
  realm?: FenceScope['realm'];
  /** See FenceScope. */
  patienceSeconds?: number;
}

/**
 * The one seam through which every effect and record write on a host passes: the work is done while the host's fence is held
 * for this operation's epoch.
 */
export async function fenced<T>(
  deps: ActivityDependencies,
  scope: FencedScope,
  work: (connection: HostConnection) => Promise<T>,
): Promise<T> {
  const { spec, host, ...fence } = scope;
  return underFence(await connectTo(deps, spec, host), { cluster: spec.name, ...fence }, work);
}

/** The same over a connection that is there. */
export async function underFence<T>(
  connection: HostConnection,
  { cluster, realm, epoch, patienceSeconds }: FenceScope,
  work: (connection: HostConnection) => Promise<T>,
): Promise<T> {
  const lease = await connection.fence({ cluster, realm, epoch, patienceSeconds });
  try {
    // Waiting may have taken so long that Temporal gave this attempt up and began another.
    cancellation()?.throwIfAborted();
    return await work(connection);
  } finally {
    await lease.release();
  }
}
