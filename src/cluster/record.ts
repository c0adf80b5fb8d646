import type { ClusterRecord, LastGood, SeenHost } from './observed';

/**
 * The record with the highest generation that a majority of the nodes holds (decisions 1); a generation on fewer nodes was written by an operation that
 * did not get to its end. Where none is on so many, since a node lost its disk meanwhile, the highest of a majority of the nodes: it is written after what
 * it says was proven. Docs: decisions/0045.
 */
export function newestRecord(seen: SeenHost[], nodes: number): ClusterRecord | undefined {
  const majority = Math.floor(nodes / 2) + 1;
  const records = seen.flatMap((h) => (h.record ? [h.record] : []));
  const generations = [...new Set(records.map((r) => r.generation))].sort((a, b) => b - a);
  for (const generation of generations) {
    const holders = records.filter((r) => r.generation === generation);
    if (holders.length >= majority) return holders[0];
  }
  return seen.length >= majority ? highestRecord(seen) : undefined;
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
