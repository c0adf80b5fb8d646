import { docker, dockerLines, tryDocker } from './docker';
import { standInLabel } from './names';
import type { Note } from './progress';
import type { PushedImage } from './registry';

/** Which images run as Kraken in the lab: real ones when they can be had, else the stand-in, which says that it is one. */
export interface KrakenImages {
  kind: 'stand-in' | 'real';
  /** The first is the one that the lab's `.env` names. */
  versions: string[];
  images: PushedImage[];
}

export interface KrakenRequest {
  want: 'auto' | 'stand-in' | 'real';
  versions: string[] | undefined;
  baseImage: string;
}

export const krakenParts = ['testfs', 'origin', 'tracker', 'build-index', 'proxy', 'agent'] as const;
const usualVersion = 'v0.1.27';

/** @throws {Error} when real images are asked for and cannot be had. */
export async function ensureKrakenImages(request: KrakenRequest, note: Note): Promise<KrakenImages> {
  const { want, baseImage } = request;
  const versions = request.versions?.length ? request.versions : [await defaultVersion(want)];
  if (want !== 'stand-in') {
    const real = await findRealImages(versions, note);
    if (Array.isArray(real)) return { kind: 'real', versions, images: real };
    if (want === 'real') throw new Error(`real Kraken images are wanted, but ${real.missing} was not found`);
  }
  return { kind: 'stand-in', versions, images: await standInImages(baseImage, versions, note) };
}

async function defaultVersion(want: KrakenRequest['want']): Promise<string> {
  if (process.env.KRAKEN_VERSION) return process.env.KRAKEN_VERSION;
  if (want === 'stand-in') return usualVersion;
  const tags = await dockerLines(['image', 'ls', '--format', '{{.Tag}}', 'kraken-origin']);
  const released = tags.filter((tag) => /^v\d+\.\d+\.\d+$/.test(tag));
  return released.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))[0] ?? usualVersion;
}

/** All parts in all versions, or the first that is missing: a mixture would prove nothing. */
async function findRealImages(versions: string[], note: Note): Promise<PushedImage[] | { missing: string }> {
  const found: PushedImage[] = [];
  for (const tag of versions) {
    for (const part of krakenParts) {
      const repository = `kraken-${part}`;
      const local = await findRealImage(`${repository}:${tag}`, note);
      if (!local) return { missing: `${repository}:${tag}` };
      found.push({ local, repository, tag });
    }
  }
  return found;
}

async function findRealImage(name: string, note: Note): Promise<string | undefined> {
  const registry = process.env.KRAKEN_IMAGE_REGISTRY;
  const references = registry ? [`${registry}/${name}`, name] : [name];
  for (const reference of references) if (await isReal(reference)) return reference;
  if (!registry) return undefined;
  note(`docker pull ${registry}/${name}`);
  const pulled = await tryDocker(['pull', '-q', `${registry}/${name}`], { timeoutMs: 600_000 });
  return pulled.code === 0 && (await isReal(`${registry}/${name}`)) ? `${registry}/${name}` : undefined;
}

async function isReal(reference: string): Promise<boolean> {
  const format = `{{index .Config.Labels "${standInLabel}"}}|`;
  return docker(['image', 'inspect', '--format', format, reference]).then(
    (label) => label === '|' || label === '<no value>|',
    () => false,
  );
}

async function standInImages(baseImage: string, versions: string[], note: Note): Promise<PushedImage[]> {
  note('building the stand-in for Kraken');
  const path: string = './stand-in-images';
  const { buildStandInImages } = (await import(path)) as {
    buildStandInImages(o: {
      baseImage: string;
      versions: string[];
      progress?: (message: string) => void;
    }): Promise<Record<string, Record<string, string>>>;
  };
  const byPart = await buildStandInImages({ baseImage, versions, progress: note });
  return Object.entries(byPart).flatMap(([part, byVersion]) =>
    Object.entries(byVersion).map(([tag, local]) => ({ local, repository: `kraken-${part}`, tag })),
  );
}
