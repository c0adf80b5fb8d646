import { operationWorkflowId } from '../cluster/names';
import type { ClusterRecord, RecordOwner } from '../cluster/observed';
import type { HostClusters, RecordedCluster } from '../contracts/activities';
import { searchAttributes } from '../contracts/queues';
import type { Temporal } from './connect';
import type { OperationSummary } from './operation-list';
import { lastRuns, toSummary } from './operation-list';
import { memoOf } from './operations';

/** Clusters as their two witnesses know them: the records on the hosts, and Temporal's operations. */
export interface ClusterSummary {
  name: string;
  knownTo: ('hosts' | 'temporal')[];
  generation?: number;
  version?: string;
  /** Hosts of the record, and those whose every part answers; undefined where no record was read. */
  nodes?: number;
  serving?: number;
  /** Hosts of the record that were not seen, or whose record of it could not be read; absent where there is none such. */
  unseen?: string[];
  /** `unknown`: none was seen and one may be where nobody looked, or who looked is not the worker and has another id. */
  owner?: 'ours' | 'another' | 'several' | 'none' | 'unknown';
  /** Of another's: where it works. */
  ownerDetails?: RecordOwner[];
  lastOperation?: Pick<OperationSummary, 'id' | 'name' | 'actor' | 'result'> & { at: string };
  destroyed?: ClusterRecord['destroyed'];
  /** Records that could not be read, by host. */
  errors?: string[];
}

/** Runs read to find clusters; a cluster that nobody touched for so many is told by its hosts alone. */
const readRuns = 500;

/** The newest operation of every cluster that Temporal remembers. */
export async function listTemporalClusters(temporal: Temporal): Promise<Map<string, OperationSummary>> {
  const newest = new Map<string, OperationSummary>();
  const query = `${searchAttributes.cluster} IS NOT NULL AND ${lastRuns}`;
  let read = 0;
  for await (const run of temporal.client.workflow.list({ query, pageSize: 100 })) {
    const { cluster } = memoOf(run);
    if (cluster === undefined || run.workflowId !== operationWorkflowId(cluster)) continue;
    const summary = toSummary(run);
    const known = newest.get(cluster);
    if (!known || known.startedAt < summary.startedAt) newest.set(cluster, summary);
    read += 1;
    if (read >= readRuns) break;
  }
  return newest;
}

/** By name. What both know about the last operation comes from Temporal, which also knows those that failed. */
export function mergeClusters(
  hosts: HostClusters[],
  runs: Map<string, OperationSummary>,
  { bystander = false } = {},
): ClusterSummary[] {
  const seen = hosts.flatMap((h) => (h.reachable ? h.clusters.map((cluster) => ({ host: h.host, cluster })) : []));
  const names = [...new Set([...seen.map((s) => s.cluster.name), ...runs.keys()])].sort();
  return names.map((name) => {
    const records = seen.filter((s) => s.cluster.name === name);
    const run = runs.get(name);
    const knownTo: ClusterSummary['knownTo'] = [];
    if (records.length > 0) knownTo.push('hosts');
    if (run) knownTo.push('temporal');
    const away = hosts.flatMap((h) => (h.reachable ? [] : [h.host]));
    const recorded = fromRecords(records, { away, bystander });
    return { name, knownTo, ...recorded, ...(run && { lastOperation: fromRun(run, records) }) };
  });
}

interface OnHost {
  host: string;
  cluster: RecordedCluster;
}

interface Looked {
  /** Hosts that were not seen. */
  away: string[];
  /** Not the worker has looked. */
  bystander: boolean;
}

function fromRecords(records: OnHost[], { away, bystander }: Looked): Partial<ClusterSummary> {
  if (records.length === 0) return {};
  const newest = newestOf(records);
  const unread = records.flatMap(({ host, cluster }) => (cluster.error ? [host] : []));
  const members = newest?.spec.nodes.map(({ id }) => id) ?? [];
  const unseen = [...away.filter((host) => members.includes(host)), ...unread];
  const owners = new Map(records.flatMap(({ cluster: { owner } }) => (owner ? [[owner.id, owner] as const] : [])));
  const errors = records.flatMap(({ host, cluster }) => (cluster.error ? [`${host}: ${cluster.error}`] : []));
  return {
    generation: newest?.generation,
    version: newest?.spec.images.version,
    nodes: newest?.spec.nodes.length,
    serving: newest && records.filter(({ cluster }) => cluster.serving).length,
    ...(unseen.length > 0 && { unseen }),
    owner: ownerOf(records, { owners: owners.size, isPartial: unseen.length > 0, bystander }),
    ownerDetails: [...owners.values()],
    lastOperation: newest && { ...newest.operation, at: newest.operation.endedAt, result: 'done' },
    destroyed: newest?.destroyed,
    ...(errors.length > 0 && { errors }),
  };
}

function newestOf(records: OnHost[]): ClusterRecord | undefined {
  const found = records.flatMap(({ cluster: { record } }) => (record ? [record] : []));
  return found.sort((a, b) => b.generation - a.generation)[0];
}

function ownerOf(
  records: OnHost[],
  { owners, isPartial, bystander }: { owners: number; isPartial: boolean; bystander: boolean },
): ClusterSummary['owner'] {
  if (owners === 0) return isPartial ? 'unknown' : 'none';
  if (owners > 1) return 'several';
  if (records.some(({ cluster }) => cluster.ours)) return 'ours';
  return bystander ? 'unknown' : 'another';
}

function fromRun(run: OperationSummary, records: OnHost[]): ClusterSummary['lastOperation'] {
  const recorded = newestOf(records)?.operation;
  const name = recorded?.id === run.id ? recorded.name : run.name;
  const { id, actor, result } = run;
  return { id, name, actor, result, at: run.endedAt ?? run.startedAt };
}
