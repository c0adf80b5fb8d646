import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { run } from './commands';
import type { Note } from './progress';

/** What this machine lacks is installed from its own distribution, as root, by apt. */

/** Full path of a program in PATH or the folders of the administrator; undefined when there is none. */
export async function findProgram(name: string): Promise<string | undefined> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  for (const folder of folders.filter((it) => it !== '')) {
    const path = join(folder, name);
    if (
      await access(path, 1).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

/**
 * Installs Debian or Ubuntu packages, without recommended ones.
 * @throws {Error} which says what to install by hand, when this is not root or has no apt.
 */
export async function installPackages(names: string[], note: Note): Promise<void> {
  const apt = await findProgram('apt-get');
  if (!apt || process.getuid?.() !== 0) {
    throw new Error(`install ${names.join(', ')} first: ${apt ? 'this needs root' : 'this machine has no apt-get'}`);
  }
  // `policy-rc.d` and prompts are the machine's own affair; only questions are switched off.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  note(`apt-get update, for ${names.join(', ')}`);
  await run([apt, 'update', '-qq'], { env, timeoutMs: 300_000 });
  note(`apt-get install ${names.join(' ')}`);
  await run([apt, 'install', '-y', '-qq', '--no-install-recommends', ...names], { env, timeoutMs: 900_000 });
}
