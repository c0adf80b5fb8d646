import { eachOf } from '../clients/each-of';
import { pipe } from './commands';
import { docker, dockerArgv, dockerLines } from './docker';
import { hostStates, type LabHost, waitForHost, wake } from './hosts';
import { type OnProgress, runStep } from './progress';
import type { Lab } from './record';
import { registryImageId } from './registry';

/** What tests ask of a lab that is up: images that are on the hosts already, and hosts that are as new. */

const hostsAtOnce = 8;

/** References that a host of this kind needs: agents run on VMs, everything else on nodes. */
export function imagesFor(lab: Lab, host: LabHost, versions = [lab.images.version]): string[] {
  const onNode = host.name.startsWith('node-');
  const { krakenRepositories, redis, nginx, envoy } = lab.images;
  const kraken = Object.entries(krakenRepositories).filter(([part]) => (part === 'agent') !== onNode);
  const references = kraken.flatMap(([, repository]) => versions.map((version) => `${repository}:${version}`));
  return onNode ? [redis, envoy, nginx, ...references] : references;
}

/**
 * Puts the images onto the hosts' engines: one stream, fanned out to all hosts that lack the same. Each host then asks the
 * registry for the digests, which an archive does not carry, so that a deploy by pull finds them there.
 */
export async function preloadImages(
  lab: Lab,
  options: { versions?: string[]; progress?: OnProgress } = {},
): Promise<void> {
  await runStep('preload', { message: 'images onto the hosts', onProgress: options.progress }, async (note) => {
    const groups = new Map<string, { references: string[]; hosts: LabHost[] }>();
    const served = await servedImages(lab, options.versions);
    await eachOf(lab.hosts, hostsAtOnce, async (host) => {
      const there = await imagesWithDigest(host);
      const isThere = (reference: string) => served.get(reference) === (there.get(reference) ?? 'none');
      const references = imagesFor(lab, host, options.versions).filter((reference) => !isThere(reference));
      if (references.length === 0) return;
      const group = groups.get(references.join(' ')) ?? { references, hosts: [] };
      group.hosts.push(host);
      groups.set(references.join(' '), group);
    });
    for (const { references, hosts } of groups.values()) {
      note(`${references.length} images to ${hosts.map(({ name }) => name).join(' ')}`);
      const load = hosts.map(({ container }) => dockerArgv(['exec', '-i', container, 'docker', 'load', '-q']));
      await pipe(dockerArgv(['save', ...references]), load);
      await eachOf(hosts, hostsAtOnce, ({ container }) => pullAll(container, references));
    }
    return { result: undefined, message: groups.size === 0 ? 'images are on the hosts' : undefined };
  });
}

/**
 * Brings every host back on and makes it as new, but for its images: no container, no file of krakenctl or Kraken.
 * @throws {Error} of the first host that does not come back.
 */
export async function resetLab(lab: Lab): Promise<void> {
  const states = await hostStates(lab.name);
  await eachOf(lab.hosts, hostsAtOnce, async (host) => {
    await wake(host, states.get(host.name));
    if (states.get(host.name) !== 'running') await waitForHost(host);
    await docker(['exec', host.container, 'lab-reset'], { timeoutMs: 60_000 });
  });
}

async function pullAll(container: string, references: string[]): Promise<void> {
  await eachOf(references, 3, (reference) => docker(['exec', container, 'docker', 'pull', '-q', reference]));
}

/** Image ids that the registry has, by reference: a host's volume may have another image of the same name, of an earlier lab. */
async function servedImages(lab: Lab, versions?: string[]): Promise<Map<string, string | undefined>> {
  const references = new Set(lab.hosts.flatMap((host) => imagesFor(lab, host, versions)));
  const entries = [...references].map(async (reference): Promise<[string, string | undefined]> => {
    const [, repository = '', tag = ''] = /^[^/]+\/(.+):([^:]+)$/.exec(reference) ?? [];
    return [reference, await registryImageId(lab.registry, { repository, tag })];
  });
  return new Map(await Promise.all(entries));
}

/** Image ids by reference, of the images that were pulled and so carry a digest. */
async function imagesWithDigest({ container }: LabHost): Promise<Map<string, string>> {
  const format = '{{.Repository}}:{{.Tag}} {{.ID}} {{.Digest}}';
  const list = ['docker', 'image', 'ls', '--no-trunc', '--digests', '--format', format];
  const lines = await dockerLines(['exec', container, ...list]);
  const words = lines.map((line) => line.split(' ')).filter(([, , digest]) => digest !== '<none>');
  return new Map(words.map(([reference = '', id = '']) => [reference, id]));
}
