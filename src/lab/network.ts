import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CommandError } from './commands';
import { docker, tryDocker } from './docker';
import { labLabel, networkOf } from './names';

/** A lab's network: a /24 of its own, with fixed addresses, so that a host keeps its address over a power cut. */

const known: Record<string, string> = { demo: '10.88.0.0/24', test: '10.89.0.0/24' };
const tries = 20;

/** Subnet of the lab's network, which is made when it is missing. @throws {Error} when no subnet is free. */
export async function ensureNetwork(lab: string): Promise<string> {
  const existing = await networkSubnet(lab);
  if (existing) return existing;
  const taken = await routedNetworks();
  for (const subnet of candidates(lab)) {
    if (taken.some((route) => overlaps(route, subnet))) continue;
    const args = ['network', 'create', '--subnet', subnet, '--label', `${labLabel}=${lab}`, networkOf(lab)];
    const created = await tryDocker(args);
    if (created.code === 0) return subnet;
    if (!/overlap/i.test(created.stderr)) throw new CommandError(['docker', ...args], created);
  }
  throw new Error(`no free /24 found for the lab ${lab}: every one that was tried is routed already`);
}

/** Undefined when the network is not there. */
export async function networkSubnet(lab: string): Promise<string | undefined> {
  const format = '{{range .IPAM.Config}}{{.Subnet}}{{end}}';
  return docker(['network', 'inspect', '--format', format, networkOf(lab)]).then(
    (text) => text || undefined,
    () => undefined,
  );
}

/** The address with this last number, for example 10.88.0.11. */
export function addressIn(subnet: string, last: number): string {
  return subnet.replace(/\.\d+\/\d+$/, `.${last}`);
}

function* candidates(lab: string): Generator<string> {
  if (known[lab]) yield known[lab];
  const hash = createHash('sha256').update(lab).digest();
  for (let i = 0; i < tries; i++) yield `10.${90 + (((hash[0] ?? 0) + i) % 38)}.${hash[1] ?? 0}.0/24`;
}

/** Networks that this machine already has a route to, but for the default route. */
async function routedNetworks(): Promise<{ network: number; mask: number }[]> {
  const text = await readFile('/proc/net/route', 'utf8').catch(() => '');
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    .filter((columns) => columns.length > 7)
    .map((columns) => ({ network: littleEndian(columns[1]), mask: littleEndian(columns[7]) }))
    .filter(({ mask }) => mask !== 0);
}

function littleEndian(hex = '0'): number {
  return Buffer.from(hex.padStart(8, '0'), 'hex').readUInt32LE();
}

function overlaps(route: { network: number; mask: number }, subnet: string): boolean {
  const [a = 0, b = 0, c = 0] = subnet.split('.').map((part) => Number.parseInt(part, 10));
  const network = ((a << 24) | (b << 16) | (c << 8)) >>> 0;
  const mask = (route.mask & 0xffffff00) >>> 0;
  return ((network & mask) ^ (route.network & mask)) >>> 0 === 0;
}
