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
  /** Deaths so far by boundary, where boundaries that had few are to come first. */
  fired?: Record<string, number>;
}

/**
 * A moment behind `at` of those that a deploy without deaths reaches, not so far that the deaths which are `left`, this one among them, have no room. The next
 * worker counts from where the last one died: so many of its kind lie between.
 */
export function nextDeath(random: () => number, moments: string[], { at, left, fired }: Ahead): Death | undefined {
  const rest = moments.length - at - 1;
  const room = Math.max(1, Math.floor((rest / (left + 1)) * 2));
  const within = moments.map((_, i) => i).slice(at + 1, at + 1 + room);
  const countAt = (i: number) => fired?.[moments[i]!] ?? 0;
  const fewest = Math.min(...within.map(countAt));
  const candidates = fired ? within.filter((i) => countAt(i) === fewest) : within;
  const next = candidates[Math.floor(random() * candidates.length)];
  if (next === undefined) return undefined;
  const boundary = moments[next]!;
  const nth = moments.slice(at + 1, next + 1).filter((moment) => moment === boundary).length;
  return { boundary, failpoint: `${boundary}#${nth}=kill`, at: next };
}
