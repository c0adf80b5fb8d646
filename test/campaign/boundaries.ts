/** Where in a deploy the next worker dies. */
export interface Death {
  /** `docker.after:create` */
  boundary: string;
  /** As KRAKENCTL_FAILPOINTS has it. */
  failpoint: string;
  /** Index of the moment in the deploy. */
  at: number;
}

export interface Ahead {
  at: number;
  left: number;
  /** Whether a boundary has yet to have deaths: then the next of these, whatever lies between. */
  lacks?: (boundary: string) => boolean;
}

/**
 * A moment behind `at` of those that a deploy without deaths reaches, not so far that the deaths which are `left`, this one among them, have no room. The next
 * worker counts from where the last one died: so many of its kind lie between.
 */
export function nextDeath(random: () => number, moments: string[], { at, left, lacks }: Ahead): Death | undefined {
  const next = lacks
    ? moments.findIndex((moment, i) => i > at && lacks(moment))
    : atChance(random, moments, { at, left });
  const boundary = moments[next];
  if (boundary === undefined) return undefined;
  const nth = moments.slice(at + 1, next + 1).filter((moment) => moment === boundary).length;
  return { boundary, failpoint: `${boundary}#${nth}=kill`, at: next };
}

function atChance(random: () => number, moments: string[], { at, left }: Ahead): number {
  const rest = moments.length - at - 1;
  const room = Math.max(1, Math.floor((rest / (left + 1)) * 2));
  return at + 1 + Math.floor(random() * room);
}
