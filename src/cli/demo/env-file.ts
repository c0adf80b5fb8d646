import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadConfigFile } from '../../config/load';
import { stateFolder } from '../../config/state-folder';
import { renderEnv } from '../../config/template';
import { type Lab, labEnv } from '../../lab/lab';

/**
 * Where the demo's `.env` is. The working folder's own is the convenient one, but a person's file is never touched: then it
 * lies in the state folder, and commands need `--env-file`.
 */
export interface DemoEnv {
  path: string;
  /** In the working folder, so that no `--env-file` is needed. */
  inPlace: boolean;
  message: string;
}

const folder = (environment: NodeJS.ProcessEnv) => join(stateFolder(environment), 'demo');
/** Path and sum of what the demo wrote, to know it again. */
const notePath = (environment: NodeJS.ProcessEnv) => join(folder(environment), 'written.json');
const sumOf = (text: string) => createHash('sha256').update(text).digest('hex');

export function placeEnv(lab: Lab, environment: NodeJS.ProcessEnv): DemoEnv {
  const text = renderEnv(labEnv(lab));
  const here = resolve('.env');
  mkdirSync(folder(environment), { recursive: true, mode: 0o700 });
  if (!existsSync(here) || isOurs(here, environment)) {
    const known = existsSync(here);
    writeFileSync(here, text, { mode: 0o600 });
    writeFileSync(notePath(environment), JSON.stringify({ path: here, sum: sumOf(text) }));
    return { path: '.env', inPlace: true, message: known ? '.env, as before' : 'wrote .env' };
  }
  if (isForLab(here, lab)) return { path: '.env', inPlace: true, message: '.env is for this lab, left as it is' };
  const path = join(folder(environment), '.env');
  writeFileSync(path, text, { mode: 0o600 });
  return { path, inPlace: false, message: `${path}, since .env here is another cluster's: add --env-file ${path}` };
}

function isOurs(path: string, environment: NodeJS.ProcessEnv): boolean {
  try {
    const written = JSON.parse(readFileSync(notePath(environment), 'utf8')) as { path: string; sum: string };
    return written.path === path && written.sum === sumOf(readFileSync(path, 'utf8'));
  } catch {
    return false;
  }
}

/** A person edited the demo's file to try something. */
function isForLab(path: string, lab: Lab): boolean {
  const loaded = loadConfigFile({ path });
  const addresses = new Set(lab.hosts.map((h) => h.address));
  return loaded.ok && loaded.spec.name === lab.name && loaded.spec.nodes.every((n) => addresses.has(n.address));
}

/** Removes what the demo wrote and nobody edited. */
export function removeEnv(environment: NodeJS.ProcessEnv): void {
  const here = resolve('.env');
  if (isOurs(here, environment)) rmSync(here);
  rmSync(folder(environment), { recursive: true, force: true });
}
