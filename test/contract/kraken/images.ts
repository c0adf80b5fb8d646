import { ensureBaseImage } from '../../../src/lab/base-image';
import { ensureImage } from '../../../src/lab/images';
import { partRecipes } from '../../../src/lab/part-images';
import { buildStandInImages } from '../../../src/lab/stand-in-images';
import { docker } from './docker';

/** What the suite is run on: images of Kraken, or of what stands in for it. */
export const parts = ['testfs', 'origin', 'tracker', 'build-index', 'proxy', 'agent'] as const;
export type Part = (typeof parts)[number];
export type Images = Record<Part, string> & { redis: string };

const usualVersion = 'v0.1.27';

/**
 * `KRAKEN_CONTRACT_IMAGES` names each part's image; `KRAKEN_CONTRACT_REGISTRY` and `KRAKEN_CONTRACT_VERSION` name them all at once
 * (an empty registry: as they are called in the local engine). Without any of them the stand-in is built.
 */
export async function findImages(): Promise<Images> {
  const { KRAKEN_CONTRACT_IMAGES, KRAKEN_CONTRACT_REGISTRY, KRAKEN_CONTRACT_VERSION } = process.env;
  const version = KRAKEN_CONTRACT_VERSION ?? usualVersion;
  const redis = await findRedis();
  if (KRAKEN_CONTRACT_IMAGES) return { ...(JSON.parse(KRAKEN_CONTRACT_IMAGES) as Record<Part, string>), redis };
  if (KRAKEN_CONTRACT_REGISTRY !== undefined) {
    const prefix = KRAKEN_CONTRACT_REGISTRY === '' ? '' : `${KRAKEN_CONTRACT_REGISTRY}/`;
    return { ...forEach((part) => `${prefix}kraken-${part}:${version}`), redis };
  }
  const baseImage = await ensureBaseImage(() => undefined);
  const built = await buildStandInImages({ baseImage, versions: [version] });
  return { ...forEach((part) => built[part][version]!), redis };
}

function forEach(name: (part: Part) => string): Record<Part, string> {
  return Object.fromEntries(parts.map((part) => [part, name(part)])) as Record<Part, string>;
}

/** Any Redis will do; the lab knows how to make one. */
async function findRedis(): Promise<string> {
  if (process.env.KRAKEN_CONTRACT_REDIS) return process.env.KRAKEN_CONTRACT_REDIS;
  const { recipe } = partRecipes.find(({ repository }) => repository === 'redis')!;
  const base = await ensureBaseImage(() => undefined);
  return (await ensureImage(recipe, base, () => undefined)).tag;
}

export async function isStandIn(images: Images): Promise<boolean> {
  const format = '{{index .Config.Labels "krakenctl.stand-in"}}';
  return (await docker('image', 'inspect', '--format', format, images.origin)) === '1';
}
