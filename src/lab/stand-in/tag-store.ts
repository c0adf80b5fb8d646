import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Backends } from './backend';
import type { Settings } from './configuration';
import { hexOf } from './digest';
import { readAll } from './http-client';
import { say } from './log';
import { WriteBackQueue } from './write-back';

const attemptPausesMs = [500, 1_000];

/** Tags on disk, and in the backend behind it. A tag that is on disk is never moved to another digest. */
export class TagStore {
  private readonly queue: WriteBackQueue;
  private readonly folder: string;
  private readonly writeThrough: boolean;

  constructor(
    settings: Settings,
    private readonly backends: Backends,
  ) {
    this.folder = settings.text('store.cache_dir');
    this.writeThrough = settings.flag('tag_store.write_through');
    this.queue = new WriteBackQueue(settings, ({ name }) => this.writeBack(name));
  }

  /** With write-through, resolves once the backend has it. @throws {Error} */
  async put(tag: string, hex: string, delayMs = 0): Promise<void> {
    await mkdir(dirname(this.path(tag)), { recursive: true });
    await writeFile(this.path(tag), `sha256:${hex}`, { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    if (this.writeThrough) await this.writeNow(tag);
    else this.queue.add(tag, tag, delayMs);
  }

  /** Undefined when neither disk nor backend has it; a backend that does not answer counts as "has not". */
  async find(tag: string): Promise<string | undefined> {
    const local = await readFile(this.path(tag), 'utf8').catch(() => undefined);
    if (local !== undefined) return hexOf(local);
    try {
      const content = await this.backends.find(tag).download(tag);
      return content && hexOf((await readAll(content as Parameters<typeof readAll>[0])).toString('utf8'));
    } catch (error) {
      say('ERROR', `Failed to download tag from backend: ${(error as Error).message}`);
      return undefined;
    }
  }

  private async writeNow(tag: string): Promise<void> {
    for (const pauseMs of attemptPausesMs) {
      try {
        return await this.writeBack(tag);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
    await this.writeBack(tag);
  }

  private async writeBack(tag: string): Promise<void> {
    const backend = this.backends.find(tag);
    if ((await backend.size(tag)) === undefined) await backend.upload(tag, this.path(tag));
  }

  /** As Kraken's own store has it: a folder for each name, and a repository's name has slashes. */
  private path(tag: string): string {
    return join(this.folder, tag, 'data');
  }
}
