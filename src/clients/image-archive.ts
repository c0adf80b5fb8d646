import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import Docker from 'dockerode';
import { extract } from 'tar-stream';
import { ClientError } from './errors';
import { ImageSpool, readChunkBytes } from './image-spool';

/** IMAGE_SOURCE=load: images of the worker's own engine, or of a folder with `docker save` archives. */
export interface ImageArchives {
  /** Image id (digest of the image's configuration) of a reference; undefined when there is none. */
  identify(reference: string, archiveDir: string | undefined): Promise<string | undefined>;
  open(reference: string, archiveDir: string | undefined): Promise<{ stream: NodeJS.ReadableStream; bytes: number }>;
}

interface Found {
  path: string;
  id: string;
  bytes: number;
}

export function createImageArchives(): ImageArchives {
  const indexes = new Map<string, Promise<Map<string, Found>>>();
  const spool = new ImageSpool();
  const indexOf = (folder: string) => {
    const known = indexes.get(folder) ?? indexFolder(folder);
    indexes.set(folder, known);
    // Archives are added while a worker runs; what was read stays valid for the operation that is under way.
    setTimeout(() => indexes.delete(folder), 60_000).unref();
    return known;
  };
  return {
    async identify(reference, archiveDir) {
      const found = archiveDir ? (await indexOf(archiveDir)).get(reference) : undefined;
      return found?.id ?? (await inOwnEngine(reference))?.id;
    },
    async open(reference, archiveDir) {
      const found = archiveDir ? (await indexOf(archiveDir)).get(reference) : undefined;
      if (found) return { stream: unzipped(found.path), bytes: found.bytes };
      const own = await inOwnEngine(reference);
      if (!own) throw new ClientError(`${reference} is not on the worker`);
      const save = () => new Docker().getImage(reference).get();
      return { stream: await spool.read(`${reference} ${own.id}`, save), bytes: own.bytes };
    },
  };
}

/** DOCKER_HOST is respected. No engine is the same as no image. */
async function inOwnEngine(reference: string): Promise<{ id: string; bytes: number } | undefined> {
  try {
    const image = await new Docker().getImage(reference).inspect();
    return { id: image.Id, bytes: image.Size };
  } catch {
    return undefined;
  }
}

function unzipped(path: string): NodeJS.ReadableStream {
  const file = createReadStream(path, { highWaterMark: readChunkBytes });
  return path.endsWith('gz') ? file.pipe(createGunzip()) : file;
}

async function indexFolder(folder: string): Promise<Map<string, Found>> {
  const names = (await readdir(folder)).filter((name) => /\.(tar|tar\.gz|tgz)$/.test(name)).sort();
  const index = new Map<string, Found>();
  for (const name of names) {
    const path = join(folder, name);
    const { size } = await stat(path);
    for (const entry of await manifestOf(path)) {
      const id = `sha256:${entry.Config.replace(/^blobs\/sha256\//, '').replace(/\.json$/, '')}`;
      for (const tag of entry.RepoTags ?? []) index.set(tag, { path, id, bytes: size });
    }
  }
  return index;
}

interface ManifestEntry {
  Config: string;
  RepoTags?: string[] | null;
}

/** Reads `manifest.json` of a `docker save` archive and nothing else. */
async function manifestOf(path: string): Promise<ManifestEntry[]> {
  const entries = unzipped(path).pipe(extract());
  for await (const entry of entries) {
    if (entry.header.name !== 'manifest.json') {
      entry.resume();
      continue;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString()) as ManifestEntry[];
  }
  throw new ClientError(`${path} is no docker save archive: it has no manifest.json`);
}
