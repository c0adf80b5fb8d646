import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tryRun } from './commands';
import { cacheFolder } from './names';

const prefix = 'scratch-';

/** Lends an empty folder in the cache to `work`, and removes it afterwards, whatever happened. */
export async function withScratch<T>(use: string, work: (folder: string) => Promise<T>): Promise<T> {
  await removeLeftovers();
  const folder = join(cacheFolder(), `${prefix}${process.pid}-${use}`);
  await mkdir(folder, { recursive: true });
  try {
    return await work(folder);
  } finally {
    await removeTree(folder);
  }
}

/** A run that was killed could not remove its own; what a living process uses stays. */
async function removeLeftovers(): Promise<void> {
  const names = await readdir(cacheFolder()).catch(() => []);
  for (const name of names.filter((it) => it.startsWith(prefix))) {
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    if (!isAlive(pid)) await removeTree(join(cacheFolder(), name));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** debootstrap mounts /proc and /sys into its tree, and leaves them there when it is killed. */
async function removeTree(tree: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8').catch(() => ''))
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  for (const path of mounts.filter((it) => it.startsWith(`${tree}/`)).reverse()) await tryRun(['umount', '-l', path]);
  // An orphan of the killed run may still be writing there for a moment.
  await rm(tree, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
