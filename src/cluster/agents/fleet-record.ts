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
  return newestOfMost(
    holdings.map(({ record }) => record),
    nodes,
  );
}

/**
 * Where no generation has a majority and most nodes were seen, the highest of them, which nodes that are away may have too. None at all would be a fleet of
 * nobody.
 *
 * @param held of each node that was seen
 */
export function newestOfMost<T extends { generation: number }>(held: (T | undefined)[], nodes: number): T | undefined {
  const records = held.flatMap((one) => one ?? []).sort((a, b) => b.generation - a.generation);
  const holders = (one: T) => records.filter(({ generation }) => generation === one.generation).length;
  return records.find((one) => holders(one) > nodes / 2) ?? (held.length > nodes / 2 ? records[0] : undefined);
}

/** What was written by an operation that was cut counts for numbering on. */
export function highestGeneration(holdings: FleetHolding[]): number {
  return holdings.reduce((highest, { record }) => Math.max(highest, record?.generation ?? 0), 0);
}
