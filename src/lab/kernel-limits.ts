import { readFile, writeFile } from 'node:fs/promises';
import type { Note } from './progress';

/** Kernel limits of this machine that every host container draws on; each systemd takes several inotify instances. */
const limits = [
  { path: '/proc/sys/fs/inotify/max_user_instances', perHost: 40, base: 256 },
  { path: '/proc/sys/fs/inotify/max_user_watches', perHost: 2_000, base: 65_536 },
  { path: '/proc/sys/kernel/keys/maxkeys', perHost: 40, base: 200 },
];

/** Raises what is too low for so many hosts, until the next reboot; says what it raised, or what it could not. */
export async function raiseKernelLimits(hosts: number, note: Note): Promise<string[]> {
  const said: string[] = [];
  for (const { path, perHost, base } of limits) {
    const now = Number.parseInt(await readFile(path, 'utf8').catch(() => ''), 10);
    const wanted = base + perHost * hosts;
    if (Number.isNaN(now) || now >= wanted) continue;
    const name = path.replace('/proc/sys/', '').replaceAll('/', '.');
    const raised = await writeFile(path, `${wanted}\n`).then(
      () => true,
      () => false,
    );
    said.push(raised ? `${name} raised from ${now} to ${wanted}` : `${name} is ${now}; ${wanted} needs root`);
    note(said.join(', '));
  }
  return said;
}
