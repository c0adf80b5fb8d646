import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { docker, tryDocker } from './docker';
import { pause } from './engine';
import { cacheFolder, containerOf, labLabel, networkOf } from './names';
import { addressIn } from './network';
import type { Note } from './progress';

/**
 * The lab's own registry, from which its hosts pull. Its blobs lie in the cache, so that the next lab has nothing to push
 * again; only its address belongs to one lab.
 */
export interface Registry {
  /** As hosts name it in image references. */
  fromHosts: string;
  /** As this machine reaches it; loopback, so that Docker takes plain HTTP. */
  fromHere: string;
}

export interface PushedImage {
  /** Name in the local engine. */
  local: string;
  repository: string;
  tag: string;
}

const answersWithinMs = 20_000;

export async function ensureRegistry(lab: string, subnet: string, image: string): Promise<Registry> {
  const found = await findRegistry(lab, subnet);
  if (!found) await createRegistry({ lab, subnet, image });
  else if (!found.running) await docker(['start', containerOf(lab, 'registry')]);
  const registry = found?.registry ?? (await findRegistry(lab, subnet))?.registry;
  if (!registry) throw new Error(`the registry of lab ${lab} was removed while it was being started`);
  await waitForRegistry(registry);
  return registry;
}

/** The lab's registry, running or not; undefined when it was not made. */
export async function findRegistry(
  lab: string,
  subnet: string,
): Promise<{ registry: Registry; running: boolean } | undefined> {
  const name = containerOf(lab, 'registry');
  const state = await tryDocker(['container', 'inspect', '--format', '{{.State.Running}}', name]);
  if (state.code !== 0) return undefined;
  const registry = { fromHosts: `${addressIn(subnet, 2)}:5000`, fromHere: `127.0.0.1:${await publishedPort(name)}` };
  return { registry, running: state.stdout.trim() === 'true' };
}

/**
 * Pushes what the registry does not have yet, and gives each image its hosts' name in the local engine too, from which
 * `IMAGE_SOURCE=load` takes it. Resolves with the number of images that had to be pushed.
 */
export async function pushImages(registry: Registry, images: PushedImage[], note: Note): Promise<number> {
  let pushed = 0;
  // One after another: a push compresses on as many cores as there are.
  for (const image of images) {
    const { local, repository, tag } = image;
    const id = await docker(['image', 'inspect', '--format', '{{.Id}}', local]);
    await docker(['tag', local, `${registry.fromHosts}/${repository}:${tag}`]);
    if ((await registryImageId(registry, image)) === id) continue;
    note(`pushing ${repository}:${tag}`);
    const here = `${registry.fromHere}/${repository}:${tag}`;
    await docker(['tag', local, here]);
    await docker(['push', here]);
    // The port is another one next time; a name left behind would keep the image from being removed.
    await tryDocker(['rmi', here]);
    pushed += 1;
  }
  return pushed;
}

/** Id of the image that the registry has under this name: the digest of its configuration. */
export async function registryImageId(
  registry: Registry,
  { repository, tag }: Pick<PushedImage, 'repository' | 'tag'>,
): Promise<string | undefined> {
  const accept = 'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json';
  const response = await fetch(`http://${registry.fromHere}/v2/${repository}/manifests/${tag}`, {
    headers: { accept },
    signal: AbortSignal.timeout(5_000),
  }).catch(() => undefined);
  if (!response?.ok) return undefined;
  const manifest = (await response.json()) as { config?: { digest?: string } };
  return manifest.config?.digest;
}

async function createRegistry({ lab, subnet, image }: { lab: string; subnet: string; image: string }): Promise<void> {
  const data = join(cacheFolder(), 'registry');
  await mkdir(data, { recursive: true });
  const port = await freePort();
  await docker([
    ...['run', '-d', '--name', containerOf(lab, 'registry'), '--hostname', 'registry', '--label', `${labLabel}=${lab}`],
    ...['--network', networkOf(lab), '--ip', addressIn(subnet, 2), '-p', `127.0.0.1:${port}:5000`],
    ...['-v', `${data}:/var/lib/registry`, image],
  ]);
}

/** Docker would choose another port at every start; one that we chose stays with the container. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** As it was asked for, so that a registry which does not run has one too. */
async function publishedPort(name: string): Promise<number> {
  const format = '{{(index (index .HostConfig.PortBindings "5000/tcp") 0).HostPort}}';
  return Number.parseInt(await docker(['container', 'inspect', '--format', format, name]), 10);
}

async function waitForRegistry({ fromHere }: Registry): Promise<void> {
  for (const startedAt = Date.now(); Date.now() - startedAt < answersWithinMs; await pause(100)) {
    const response = await fetch(`http://${fromHere}/v2/`, { signal: AbortSignal.timeout(2_000) }).catch(
      () => undefined,
    );
    if (response?.ok) return;
  }
  throw new Error(`the lab's registry at ${fromHere} did not answer within ${answersWithinMs / 1000} s`);
}
