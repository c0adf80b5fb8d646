import type { ClusterRecord, LastGood, SeenHost } from './observed';

/** Of a cluster. @param seen nodes alone */
export function newestRecord(seen: SeenHost[], nodes: number): ClusterRecord | undefined {
  return newestOfMost(
    seen.map(({ record }) => record),
    nodes,
  );
}

/**
 * The one with the highest generation that a majority of the nodes holds (decisions 1); a generation on fewer nodes was written by an operation that did
 * not get to its end. Where none is on so many, since a node lost its disk meanwhile, the highest of a majority of the nodes. Docs: decisions/0045.
 *
 * @param held of each node that was seen
 */
export function newestOfMost<T extends { generation: number }>(held: (T | undefined)[], nodes: number): T | undefined {
  const isMajority = (some: unknown[]) => some.length > nodes / 2;
  const records = held.flatMap((one) => one ?? []).sort((a, b) => b.generation - a.generation);
  const holders = (one: T) => records.filter(({ generation }) => generation === one.generation);
  return records.find((one) => isMajority(holders(one))) ?? (isMajority(held) ? records[0] : undefined);
}

/** Any record at all, the highest first: to count operations on from, even where no majority holds it. */
export function highestRecord(seen: SeenHost[]): ClusterRecord | undefined {
  return seen.flatMap((h) => (h.record ? [h.record] : [])).sort((a, b) => b.generation - a.generation)[0];
}

export function highestEpoch(seen: SeenHost[]): number {
  return seen.reduce((highest, h) => Math.max(highest, h.epoch), 0);
}

/**
 * Above every epoch that a host has seen. The first one of a cluster is the time in milliseconds, since a destroy takes the mark
 * along with the record: what was left over from before it is then below whatever comes after it.
 */
export function nextEpoch(seen: SeenHost[], nowMs: number): number {
  const highest = highestEpoch(seen);
  return highest > 0 ? highest + 1 : nowMs;
}

export function lastGoodOf({ generation, spec, images, desiredHash, operation }: ClusterRecord): LastGood {
  return { generation, spec, images, desiredHash, operation };
}
