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

/** The highest generation that a majority of the nodes holds; what fewer hold was cut off. */
export function newestFleet(holdings: FleetHolding[], nodes: number): FleetRecord | undefined {
  const records = holdings.flatMap(({ record }) => (record ? [record] : []));
  const generations = [...new Set(records.map((r) => r.generation))].sort((a, b) => b - a);
  for (const generation of generations) {
    const holders = records.filter((r) => r.generation === generation);
    if (holders.length > nodes / 2) return holders[0];
  }
  return undefined;
}

/** What was written by an operation that was cut counts for numbering on. */
export function highestGeneration(holdings: FleetHolding[]): number {
  return holdings.reduce((highest, { record }) => Math.max(highest, record?.generation ?? 0), 0);
}
