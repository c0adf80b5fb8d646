import type { ZodType } from 'zod';
import { disjoint, meantNetwork, type Network, parseNetwork, showNetwork } from '../../cluster/firewall/networks';
import { Refusal, readText } from './text';

/** More in one line is a list for a router, and each is one element of a set on every host. */
const most = 256;

/** Addresses and networks with commas between them; sorted, without those that lie in another. */
export const networks: ZodType<string[], string> = readText((text) => {
  const words = text.split(',').map((word) => word.trim());
  if (words.length > most) return new Refusal(`at most ${most} of them`);
  const read = words.map(readNetwork);
  const refusal = read.find((one) => one instanceof Refusal);
  return refusal ?? disjoint(read as Network[]).map(showNetwork);
});

function readNetwork(word: string): Network | Refusal {
  const network = parseNetwork(word);
  if (!network) return new Refusal(explain(word));
  if (network.family === 6 && network.first >> 32n === 0xffffn) return new Refusal('write the IPv4 address alone');
  return network;
}

function explain(word: string): string {
  if (word === '') return 'one comma between two of them';
  const meant = meantNetwork(word);
  if (meant !== undefined) return `write ${meant}, or the address without /`;
  return /^[a-z]/i.test(word) && !word.includes(':') ? 'an address, not a name' : 'such as 10.0.0.0/8 or 2001:db8::/32';
}
