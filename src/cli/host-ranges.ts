/** `node-1, node-2, node-3, vm-1` as `node-1..3 vm-1`. */
export function showHosts(hosts: string[]): string {
  const runs: { prefix: string; from: number; to: number; text: string }[] = [];
  for (const host of [...hosts].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))) {
    const [, prefix, digits] = /^(.*?)([1-9]\d*|0)$/.exec(host) ?? [];
    const last = runs.at(-1);
    if (prefix !== undefined && last?.prefix === prefix && Number(digits) === last.to + 1) last.to += 1;
    else runs.push({ prefix: prefix ?? '', from: Number(digits), to: Number(digits), text: host });
  }
  return runs.map(({ from, to, text }) => (to > from ? `${text}..${to}` : text)).join(' ');
}
