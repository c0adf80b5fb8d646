import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stateFolder } from '../config/state-folder';

/** A random id made once; kept here and not in Temporal, so that a wiped Temporal is not another owner (decisions 1). */
export function loadOwnerId(folder: string = stateFolder()): string {
  const path = join(folder, 'owner-id');
  const known = read(path);
  if (known !== undefined) return known;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Of no other process: two containers on one volume may both be number 7.
  const made = `${path}.${randomBytes(8).toString('hex')}`;
  writeFileSync(made, `${randomBytes(16).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  try {
    // A link fails where another process was first: then its id is the one.
    linkSync(made, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(made);
  }
  return read(path)!;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
