import { ensureBaseImage } from './base-image';
import { type EngineFacts, ensureEngine } from './engine';
import { hostImage } from './host-image';
import { ensureHosts, hostStates, type LabHost, labHost, labSsh } from './hosts';
import { ensureImage } from './images';
import { raiseKernelLimits } from './kernel-limits';
import { ensureKrakenImages, type KrakenImages } from './kraken-images';
import { checkLabName, networkOf } from './names';
import { ensureNetwork, networkSubnet } from './network';
import { partRecipes, registryRecipe } from './part-images';
import { type LabProgress, type OnProgress, runStep } from './progress';
import { type Lab, type LabImages, readLab, writeLab } from './record';
import { ensureRegistry, findRegistry, type PushedImage, pushImages, type Registry } from './registry';

export { freeze, partition, powerCut, powerOn, reconnect, thaw } from './faults';
export type { LabHost, LabSsh } from './hosts';
export { imagesFor, preloadImages, resetLab } from './preload';
export { type Lab, type LabImages, listLabs, readLab } from './record';
export { type LabDownOptions, type LabRemoval, labDown } from './removal';
export type { LabProgress, Registry };

/** Hosts as real as VMs, as containers of this machine: made, looked at, used and removed by name. */
export interface LabOptions {
  /** `demo`, `test` …; 1 to 30 of a-z, 0-9 and `-`. */
  name: string;
  nodes: number;
  /** Hosts for agents. */
  vms: number;
  progress?: OnProgress;
  /** Which images run as Kraken: real ones when they can be had (`auto`), else the stand-in. */
  images?: 'auto' | 'stand-in' | 'real';
  /** Tags that the registry shall have, the one to deploy first. Default: KRAKEN_VERSION, or the newest one here. */
  krakenVersions?: string[];
}

export interface LabStatus {
  name: string;
  /** Every host that was made runs, and so does the registry. */
  up: boolean;
  hosts: (LabHost & { /** Docker's State.Status. */ state: string })[];
  subnet: string | undefined;
  registry: Registry | undefined;
  /** As it was when it last was up. */
  lab: Lab | undefined;
}

const mostNodes = 80;
const mostVms = 150;

/**
 * Brings a lab up, from nothing, from half made, or from being up already; then it takes a second or two.
 * Hosts that exist keep all they have.
 * @throws {RangeError} for a name or number that cannot be; {Error} that says what this machine lacks.
 */
export async function labUp(options: LabOptions): Promise<Lab> {
  const { name, nodes, vms, progress: onProgress } = options;
  checkLabName(name);
  if (nodes > mostNodes || vms > mostVms) throw new RangeError(`a lab has at most ${mostNodes} nodes, ${mostVms} VMs`);
  const engine = await ensureEngineStep(onProgress);
  await runStep('limits', { message: 'kernel limits', onProgress }, async (note) => {
    const raised = await raiseKernelLimits(nodes + vms, note);
    return { result: undefined, message: raised.join(', ') || 'kernel limits suffice' };
  });
  const images = await ensureImages(options);
  const subnet = await runStep('network', { message: networkOf(name), onProgress }, async () => {
    const result = await ensureNetwork(name);
    return { result, message: result };
  });
  const [registry, hosts] = await Promise.all([
    ensureRegistryStep({ name, subnet, images, onProgress }),
    ensureHostsStep({ options, subnet, image: images.host, engine }),
  ]);
  const lab: Lab = { name, subnet, hosts, registry, ssh: labSsh(name), images: labImages(registry, images.kraken) };
  await writeLab(lab);
  return lab;
}

/** What is there now, asked of Docker; starts and changes nothing. A machine without an engine has no lab. */
export async function labStatus(name: string): Promise<LabStatus> {
  checkLabName(name);
  const [states, subnet, lab] = await Promise.all([
    hostStates(name).catch(() => new Map<string, string>()),
    networkSubnet(name),
    readLab(name),
  ]);
  const found = subnet ? await findRegistry(name, subnet) : undefined;
  const registry = found?.running ? found.registry : undefined;
  const hosts = [...states]
    .map(([host, state]) => ({ ...labHost(name, subnet ?? '0.0.0.0/0', host), state }))
    .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  const up = hosts.length > 0 && registry !== undefined && hosts.every(({ state }) => state === 'running');
  return { name, up, hosts, subnet, registry, lab };
}

