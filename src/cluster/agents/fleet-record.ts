import { newestOfMost } from '../record';
import type { VmAddress } from './vm';

/** `agents.json` on each node: the agents that shall be (decisions 1). */
export interface FleetRecord {
  format: 1;
  generation: number;
  /** Sorted, each once. */
  agents: VmAddress[];
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
  return newestOfMost(
    holdings.map(({ record }) => record),
    nodes,
  );
}

/** What was written by an operation that was cut counts for numbering on. */
export function highestGeneration(holdings: FleetHolding[]): number {
  return holdings.reduce((highest, { record }) => Math.max(highest, record?.generation ?? 0), 0);
}
