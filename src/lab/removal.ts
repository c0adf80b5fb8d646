import { rm } from 'node:fs/promises';
import { dockerLines, dockerRemove, tryDocker } from './docker';
import { ownsEngine, stopOwnEngine } from './engine';
import { thawInside, untilDone } from './faults';
import { cacheFolder, checkLabName, imageLabel, labFolder, labLabel, labsFolder } from './names';
import { networkSubnet } from './network';
import { type OnProgress, runStep } from './progress';
import { listLabs, readLab } from './record';
import { findRegistry, type Registry } from './registry';

export interface LabRemoval {
  containers: number;
  networks: number;
  volumes: number;
  /** Only a purge removes any. */
  images: number;
  /** True when an engine that a lab had started was ended, since nothing runs in it any more. */
  engineStopped: boolean;
}

export interface LabDownOptions {
  /** Images that labs built and everything in the cache go too. */
  purge?: boolean;
  progress?: OnProgress;
}

/**
 * Leaves no container, network, volume or process of this lab. A lab that is not there is removed already.
 * @throws {RangeError} for a name that no lab can have.
 */
export async function labDown(name: string, options: LabDownOptions = {}): Promise<LabRemoval> {
  // The name is part of a path that is removed with all below it.
  checkLabName(name);
  const words = { message: `removing lab ${name}`, onProgress: options.progress };
  return runStep('down', words, async (note) => {
    if (!(await engineAnswers())) {
      await removeFolders(name, options.purge === true);
      return { result: nothing, message: 'no Docker engine runs, so no lab does' };
    }
    const removal = { ...nothing, ...(await removeLab(name)) };
    if (options.purge) {
      note('removing images');
      removal.images = await removeImages();
    }
    removal.engineStopped = await stopOwnEngine();
    await removeFolders(name, options.purge === true);
    return { result: removal, message: inWords(removal) };
  });
}

const nothing: LabRemoval = { containers: 0, networks: 0, volumes: 0, images: 0, engineStopped: false };

async function engineAnswers(): Promise<boolean> {
  return (await tryDocker(['version'], { timeoutMs: 10_000 })).code === 0;
}

async function removeLab(name: string): Promise<Pick<LabRemoval, 'containers' | 'networks' | 'volumes'>> {
  const filter = ['--filter', `label=${labLabel}=${name}`];
  const subnet = (await networkSubnet(name)) ?? (await readLab(name))?.subnet;
  const registry = subnet
    ? ((await findRegistry(name, subnet))?.registry ?? (await readLab(name))?.registry)
    : undefined;
  const containers = await dockerLines(['ps', '-aq', ...filter]);
  await Promise.all(containers.map((id) => untilDone(dockerRemove(['rm', '-f', '-v'], [id]), () => thawInside(id))));
  const networks = await dockerLines(['network', 'ls', '-q', ...filter]);
  for (const network of networks) await removeNetwork(network);
  const volumes = await dockerLines(['volume', 'ls', '-q', ...filter]);
  await dockerRemove(['volume', 'rm', '-f'], volumes);
  if (registry) await forgetRegistryNames(registry);
  return { containers: containers.length, networks: networks.length, volumes: volumes.length };
}

/** The engine may still know endpoints of containers that were killed and are gone; seen with many hosts at once. */
async function removeNetwork(id: string): Promise<void> {
  const format = '{{range .Containers}}{{.Name}}\n{{end}}';
  const removed = await tryDocker(['network', 'rm', id]);
  if (removed.code === 0 || !/active endpoints/.test(removed.stderr)) return dockerRemove(['network', 'rm'], [id]);
  for (const name of await dockerLines(['network', 'inspect', '--format', format, id])) {
    await tryDocker(['network', 'disconnect', '--force', id, name]);
  }
  await dockerRemove(['network', 'rm'], [id]);
}

/** The images stay under the names they were built or found with; those of this lab's registry lead nowhere now. */
async function forgetRegistryNames({ fromHosts, fromHere }: Registry): Promise<void> {
  const names = await dockerLines(['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}']);
  const ours = names.filter((name) => name.startsWith(`${fromHosts}/`) || name.startsWith(`${fromHere}/`));
  await dockerRemove(
    ['rmi'],
    ours.filter((name) => !name.endsWith(':<none>')),
  );
}

async function removeImages(): Promise<number> {
  const filter = ['--filter', `label=${imageLabel}=1`];
  // What an interrupted build left; hosts of another lab carry this label too, and run.
  for (const status of ['created', 'exited', 'dead']) {
    const left = ['--filter', `status=${status}`, '--filter', `label=${imageLabel}=1`];
    await dockerRemove(['rm', '-f', '-v'], await dockerLines(['ps', '-aq', ...left]));
  }
  const before = await dockerLines(['image', 'ls', '-aq', '--no-trunc', ...filter]);
  // An image goes only after those that are built on it, and one in use by another lab stays.
  for (let round = 0; round < 4; round++) {
    const ids = [...new Set(await dockerLines(['image', 'ls', '-aq', '--no-trunc', ...filter]))];
    if (ids.length === 0) break;
    await tryDocker(['rmi', '-f', ...ids]);
  }
  const after = await dockerLines(['image', 'ls', '-aq', '--no-trunc', ...filter]);
  return new Set(before).size - new Set(after).size;
}

async function removeFolders(name: string, purge: boolean): Promise<void> {
  await rm(labFolder(name), { recursive: true, force: true });
  if (!purge || (await listLabs()).length > 0) return;
  await rm(cacheFolder(), { recursive: true, force: true });
  // An engine of ours that other containers still use keeps its pid file here.
  if (!(await ownsEngine())) await rm(labsFolder(), { recursive: true, force: true });
}

function inWords({ containers, networks, volumes, images, engineStopped }: LabRemoval): string {
  const removed = `${containers} containers, ${networks} networks, ${volumes} volumes`;
  return `removed ${removed}${images ? `, ${images} images` : ''}${engineStopped ? ', and the engine was stopped' : ''}`;
}
