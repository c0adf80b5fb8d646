import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Names that the lab gives to things on this machine, so that they can be found and removed again. */

/** On every container, network and volume of a lab; the value is the lab's name. */
export const labLabel = 'krakenctl.lab';
/** On every image that the lab built, so that a purge finds them. */
export const imageLabel = 'krakenctl.lab.image';
/** On Kraken images that only stand in for Kraken. */
export const standInLabel = 'krakenctl.stand-in';
/** On a host's container: its name within the lab. */
export const hostLabel = 'krakenctl.lab.host';

/** @throws {RangeError} when the name does not fit into container names and paths. */
export function checkLabName(name: string): void {
  if (!/^[a-z0-9][a-z0-9-]{0,29}$/.test(name)) {
    throw new RangeError(`a lab's name is 1 to 30 of a-z, 0-9 and -, beginning with a letter or digit, not "${name}"`);
  }
}

export function containerOf(lab: string, host: string): string {
  return `krakenctl-lab-${lab}-${host}`;
}

export function networkOf(lab: string): string {
  return `krakenctl-lab-${lab}`;
}

export function volumeOf(lab: string, host: string, use: 'docker' | 'containerd'): string {
  return `krakenctl-lab-${lab}-${host}-${use}`;
}

/** `krakenctl-lab/<name>:<hash>`: the same recipe is the same image. */
export function imageTag(name: string, recipe: string): string {
  return `krakenctl-lab/${name}:${createHash('sha256').update(recipe).digest('hex').slice(0, 16)}`;
}

/** All that labs leave on this machine outside Docker. */
export function labsFolder(): string {
  const state = process.env.KRAKENCTL_STATE_DIR ?? join(homedir(), '.local', 'state', 'krakenctl');
  return join(state, 'lab');
}

/** Key, known_hosts and record of one lab; removed by `down`. */
export function labFolder(lab: string): string {
  return join(labsFolder(), lab);
}

/** Downloads and the registry's blobs, which labs share and `down` keeps; a lab's name cannot start with a dot. */
export function cacheFolder(): string {
  return join(labsFolder(), '.cache');
}
