import { newestOfMost } from '../record';
import { type VmAddress, vmName } from './vm';

/** `agents.json` on each node: the agents that shall be (decisions 1). */
export interface FleetRecord {
  format: 1;
  generation: number;
  /** Sorted, each once. */
  agents: VmAddress[];
  /** VMs that are to lose their agent and may still have it, also sorted; absent: none. */
  leaving?: VmAddress[];
  /** Image of the last operation that brought agents. */
  digest?: string;
  /** Operations so far, by verb. */
  counts: Record<string, number>;
  operation: { id: string; name: string; actor: string; at: string };
}

export interface FleetHolding {
  host: string;
  record?: FleetRecord;
}

/** As that of the cluster (`record.ts`). */
export function newestFleet(holdings: FleetHolding[], nodes: number): FleetRecord | undefined {
  const newest = newestOfMost(
    holdings.map(({ record }) => record),
    nodes,
  );
  if (!newest?.leaving) return newest;
  // Who is gone is struck out without another generation, and a node that was away then still has it.
  const isSame = (record: FleetRecord) =>
    record.generation === newest.generation && record.operation.id === newest.operation.id;
  const lists = holdings.flatMap(({ record }) => (record && isSame(record) ? [new Set(record.leaving)] : []));
  return { ...newest, leaving: newest.leaving.filter((vm) => lists.every((list) => list.has(vm))) };
}

/** Those that shall be and those that still have to leave: somebody logs in to each of them. */
export function recordedVms(record: FleetRecord | undefined): VmAddress[] {
  return [...(record?.agents ?? []), ...(record?.leaving ?? [])];
}

/** Of what was written when a removal began: who is gone is no more in the record. */
export function withoutGone(record: FleetRecord, gone: ReadonlySet<string>): FleetRecord {
  const { leaving = [], ...rest } = record;
  const left = leaving.filter((vm) => !gone.has(vmName(vm)));
  return left.length > 0 ? { ...rest, leaving: left } : rest;
}

/** What was written by an operation that was cut counts for numbering on. */
export function highestGeneration(holdings: FleetHolding[]): number {
  return holdings.reduce((highest, { record }) => Math.max(highest, record?.generation ?? 0), 0);
}
