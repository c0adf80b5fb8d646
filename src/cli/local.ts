import { recordedVms } from '../cluster/agents/fleet-record';
import { type AskedVm, type VmAddress, vmHost, withKnownLogins } from '../cluster/agents/vm';
import { recordFolder } from '../cluster/names';
import type { ClusterSpec } from '../cluster/spec';
import type { HostClusters, OperationLine, PreflightInput, PreflightReport } from '../contracts/activities';
import type { ListedAgent } from '../contracts/agents';
import type { FirewallAction, FirewallInspection } from '../contracts/firewall';
import type { InspectInput, Inspection } from '../contracts/operation';
import { unpackInspection } from '../contracts/packed';
import type { TlsInspection } from '../contracts/tls';
import { type Composition, composeActivities, toFailure } from '../workers/compose';
import { CliFailure, toCliFailure } from './failure';
import type { Unseen } from './unseen-text';

/**
 * The worker's own functions in this process, for looking only: `plan`, `status` and `logs` work without Temporal
 * (decisions 7). Nothing is ever changed through here.
 */
export interface LocalOptions {
  acceptNewHostKeys?: boolean;
}

export function inspectLocally(input: InspectInput, options: LocalOptions = {}): Promise<Inspection> {
  return withComposition(options, ({ activities }) => activities.inspectCluster(input).then(unpackInspection));
}

/** The clusters that have a record on the hosts of a spec. */
export function listClustersLocally(spec: ClusterSpec): Promise<HostClusters[]> {
  return withComposition({}, ({ activities }) =>
    Promise.all(spec.nodes.map(({ id: host }) => activities.listClusters({ spec, host }))),
  );
}

/** One look at each VM, from here. */
export function listAgentsLocally(
  input: { spec: ClusterSpec; vms: string[] },
  options: LocalOptions = {},
): Promise<ListedAgent[]> {
  return withComposition(options, ({ activities }) => activities.listAgents(input));
}

/** One connection to a VM for as long as the work takes, by the login that the record has for it where none was said. */
export function withVm<T>(
  spec: ClusterSpec,
  asked: AskedVm,
  work: (host: LocalHost, vm: VmAddress) => Promise<T>,
): Promise<T> {
  return withComposition({}, async ({ activities, hostsFor }) => {
    const { user, port } = asked.target;
    // Logs are read while nodes are off or their record is damaged, too: then as the nodes are logged in to.
    const readRecord = () => activities.readFleet({ spec, enrolled: { size: 0 } }).catch(() => undefined);
    const known = user !== undefined && port !== undefined ? undefined : await readRecord();
    const [vm = asked.vm] = withKnownLogins([asked], recordedVms(known?.record));
    return hostsFor(spec, 'vm').use(vmHost(vm), (host) => work(host, vm));
  });
}

export type LocalHost = Awaited<ReturnType<ReturnType<Composition['hostsFor']>['connect']>>;

export function inspectFirewallLocally(input: {
  spec: ClusterSpec;
  action: FirewallAction;
}): Promise<FirewallInspection> {
  return withComposition({}, ({ activities }) => activities.inspectFirewall(input));
}

export function inspectTlsLocally(input: { spec: ClusterSpec }): Promise<TlsInspection> {
  return withComposition({}, ({ activities }) => activities.inspectTls(input));
}

/** Whose a cluster is, is told by the worker's state folder, which may be on another machine. */
export function preflightLocally(input: PreflightInput): Promise<PreflightReport> {
  return withComposition({}, ({ activities }) => activities.preflightCluster({ ...input, bystander: true }));
}

/** One connection for as long as the work takes. */
export function withHost<T>(spec: ClusterSpec, id: string, work: (host: LocalHost) => Promise<T>): Promise<T> {
  return withComposition({}, async ({ hostsFor }) => {
    const node = spec.nodes.find((n) => n.id === id);
    if (!node) throw new RangeError(`no host ${id}`);
    return work(await hostsFor(spec).connect(node));
  });
}

/** `operations.jsonl` of every node that answers, each operation once, oldest first; and the nodes that do not. */
export function readOperationLines(spec: ClusterSpec): Promise<{ lines: OperationLine[]; unseen: Unseen[] }> {
  return withComposition({}, async ({ hostsFor }) => {
    const read = async (node: ClusterSpec['nodes'][number]) => {
      const host = await hostsFor(spec).connect(node);
      const text = await host.files.read(`${recordFolder(spec.name)}/operations.jsonl`);
      return parseLines(text?.toString('utf8') ?? '');
    };
    const answers = await Promise.allSettled(spec.nodes.map(read));
    const lines = answers.flatMap((a) => (a.status === 'fulfilled' ? a.value : []));
    const byId = new Map(lines.map((line) => [line.id, line]));
    const unseen = answers.flatMap((a, i) =>
      a.status === 'rejected' ? [{ host: spec.nodes[i]!.id, error: nameFailure(a.reason).message }] : [],
    );
    return { lines: [...byId.values()].sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1)), unseen };
  });
}

/** A line that was cut by a power loss is left out; the others still count. */
function parseLines(text: string): OperationLine[] {
  return text.split('\n').flatMap((line) => {
    try {
      return line ? [JSON.parse(line) as OperationLine] : [];
    } catch {
      return [];
    }
  });
}

/** What a host or its engine says has the same name here as in an operation. */
export function nameFailure(error: unknown): CliFailure {
  return error instanceof CliFailure ? error : toCliFailure(toFailure(error));
}

async function withComposition<T>(options: LocalOptions, work: (c: Composition) => Promise<T>): Promise<T> {
  const composition = composeActivities(options);
  try {
    return await work(composition);
  } catch (error) {
    throw nameFailure(error);
  } finally {
    await composition.close();
  }
}
