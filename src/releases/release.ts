/** A build of krakenctl, as far as it matters which of two is newer. */
export interface Release {
  /** Of the package: `0.1.0`. */
  version: string;
  /** Names the sources that a worker runs. */
  worker: string;
  /** Seconds since the epoch: when its commit was made, the same wherever it is built. */
  releasedAt?: number;
  /** Seconds since the epoch: when its worker's sources became these, on the machine that built it. */
  builtAt?: number;
}

/** Above zero when the first is newer. A version decides, then the commit, then the build: two builds of one commit differ by hand. */
export function compareReleases(one: Release, other: Release): number {
  const byVersion = compareVersions(one.version, other.version);
  if (byVersion !== 0) return byVersion;
  const { releasedAt: mine, builtAt: made = 0 } = one;
  const { releasedAt: theirs, builtAt: theirsMade = 0 } = other;
  if (mine !== undefined && theirs !== undefined && mine !== theirs) return mine - theirs;
  return made - theirsMade;
}

/** Numbers by value, and what has a suffix (`1.2.0-rc.1`) before what has none. */
function compareVersions(one: string, other: string): number {
  const [core, suffix] = partsOf(one);
  const [otherCore, otherSuffix] = partsOf(other);
  for (let i = 0; i < 3; i++) {
    const difference = (core[i] ?? 0) - (otherCore[i] ?? 0);
    if (difference !== 0) return difference;
  }
  if (suffix === otherSuffix) return 0;
  if (suffix === '') return 1;
  return otherSuffix === '' ? -1 : suffix.localeCompare(otherSuffix, 'en', { numeric: true });
}

function partsOf(version: string): [number[], string] {
  const [, core = '', suffix = ''] = /^v?([\d.]*)-?([^+]*)/.exec(version) ?? [];
  return [core.split('.').map(Number), suffix];
}

export function showRelease({ version, worker }: Release): string {
  return `${version}+${worker}`;
}
