import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import Docker from 'dockerode';
import { extract } from 'tar-stream';
import { ClientError } from './errors';
import { ImageSpool, readChunkBytes } from './image-spool';

/** IMAGE_SOURCE=load: images of the worker's own engine, or of a folder with `docker save` archives. */
export interface ImageArchives {
  /** Undefined when there is none. */
  identify(reference: string, archiveDir: string | undefined): Promise<KnownImage | undefined>;
  /** Whoever opens it destroys it. */
  open(reference: string, archiveDir: string | undefined): Promise<{ stream: Readable; bytes: number }>;
}

export interface KnownImage {
  /** Digest of the image's configuration. */
  id: string;
  /** `linux/amd64`; absent where its archive does not tell before its list. */
  platform?: string;
}

interface Found extends KnownImage {
  path: string;
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
      return found ?? (await inOwnEngine(reference));
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
async function inOwnEngine(reference: string): Promise<(KnownImage & { bytes: number }) | undefined> {
  try {
    const image = await new Docker().getImage(reference).inspect();
    return { id: image.Id, bytes: image.Size, platform: platformOf(image) };
  } catch {
    return undefined;
  }
}

function unzipped(path: string): Readable {
  const file = createReadStream(path, { highWaterMark: readChunkBytes });
  if (!path.endsWith('gz')) return file;
  const unzip = createGunzip();
  // Of two that are joined each goes with the other.
  pipeline(file, unzip, () => undefined);
  return unzip;
}

async function indexFolder(folder: string): Promise<Map<string, Found>> {
  const names = (await readdir(folder)).filter((name) => /\.(tar|tar\.gz|tgz)$/.test(name)).sort();
  const index = new Map<string, Found>();
  for (const name of names) {
    const path = join(folder, name);
    const { size } = await stat(path);
    for (const { id, tags, platform } of await imagesOf(path)) {
      for (const tag of tags) index.set(tag, { path, id, bytes: size, ...(platform && { platform }) });
    }
  }
  return index;
}

interface ManifestEntry {
  Config: string;
  RepoTags?: string[] | null;
}

/** Configurations are a few KiB, layers are not looked at. */
const largestConfig = 256 * 1024;

/** Reads the list of a `docker save` archive, and the configurations that stand before it, as Docker writes them. */
async function imagesOf(path: string): Promise<(KnownImage & { tags: string[] })[]> {
  const small = new Map<string, Buffer>();
  const entries = extract();
  // What is damaged ends the reading too, and what is not read to its end is let go of.
  pipeline(unzipped(path), entries, () => undefined);
  for await (const entry of entries) {
    const { name, size = 0 } = entry.header;
    if (size > largestConfig) {
      entry.resume();
      continue;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
    small.set(name, Buffer.concat(chunks));
    if (name !== 'manifest.json') continue;
    const listed = JSON.parse(small.get(name)!.toString()) as ManifestEntry[];
    return listed.map(({ Config, RepoTags }) => {
      const id = `sha256:${Config.replace(/^blobs\/sha256\//, '').replace(/\.json$/, '')}`;
      const config = small.get(Config);
      return { id, tags: RepoTags ?? [], platform: config && platformIn(config) };
    });
  }
  throw new ClientError(`${path} is no docker save archive: it has no manifest.json`);
}

function platformIn(config: Buffer): string | undefined {
  const { os, architecture, variant } = JSON.parse(config.toString()) as Record<string, string | undefined>;
  return platformOf({ Os: os, Architecture: architecture, Variant: variant });
}

function platformOf({ Os, Architecture, Variant }: { Os?: string; Architecture?: string; Variant?: string }) {
  return Os && Architecture ? [Os, Architecture, ...(Variant ? [Variant] : [])].join('/') : undefined;
}