/** The keys of a `.env` with which a cluster is deployed onto this lab. */
export function labEnv(lab: Lab): Record<string, string> {
  const nodes = lab.hosts.filter(({ name }) => name.startsWith('node-'));
  return {
    CLUSTER_NAME: lab.name,
    ...Object.fromEntries(nodes.map(({ address }, i) => [`CLUSTER_NODE_${i + 1}`, address])),
    SSH_USER: lab.ssh.user,
    SSH_KEY_PATH: lab.ssh.keyPath,
    SSH_KNOWN_HOSTS: lab.ssh.knownHostsPath,
    KRAKEN_IMAGE_REGISTRY: lab.registry.fromHosts,
    KRAKEN_VERSION: lab.images.version,
    REDIS_IMAGE: lab.images.redis,
    NGINX_IMAGE: lab.images.nginx,
    ENVOY_IMAGE: lab.images.envoy,
    IMAGE_SOURCE: 'pull',
  };
}

interface BuiltImages {
  host: string;
  registry: string;
  parts: PushedImage[];
  kraken: KrakenImages;
}

function ensureEngineStep(onProgress?: OnProgress): Promise<EngineFacts> {
  return runStep('engine', { message: 'Docker engine', onProgress }, async (note) => {
    const result = await ensureEngine(note);
    const { version, cgroupVersion, started } = result;
    return { result, message: `Docker ${version}, cgroup v${cgroupVersion}${started ? ', started by us' : ''}` };
  });
}

async function ensureImages({ progress: onProgress, images, krakenVersions }: LabOptions): Promise<BuiltImages> {
  const base = await runStep('base-image', { message: 'base image', onProgress }, async (note) => {
    return { result: await ensureBaseImage(note) };
  });
  const host = runStep('host-image', { message: 'host image', onProgress }, async (note) => {
    const { tag, built } = await ensureImage(hostImage, base, note);
    return { result: tag, message: built ? 'built once' : 'there' };
  });
  const parts = runStep('part-images', { message: 'redis, nginx, envoy, registry', onProgress }, async (note) => {
    const result = { registry: (await ensureImage(registryRecipe, base, note)).tag, parts: [] as PushedImage[] };
    for (const { repository, tag, recipe } of partRecipes) {
      result.parts.push({ repository, tag, local: (await ensureImage(recipe, base, note)).tag });
    }
    return { result };
  });
  const kraken = runStep('kraken-images', { message: 'Kraken images', onProgress }, async (note) => {
    const request = { want: images ?? 'auto', versions: krakenVersions, baseImage: base };
    const result = await ensureKrakenImages(request, note);
    const kind = result.kind === 'real' ? 'real Kraken' : 'STAND-IN, not Kraken';
    return { result, message: `${kind}, ${result.versions.join(', ')}` };
  });
  const [hostTag, built, krakenImages] = await Promise.all([host, parts, kraken]);
  return { host: hostTag, ...built, kraken: krakenImages };
}

function ensureRegistryStep(o: { name: string; subnet: string; images: BuiltImages; onProgress?: OnProgress }) {
  return runStep('registry', { message: 'registry', onProgress: o.onProgress }, async (note) => {
    const result = await ensureRegistry(o.name, o.subnet, o.images.registry);
    const pushed = await pushImages(result, [...o.images.parts, ...o.images.kraken.images], note);
    return { result, message: `${result.fromHosts}, here ${result.fromHere}, ${pushed} images pushed` };
  });
}

function ensureHostsStep(o: { options: LabOptions; subnet: string; image: string; engine: EngineFacts }) {
  const { name: lab, nodes, vms, progress: onProgress } = o.options;
  const { cgroupVersion } = o.engine;
  return runStep('hosts', { message: `starting ${nodes + vms} hosts`, onProgress }, async (note) => {
    const request = { lab, subnet: o.subnet, image: o.image, cgroupVersion, nodes, vms };
    const { hosts, made } = await ensureHosts(request, note);
    return { result: hosts, message: `${hosts.map(({ name }) => name).join(' ')}${made ? `, ${made} new` : ''}` };
  });
}

function labImages({ fromHosts }: Registry, { kind, versions, images }: KrakenImages): LabImages {
  const part = (name: string) => {
    const tag = partRecipes.find(({ repository }) => repository === name)?.tag;
    return `${fromHosts}/${name}:${tag}`;
  };
  const repositories = images.map(({ repository }) => [
    repository.replace('kraken-', ''),
    `${fromHosts}/${repository}`,
  ]);
  return {
    kraken: kind,
    version: versions[0] ?? '',
    versions,
    redis: part('redis'),
    nginx: part('nginx'),
    envoy: part('envoy'),
    krakenRepositories: Object.fromEntries(repositories),
  };
}
