import type { Source } from './rules';

/** A table of ours as `nft -j list table` tells it: what it means, whatever version of nft says it. */
export interface LoadedRules {
  /** Ports that are filtered, by number. */
  ports: { port: number; from: Source | 'unknown' }[];
  /** Elements of the sets of addresses by name, `nodes4` …, as nft writes them, sorted. */
  sets: Record<string, string[]>;
  /** By port, and `forwarded`: what containers of this host tried on other hosts. */
  dropped: { port: number | 'forwarded'; packets: number }[];
}

interface Entry {
  counter?: { name: string; packets?: number };
  set?: { name: string; elem?: unknown[] };
  rule?: { chain: string; expr: Expression[] };
}

interface Expression {
  match?: { left?: { payload?: { protocol?: string; field?: string } }; right?: unknown };
  jump?: { target?: string };
  drop?: null;
}

/** @throws {SyntaxError} where it is no JSON of nft's. */
export function parseLoaded(text: string): LoadedRules {
  const entries = (JSON.parse(text) as { nftables?: Entry[] }).nftables ?? [];
  const sets = entries.flatMap(({ set }) =>
    set ? [[set.name, (set.elem ?? []).map(showElement).sort()] as const] : [],
  );
  return { ports: portsOf(entries), sets: Object.fromEntries(sets), dropped: entries.flatMap(droppedOf) };
}

function droppedOf({ counter }: Entry): LoadedRules['dropped'] {
  const [, name] = /^dropped_(\d+|forwarded)$/.exec(counter?.name ?? '') ?? [];
  if (name === undefined) return [];
  return [{ port: name === 'forwarded' ? name : Number(name), packets: counter?.packets ?? 0 }];
}

/** A port counts as filtered when something drops it; a jump before says who gets through. */
function portsOf(entries: Entry[]): LoadedRules['ports'] {
  const jumps = new Map<number, string>();
  const ports: LoadedRules['ports'] = [];
  for (const { rule } of entries) {
    if (rule?.chain !== 'input') continue;
    const port = rule.expr.map(portOf).find((p) => p !== undefined);
    if (port === undefined) continue;
    const target = rule.expr.find((e) => e.jump)?.jump?.target;
    if (target !== undefined) jumps.set(port, target);
    else if (rule.expr.some((e) => 'drop' in e)) ports.push({ port, from: sourceOf(jumps.get(port)) });
  }
  return ports.sort((a, b) => a.port - b.port);
}

function portOf({ match }: Expression): number | undefined {
  const { protocol, field } = match?.left?.payload ?? {};
  return protocol === 'tcp' && field === 'dport' && typeof match?.right === 'number' ? match.right : undefined;
}

function sourceOf(chain: string | undefined): Source | 'unknown' {
  if (chain === undefined) return 'itself';
  const source = /^from_(nodes|fleet|clients|operators)$/.exec(chain)?.[1];
  return (source as Source | undefined) ?? 'unknown';
}

/** An address, `{prefix: {addr, len}}`, `{range: [a, b]}`, or one of these in `{elem: {val}}`. */
function showElement(element: unknown): string {
  if (typeof element === 'string') return element;
  const { prefix, range, elem } = element as {
    prefix?: { addr: string; len: number };
    range?: [string, string];
    elem?: { val: unknown };
  };
  if (prefix) return `${prefix.addr}/${prefix.len}`;
  if (range) return range.join('-');
  return elem ? showElement(elem.val) : JSON.stringify(element);
}
