import { ClientError } from '../clients/errors';
import type { HostConnection } from '../clients/host';
import { type FleetHolding, type FleetRecord, newestFleet, withoutGone } from '../cluster/agents/fleet-record';
import type { PublishedInstall } from '../cluster/agents/install-source';
import { vmName } from '../cluster/agents/vm';
import { recordFolder } from '../cluster/names';
import type { ClusterRecord } from '../cluster/observed';
import { newestOfMost } from '../cluster/record';
import type { ClusterSpec } from '../cluster/spec';
import type { AgentActivities, RecordedTls } from '../contracts/agents';
import type { Changed } from '../contracts/changed';
import { type ActivityDependencies, connectTo, fenced } from './dependencies';
import { ActivityError } from './failures';
import { parseRecord } from './record-json';

/** `agents.json` on the nodes, and what lies beside it. */

function fleetPath(spec: ClusterSpec): string {
  return `${recordFolder(spec.name)}/agents.json`;
}

function epochPath(spec: ClusterSpec): string {
  return `${recordFolder(spec.name)}/epoch-agents`;
}

function numberIn(bytes: Buffer | undefined): number {
  return Number.parseInt(bytes?.toString() ?? '', 10) || 0;
}

export interface Held extends FleetHolding {
  epoch: number;
  install: PublishedInstall;
  cluster?: ClusterRecord;
}

export type Holding = Held | { host: string; error: string };

/** A damaged one is a matter of the cluster, and one that does not count here. */
function readable(bytes: Buffer | undefined): ClusterRecord | undefined {
  try {
    return bytes && (JSON.parse(bytes.toString()) as ClusterRecord);
  } catch {
    return undefined;
  }
}

function newestCluster(holdings: Held[], nodes: number): ClusterRecord | undefined {
  return newestOfMost(
    holdings.map(({ cluster }) => cluster),
    nodes,
  );
}

export function recordedTls(holdings: Held[], nodes: number): RecordedTls {
  const { destroyed, spec } = newestCluster(holdings, nodes) ?? {};
  return spec?.tls && !destroyed ? { tls: spec.tls } : {};
}

export async function readHolding(deps: ActivityDependencies, spec: ClusterSpec, host: string): Promise<Holding> {
  try {
    const { files, installs } = await connectTo(deps, spec, host);
    const [bytes, cluster, epoch, install] = await Promise.all([
      files.read(fleetPath(spec)),
      files.read(`${recordFolder(spec.name)}/state.json`),
      files.read(epochPath(spec)),
      installs.look(spec.name),
    ]);
    return {
      host,
      install,
      record: parseRecord<FleetRecord>(host, 'agents.json', bytes),
      cluster: readable(cluster),
      epoch: numberIn(epoch),
    };
  } catch (error) {
    if (error instanceof ClientError) return { host, error: error.message };
    throw error;
  }
}

export async function writeFleet(connection: HostConnection, spec: ClusterSpec, record: FleetRecord) {
  return inTurn(`${spec.name} ${connection.host.id}`, () => write(connection, spec, record));
}

function write({ files }: HostConnection, spec: ClusterSpec, record: FleetRecord) {
  return files.write({ path: fleetPath(spec), mode: 0o644, contents: Buffer.from(`${JSON.stringify(record)}\n`) });
}

const turns = new Map<string, Promise<unknown>>();

/** Works of one operation's epoch share the fence of a host, so that it keeps none of them from writing what another has read. */
async function inTurn<T>(node: string, work: () => Promise<T>): Promise<T> {
  const own = (turns.get(node) ?? Promise.resolve()).then(work, work);
  turns.set(node, own);
  try {
    return await own;
  } finally {
    if (turns.get(node) === own) turns.delete(node);
  }
}

/**
 * Strikes out who is gone, on one node. The generation stays: who shall have an agent has not changed. A parked VM may be gone after later operations have
 * begun, and that it is gone is true under each of them.
 */
export async function forgetRemoved(
  deps: ActivityDependencies,
  { spec, host, epoch, vms }: Parameters<AgentActivities['forgetRemoved']>[0],
): Promise<Changed> {
  const gone = new Set(vms.map(vmName));
  const read = async ({ files }: HostConnection) =>
    parseRecord<FleetRecord>(host, 'agents.json', await files.read(fleetPath(spec)));
  const names = (record: FleetRecord | undefined): record is FleetRecord =>
    record?.leaving?.some((vm) => gone.has(vmName(vm))) ?? false;
  const connection = await connectTo(deps, spec, host);
  // Looked at before the fence is taken, which would leave its mark on a host whose cluster is destroyed.
  if (!names(await read(connection))) return { changed: false };
  const newest = await connection.files.read(epochPath(spec));
  const scope = { spec, host, epoch: Math.max(epoch, numberIn(newest)), realm: 'agents' as const };
  return fenced(deps, scope, (fencedConnection) =>
    inTurn(`${spec.name} ${host}`, async () => {
      const record = await read(fencedConnection);
      return names(record) ? write(fencedConnection, spec, withoutGone(record, gone)) : { changed: false };
    }),
  );
}

/** @throws HOST_UNREACHABLE where most nodes cannot be seen, so that nobody knows. */
export async function isAgentWanted(
  deps: ActivityDependencies,
  { spec, vm }: Parameters<AgentActivities['isAgentWanted']>[0],
): Promise<{ wanted: true } | { wanted: false; why: string }> {
  const answers = await Promise.all(spec.nodes.map(({ id }) => readHolding(deps, spec, id)));
  const unseen = answers.flatMap((a) => ('error' in a ? [a] : []));
  if (unseen.length >= spec.nodes.length / 2) {
    const why = unseen.map(({ host, error }) => `${host}: ${error}`).join('; ');
    throw new ActivityError(
      'HOST_UNREACHABLE',
      `most nodes could not be seen, and they keep the list of agents: ${why}`,
      {
        final: false,
        hint: 'krakenctl status',
      },
    );
  }
  const holdings = answers.flatMap((a) => ('error' in a ? [] : [a]));
  if (newestCluster(holdings, spec.nodes.length)?.destroyed) return { wanted: false, why: 'its cluster was destroyed' };
  const { agents = [] } = newestFleet(holdings, spec.nodes.length) ?? {};
  const isListed = agents.some((known) => vmName(known) === vmName(vm));
  return isListed ? { wanted: true } : { wanted: false, why: 'the record of agents does not have it any more' };
}
