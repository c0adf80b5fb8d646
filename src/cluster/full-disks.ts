import type { SeenHost } from './observed';
import type { Plan, Step } from './plan';
import type { DiskFacts } from './preflight/facts';

/** Where effects write, beside Docker's own folder. */
export const writtenFolders = ['/etc/kraken', '/var/lib/kraken', '/var/lib/krakenctl'];

/** Configuration and record of a node are far smaller; images and data need what `check` asks for. */
const leastBytes = 16 * 2 ** 20;

/** Folders in which the next write would fail, and what is left there. */
export function fullFolders(disks: DiskFacts[]): NonNullable<SeenHost['full']> {
  return disks.flatMap(({ folder, availableBytes, inodesFree }) => {
    if (inodesFree === 0) return [{ folder, left: 'no inode is left' }];
    if (!(availableBytes < leastBytes)) return [];
    return [{ folder, left: `${Math.floor(availableBytes / 1024)} KiB are left` }];
  });
}

/** Before anything is changed: a write that fails half way leaves the hosts before it changed. Of each host only where these steps write there. */
export function fullDisks(seen: SeenHost[], steps: Step[]): Plan['conflicts'] {
  return seen.flatMap(({ host, full = [] }) => {
    const kinds = new Set(steps.filter((step) => step.host === host).map((step) => step.kind));
    const brings = kinds.has('image') || kinds.has('container');
    // The record is written on each.
    const writes = (folder: string) =>
      folder === '/var/lib/krakenctl' ||
      brings ||
      (folder === '/etc/kraken' && (kinds.has('file') || kinds.has('credentials')));
    const together = new Map<string, string[]>();
    for (const { folder, left } of full.filter((it) => writes(it.folder)))
      together.set(left, [...(together.get(left) ?? []), folder]);
    return [...together].map(([left, folders]) => ({
      host,
      what: folders.join(', '),
      why: `${left}: make room there`,
      full: true as const,
    }));
  });
}
