/** What one is told in full of; `agent list` says the rest. */
const toldInFull = 100;
const longestWord = 500;

/** Ten thousand VMs that are left, and as many names, must fit into one answer (2 MB): the first hundred with their reasons, the others by name and state. */
export function leftBriefly<L extends { why: string; hint?: string }>(left: L, before: number): L {
  if (before < toldInFull) return { ...left, why: left.why.slice(0, longestWord) };
  const { hint: _, ...rest } = left;
  return { ...rest, why: '' } as L;
}
