import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync } from 'node:fs';
import { access, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Uploads in progress and whole blobs, on disk; a blob appears under its digest at once or not at all. */
export class BlobStore {
  /** @param folders where uploads grow, and where blobs stay; both on one disk. */
  constructor(private readonly folders: { upload: string; cache: string }) {
    for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true });
  }

  path(hex: string): string {
    return join(this.folders.cache, hex.slice(0, 2), hex.slice(2, 4), hex, 'data');
  }

  /** Length, or undefined when the blob is not here. */
  async size(hex: string): Promise<number | undefined> {
    return stat(this.path(hex)).then(
      ({ size }) => size,
      () => undefined,
    );
  }

  read(hex: string, range?: { start: number; end: number }): Readable {
    return createReadStream(this.path(hex), range);
  }

  async text(hex: string): Promise<string> {
    return readFile(this.path(hex), 'utf8');
  }

  async startUpload(): Promise<string> {
    const id = randomUUID();
    await writeFile(this.uploadPath(id), '');
    return id;
  }

  /** Undefined when there is no such upload on this disk. */
  async uploadSize(id: string): Promise<number | undefined> {
    if (!/^[\w-]+$/.test(id)) return undefined;
    return stat(this.uploadPath(id)).then(
      ({ size }) => size,
      () => undefined,
    );
  }

  async write(id: string, from: Readable, start: number): Promise<void> {
    await pipeline(from, createWriteStream(this.uploadPath(id), { flags: 'r+', start }));
  }

  async dropUpload(id: string): Promise<void> {
    await rm(this.uploadPath(id), { force: true });
  }

  /** False when the content is not what the digest says. */
  async commit(id: string, hex: string): Promise<boolean> {
    const hash = createHash('sha256');
    await pipeline(createReadStream(this.uploadPath(id)), hash);
    if (hash.digest('hex') !== hex) return false;
    await mkdir(dirname(this.path(hex)), { recursive: true });
    await rename(this.uploadPath(id), this.path(hex));
    return true;
  }

  /** A blob that comes whole. @throws {Error} when its content is not what the digest says. */
  async add(hex: string, from: Readable): Promise<void> {
    const id = await this.startUpload();
    try {
      await this.write(id, from, 0);
      if (!(await this.commit(id, hex))) throw new Error(`content does not match sha256:${hex}`);
    } finally {
      await this.dropUpload(id);
    }
  }

  async remove(hex: string): Promise<boolean> {
    const folder = dirname(this.path(hex));
    const there = await access(folder).then(
      () => true,
      () => false,
    );
    await rm(folder, { recursive: true, force: true });
    return there;
  }

  private uploadPath(id: string): string {
    return join(this.folders.upload, id);
  }
}
