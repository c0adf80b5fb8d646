/** Of what is generated or combined `npm run check` takes each fifth (`KRAKENCTL_SLICE=5`), to be done within a minute; `npm test` takes all. */
const share = Number(process.env.KRAKENCTL_SLICE ?? 1);

/** Each of `all`, or each fifth beginning with that of `offset`, so that side by side different ones are taken. */
export function sliceOf<T>(all: readonly T[], offset = 0): T[] {
  return all.filter((_, at) => (at + offset) % share === 0);
}

export const isSlice = share > 1;

/** Runs of a property. */
export function runsOf(all: number): number {
  return Math.ceil(all / share);
}
