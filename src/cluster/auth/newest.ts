/** A record that several nodes hold, as one of them has it. */
export interface Held {
  generation: number;
  sum: string;
}

export interface NewestHeld<T> {
  record?: T;
  /**
   * `kept`: a majority of the nodes has it. `open`: it may come to that. `parted`: no record of its generation ever does.
   * `doubtful`: of two, either may be the one that a majority has, counting nodes that were not seen.
   */
  state: 'kept' | 'open' | 'parted' | 'doubtful';
  /** Nodes that were seen have an older one, another of the same generation, or none. */
  isLacking: boolean;
  /** There is another of the same generation. */
  hasRival: boolean;
}

/**
 * The record that counts, of what a majority of the nodes has. A change has ended when a majority holds its record, and any two majorities share a node: so
 * the highest generation that one of them shows is never below it. A node takes one record of each generation.
 *
 * @param held of each node that was seen
 */
export function newestHeld<T extends Held>(held: (T | undefined)[], nodes: number): NewestHeld<T> {
  const generation = held.reduce((highest, one) => Math.max(highest, one?.generation ?? 0), 0);
  const highest = held.flatMap((one) => (one?.generation === generation ? [one] : []));
  const count = (one: T) => highest.filter(({ sum }) => sum === one.sum).length;
  const [record, rival] = [...new Map(highest.map((one) => [one.sum, one])).values()].sort(
    (a, b) => count(b) - count(a) || (a.sum < b.sum ? -1 : 1),
  );
  if (!record) return { state: 'kept', isLacking: false, hasRival: false };
  const isMajority = (some: number) => some > nodes / 2;
  const unseen = nodes - held.length;
  const state = () => {
    if (isMajority(count(record))) return 'kept';
    if (rival && isMajority(count(rival) + unseen)) return 'doubtful';
    return isMajority(count(record) + nodes - highest.length) ? 'open' : 'parted';
  };
  return { record, state: state(), isLacking: count(record) < held.length, hasRival: rival !== undefined };
}
