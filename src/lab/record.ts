import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabHost, LabSsh } from './hosts';
import { labFolder, labsFolder } from './names';
import type { Registry } from './registry';

/** A lab that is up: all that a `.env`, a test or a demo needs to know of it. */
export interface Lab {
  name: string;
  subnet: string;
  hosts: LabHost[];
  registry: Registry;
  ssh: LabSsh;
  images: LabImages;
}

export interface LabImages {
  /** Whether what runs as Kraken here is Kraken. */
  kraken: 'stand-in' | 'real';
  version: string;
  /** All that the registry has, `version` first. */
  versions: string[];
  /** References as hosts pull them. */
  redis: string;
  nginx: string;
  envoy: string;
  /** By part: reference without its tag. */
  krakenRepositories: Record<string, string>;
}

/** The record is written last, so that it only ever describes a lab that was up. */
export async function writeLab(lab: Lab): Promise<void> {
  const path = recordPath(lab.name);
  await mkdir(labFolder(lab.name), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, `${JSON.stringify(lab, null, 2)}\n`);
  await rename(`${path}.new`, path);
}

/** Undefined when no lab of this name was ever up. */
export async function readLab(name: string): Promise<Lab | undefined> {
  const text = await readFile(recordPath(name), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Lab);
}

/** Names of the labs that left something in the state folder. */
export async function listLabs(): Promise<string[]> {
  const entries = await readdir(labsFolder(), { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map((entry) => entry.name);
}

function recordPath(name: string): string {
  return join(labFolder(name), 'lab.json');
}
