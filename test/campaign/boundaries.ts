/** Where in a deploy the next worker dies. */
export interface Death {
  /** `docker.after:create` */
  boundary: string;
  /** As KRAKENCTL_FAILPOINTS has it. */
  failpoint: string;
  /** Index of the moment in the deploy. */
  at: number;
}

/**
 * A moment behind `at` of those that a deploy without deaths reaches, not so far that the deaths which are `left`, this one among them, have no room. The next
 * worker counts from where the last one died: so many of its kind lie between.
 */
export function nextDeath(
  random: () => number,
  moments: string[],
  { at, left }: { at: number; left: number },
): Death | undefined {
  const rest = moments.length - at - 1;
  const room = Math.max(1, Math.floor((rest / (left + 1)) * 2));
  const next = at + 1 + Math.floor(random() * room);
  const boundary = moments[next];
  if (boundary === undefined) return undefined;
  const nth = moments.slice(at + 1, next + 1).filter((moment) => moment === boundary).length;
  return { boundary, failpoint: `${boundary}#${nth}=kill`, at: next };
}
