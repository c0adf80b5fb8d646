import { promisify } from 'node:util';
import { brotliCompress, brotliDecompress, constants } from 'node:zlib';
import type { Observed, ObservedHost } from '../cluster/observed';
import type { CrossedHost, CrossedObserved } from './crossed';
import type { CrossedInspection, Inspection } from './operation';

/**
 * How large values cross: Temporal takes 2 MB of one. What is seen of a host has the record in it and the Redis Cluster twice, as every other host has:
 * of a hundred hosts that is 7 MB. Small ones cross as they are, so that they can be read in Temporal. Not for workflows, which have no zlib.
 */

const compress = promisify(brotliCompress);
const decompress = promisify(brotliDecompress);
/** JSON characters. */
const mostPlain = { host: 32_000, inspection: 500_000 };
/** Sees what hosts have in common, some 70 kB each. */
const windowBits = 22;

async function pack(text: string): Promise<string> {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 5, [constants.BROTLI_PARAM_LGWIN]: windowBits };
  return (await compress(text, { params })).toString('base64');
}

async function unpack<T>(packed: string): Promise<T> {
  return JSON.parse((await decompress(Buffer.from(packed, 'base64'))).toString()) as T;
}

export async function packHost(host: ObservedHost): Promise<CrossedHost> {
  const text = JSON.stringify(host);
  if (!host.reachable || text.length <= mostPlain.host) return host;
  return { host: host.host, reachable: true, platform: host.platform, packed: await pack(text) };
}

export async function unpackHost(host: CrossedHost): Promise<ObservedHost> {
  return 'packed' in host ? unpack<ObservedHost>(host.packed) : host;
}

/** One after the other, so that nobody waits for all of them at once. */
export async function unpackObserved({ cluster, hosts }: CrossedObserved): Promise<Observed> {
  const seen: ObservedHost[] = [];
  for (const host of hosts) seen.push(await unpackHost(host));
  return { cluster, hosts: seen };
}

export async function packInspection(inspection: Inspection): Promise<CrossedInspection> {
  const text = JSON.stringify(inspection);
  return text.length <= mostPlain.inspection ? inspection : { packed: await pack(text) };
}

export async function unpackInspection(inspection: CrossedInspection): Promise<Inspection> {
  return 'packed' in inspection ? unpack<Inspection>(inspection.packed) : inspection;
}
