import { createHash } from 'node:crypto';

/** Who owns a blob: each host has a score for each digest, and the highest scores own it. All origins compute the same. */
export interface HashRing {
  hosts: string[];
  healthy(): string[];
  maxReplica: number;
}

/** In order of score: the healthy ones among the owners, or the next healthy host, or the first owner when none is. */
export function locate({ hosts, healthy, maxReplica }: HashRing, hex: string): string[] {
  const ordered = orderHosts(hosts, hex);
  const well = new Set(healthy());
  if (well.size === 0) return ordered.slice(0, 1);
  const owners = ordered.slice(0, maxReplica).filter((host) => well.has(host));
  return owners.length > 0 ? owners : ordered.filter((host) => well.has(host)).slice(0, 1);
}

export function orderHosts(hosts: string[], hex: string): string[] {
  // A blob's shard is its digest's first four digits, so that blobs move in groups.
  const score = (host: string) =>
    createHash('sha1')
      .update(`${host} ${hex.slice(0, 4)}`)
      .digest('hex');
  return hosts
    .map((host) => ({ host, score: score(host) }))
    .sort((a, b) => (a.score < b.score ? 1 : -1))
    .map(({ host }) => host);
}
