import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareReleases, type Release } from '../releases/release';
import { buildIdOf, type WorkflowCode } from './workflow-code';

/** A copy of all workflow code that a worker of this state folder ran, for as long as an operation may be pinned to it. */
export class KeptCode {
  private readonly folder: string;
  private readonly mark: string;

  /** One state folder may serve several Temporals: each marks what it may need, and what no mark is left for goes. */
  constructor(stateFolder: string, server: { address: string; namespace: string }) {
    this.folder = join(stateFolder, 'workflow-code');
    const sum = createHash('sha256').update(`${server.address}\0${server.namespace}`).digest('hex').slice(0, 12);
    this.mark = `used-${sum}`;
  }

  private path(buildId: string, ...rest: string[]): string {
    return join(this.folder, buildId, ...rest);
  }

  /** The release is the newest that ran it: two may have the same workflows. */
  keep({ buildId, code }: WorkflowCode, release: Release): void {
    mkdirSync(this.path(buildId), { recursive: true, mode: 0o700 });
    if (!existsSync(this.path(buildId, this.mark))) write(this.path(buildId, this.mark), '');
    if (!existsSync(this.path(buildId, 'bundle.js'))) write(this.path(buildId, 'bundle.js'), code);
    const known = this.releaseOf(buildId);
    if (!known || compareReleases(release, known) > 0)
      write(this.path(buildId, 'release.json'), JSON.stringify(release));
  }

  list(): string[] {
    return existsSync(this.folder) ? readdirSync(this.folder) : [];
  }

  releaseOf(buildId: string): Release | undefined {
    const text = read(this.path(buildId, 'release.json'));
    return text ? (JSON.parse(text) as Release) : undefined;
  }

  /** Undefined when there is none, or one that is not what its name says. */
  load(buildId: string): WorkflowCode | undefined {
    const code = read(this.path(buildId, 'bundle.js'));
    return code !== undefined && buildIdOf(code) === buildId ? { buildId, code } : undefined;
  }

  /** One that was kept this moment is about to be used: its worker may not have asked for work yet. */
  isYoung(buildId: string, now = Date.now()): boolean {
    const mark = statSync(this.path(buildId, this.mark), { throwIfNoEntry: false });
    return mark !== undefined && now - mark.mtimeMs < 10 * 60_000;
  }

  /** Nothing of this Temporal needs it any more. */
  drop(buildId: string): void {
    rmSync(this.path(buildId, this.mark), { force: true });
    const isUsed = readdirSync(this.path(buildId)).some((name) => name.startsWith('used-'));
    if (!isUsed) rmSync(this.path(buildId), { recursive: true, force: true });
  }
}

/** Aside and renamed: another worker that shares the folder never reads half a file. */
function write(path: string, text: string): void {
  const aside = `${path}.${process.pid}`;
  writeFileSync(aside, text, { mode: 0o600 });
  renameSync(aside, path);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
