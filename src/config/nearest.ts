import { keyNames, nodeKeyName } from './keys';

/** The known name that was probably meant; undefined when none is near. */
export function findNearestName(name: string): string | undefined {
  // No known name is longer; the effort grows with the length of what a file may hold.
  if (name.length > 64) return undefined;
  const upper = name.toUpperCase();
  const number = Number(/(\d{1,3})$/.exec(upper)?.[1] ?? 0);
  const candidates = [...keyNames, nodeKeyName(number > 0 ? number : 1)];
  const allowed = Math.max(1, Math.floor(upper.length / 4));
  const ranked = candidates
    .filter((candidate) => Math.abs(candidate.length - upper.length) <= allowed)
    .map((candidate) => ({ candidate, distance: countEdits(upper, candidate, allowed) }))
    .sort((a, b) => a.distance - b.distance);
  return ranked[0] && ranked[0].distance <= allowed ? ranked[0].candidate : undefined;
}

/**
 * Insertions, deletions, replacements and swaps of neighbours (optimal string alignment); Infinity above `most`. Over plain
 * numbers, since a hostile file asks for it once for each line and known name.
 */
export function countEdits(a: string, b: string, most = Number.POSITIVE_INFINITY): number {
  const width = b.length + 1;
  const table = new Uint16Array((a.length + 1) * width);
  for (let j = 0; j < width; j++) table[j] = j;
  for (let i = 1; i <= a.length; i++) {
    const row = i * width;
    table[row] = i;
    let least = i;
    for (let j = 1; j < width; j++) {
      const same = a.charCodeAt(i - 1) === b.charCodeAt(j - 1);
      let edits = table[row - width + j - 1]! + (same ? 0 : 1);
      if (table[row - width + j]! < edits) edits = table[row - width + j]! + 1;
      if (table[row + j - 1]! < edits) edits = table[row + j - 1]! + 1;
      if (isSwap(a, b, { i, j }) && table[row - 2 * width + j - 2]! < edits)
        edits = table[row - 2 * width + j - 2]! + 1;
      table[row + j] = edits;
      if (edits < least) least = edits;
    }
    // A swap may still reach back over this row, by one edit.
    if (least > most + 1) return Number.POSITIVE_INFINITY;
  }
  return table[table.length - 1]!;
}

function isSwap(a: string, b: string, { i, j }: { i: number; j: number }): boolean {
  return i > 1 && j > 1 && a.charCodeAt(i - 1) === b.charCodeAt(j - 2) && a.charCodeAt(i - 2) === b.charCodeAt(j - 1);
}
