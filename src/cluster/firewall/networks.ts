/**
 * IPv4 and IPv6 networks as numbers. What is written into rules is printed from these and never copied from a text, so that no text can
 * mean something else to nft.
 */
export interface Network {
  family: 4 | 6;
  /** Lowest address. */
  first: bigint;
  /** Length of the prefix; 32 or 128 is one address. */
  bits: number;
}

const widths = { 4: 32, 6: 128 } as const;

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. Undefined for anything else, also where bits behind the prefix are set. */
export function parseNetwork(text: string): Network | undefined {
  const [address = '', bitsText, ...rest] = text.split('/');
  if (rest.length > 0) return undefined;
  const family = address.includes(':') ? 6 : 4;
  const first = family === 4 ? parseIpv4(address) : parseIpv6(address);
  if (first === undefined) return undefined;
  if (bitsText !== undefined && !/^(0|[1-9]\d{0,2})$/.test(bitsText)) return undefined;
  const bits = bitsText === undefined ? widths[family] : Number(bitsText);
  if (bits > widths[family]) return undefined;
  const network = { family, first, bits } as const;
  return first === lowest(network) ? network : undefined;
}

/** With bits behind its prefix taken away: what somebody who wrote `10.0.1.5/24` may have meant. */
export function meantNetwork(text: string): string | undefined {
  const [address = '', bitsText = ''] = text.split('/');
  const whole = parseNetwork(address);
  if (!whole || !/^\d{1,3}$/.test(bitsText) || Number(bitsText) > whole.bits) return undefined;
  const network = { ...whole, bits: Number(bitsText) };
  return showNetwork({ ...network, first: lowest(network) });
}

function lowest({ family, first, bits }: Network): bigint {
  const free = BigInt(widths[family] - bits);
  return (first >> free) << free;
}

function parseIpv4(text: string): bigint | undefined {
  const octets = text.split('.');
  if (octets.length !== 4 || !octets.every((o) => /^(0|[1-9]\d{0,2})$/.test(o) && Number(o) <= 255)) return undefined;
  return octets.reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
}

/** Hexadecimal groups alone: neither a zone nor an IPv4 address at the end. */
function parseIpv6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  if (!groups.flat().every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  const [head = [], tail] = groups;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const all = [...head, ...Array.from({ length: missing }, () => '0'), ...(tail ?? [])];
  return all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** Canonical: IPv6 in lower case with its longest run of zeros left out (RFC 5952). */
export function showNetwork({ family, first, bits }: Network): string {
  const address = family === 4 ? showIpv4(first) : showIpv6(first);
  return bits === widths[family] ? address : `${address}/${bits}`;
}

function showIpv4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
}

function showIpv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  const runs = [...groups.join(':').matchAll(/(?<![^:])0(?::0)+(?![^:])/g)];
  const longest = runs.reduce((best, [run]) => (run.length > best.length ? run : best), '');
  if (longest === '') return groups.join(':');
  const at = runs.find(([run]) => run === longest)!.index;
  const text = groups.join(':');
  return `${text.slice(0, at).replace(/:$/, '')}::${text.slice(at + longest.length).replace(/^:/, '')}`;
}

function contains(outer: Network, inner: Network): boolean {
  if (outer.family !== inner.family || outer.bits > inner.bits) return false;
  return lowest({ ...inner, bits: outer.bits }) === outer.first;
}

/** Sorted, each once, without those that lie in another: nft refuses a set whose elements overlap. */
export function disjoint(networks: Network[]): Network[] {
  const sorted = [...networks].sort(
    (a, b) => a.family - b.family || (a.first < b.first ? -1 : a.first > b.first ? 1 : 0) || a.bits - b.bits,
  );
  const kept: Network[] = [];
  for (const network of sorted) {
    // Sorted, whatever contains it is the last one kept.
    const last = kept.at(-1);
    if (!last || !contains(last, network)) kept.push(network);
  }
  return kept;
}
