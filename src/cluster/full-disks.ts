import type { SeenHost } from './observed';
import type { Plan } from './plan';
import type { DiskFacts } from './preflight/facts';

/** Where effects write, beside Docker's own folder. */
export const writtenFolders = ['/etc/kraken', '/var/lib/kraken', '/var/lib/krakenctl'];

/** Configuration and record of a node are far smaller; images and data need what `check` asks for. */
const leastBytes = 16 * 2 ** 20;

/** Folders in which the next write would fail, and what is left there. */
export function fullFolders(disks: DiskFacts[]): NonNullable<SeenHost['full']> {
  return disks.flatMap(({ folder, availableBytes, inodesUsedPercent }) => {
    if (inodesUsedPercent >= 100) return [{ folder, left: 'no inode is left' }];
    if (availableBytes >= leastBytes) return [];
    return [{ folder, left: `${Math.floor(availableBytes / 1024)} KiB are left` }];
  });
}

/** Before anything is changed: a write that fails half way leaves the hosts before it changed. */
export function fullDisks(seen: SeenHost[]): Plan['conflicts'] {
  return seen.flatMap(({ host, full = [] }) =>
    full.map(({ folder, left }) => ({ host, what: folder, why: `${left}: make room there`, full: true as const })),
  );
}
