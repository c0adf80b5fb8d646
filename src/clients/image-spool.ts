import { createWriteStream } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ClientError } from './errors';

/** A roll-out takes the next host within this time. */
const keptIdleMs = 300_000;
export const readChunkBytes = 1 << 20;

interface Spooled {
  file: FileHandle;
  readers: number;
  idle?: NodeJS.Timeout;
}

/**
 * Archives that take long to make and are wanted by many hosts: each is made once, into a file of the worker's temporary folder (TMPDIR), and
 * read from there by all. The file has no name, so that the kernel takes it back whatever ends the worker. An Engine gives an image at
 * some 130 MB/s and takes it at some 70, so making it anew for each host would cost a third of the time.
 */
export class ImageSpool {
  private readonly known = new Map<string, Promise<Spooled>>();

  constructor(private readonly idleMs = keptIdleMs) {}

  /** The archive of that name from its beginning; `make` is asked where there is none. Fails with {@link ClientError}. */
  async read(name: string, make: () => Promise<NodeJS.ReadableStream>): Promise<Readable> {
    const making = this.known.get(name) ?? this.make(name, make);
    this.known.set(name, making);
    const spooled = await making;
    clearTimeout(spooled.idle);
    spooled.readers += 1;
    const stream = Readable.from(chunks(spooled.file), { objectMode: false, highWaterMark: readChunkBytes });
    stream.once('close', () => {
      spooled.readers -= 1;
      if (spooled.readers === 0) spooled.idle = setTimeout(() => this.drop(name, spooled), this.idleMs).unref();
    });
    return stream;
  }

  private async make(name: string, make: () => Promise<NodeJS.ReadableStream>): Promise<Spooled> {
    try {
      return { file: await spool(await make()), readers: 0 };
    } catch (error) {
      this.known.delete(name);
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOSPC') throw error;
      throw new ClientError(
        `no room in ${tmpdir()} of the worker for the archive of an image (TMPDIR names another folder)`,
      );
    }
  }

  private drop(name: string, spooled: Spooled): void {
    if (spooled.readers > 0) return;
    this.known.delete(name);
    void spooled.file.close();
  }
}

/** Not the handle's own stream: that one closes the file, which others are reading, when its reader goes away. */
async function* chunks(file: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(readChunkBytes), 0, readChunkBytes, position);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    position += bytesRead;
  }
}

async function spool(archive: NodeJS.ReadableStream): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), 'krakenctl-image-'));
  const path = join(folder, 'archive.tar');
  try {
    const file = await open(path, 'wx+', 0o600);
    try {
      await pipeline(archive, createWriteStream(path, { flags: 'r+' }));
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
