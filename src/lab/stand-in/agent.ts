import { createServer, type RequestListener, request as requestOf } from 'node:http';
import { BlockList } from 'node:net';
import { BlobStore } from './blob-store';
import type { Settings } from './configuration';
import { hexOf, readDigest } from './digest';
import type { Flags } from './flags';
import { listHostsPassively, shuffle } from './host-list';
import { fetchText } from './http-client';
import { createRouter, type Exchange, HttpFailure, type Route, sendStream, sendText } from './http-router';
import { serve } from './inner-nginx';
import { fatal, panic } from './log';
import { version } from './misbehaviour';
import { peerIdOf } from './peer';
import { answerReadiness } from './readiness';
import { createRegistry } from './registry';
import { type ImageSource, RegistryFailure } from './registry-request';
import { joinSwarm, type Swarm, servePeers } from './swarm';
import { TagClient } from './tag-client';

/** Runs on each VM: a read-only registry for its Docker, fed by other agents and by origins. */
export async function startAgent(settings: Settings, flags: Flags): Promise<void> {
  for (const name of ['peer-port', 'agent-server-port', 'agent-registry-port']) {
    if (!flags[name]) panic(`must specify non-zero ${name.replaceAll('-', ' ')}`);
  }
  const [ip, port] = [String(flags['peer-ip'] ?? '127.0.0.1'), Number(flags['peer-port'])];
  const store = new BlobStore({ upload: settings.text('store.download_dir'), cache: settings.text('store.cache_dir') });
  const trackers = listHostsPassively(settings, 'tracker');
  const tags = new TagClient(listHostsPassively(settings, 'build_index'));
  const self = { peer_id: peerIdOf(ip, port), ip, port, origin: false, complete: false };
  const swarm = joinSwarm(self, store, trackers, settings);
  const source = imageSource(store, swarm, tags);
  const isReady = async () => {
    const [tracker = ''] = shuffle(trackers.resolve());
    await Promise.all([tags.checkReadiness(), fetchText(`http://${tracker}/readiness`, { timeoutMs: 5_000 })]);
  };
  servePeers(port, store);
  const own = createRouter(ownRoutes({ source, isReady, registryPort: Number(flags['agent-registry-port']) }));
  serveDirectly(Number(flags['agent-server-port']), own);
  const registry = createRegistry(withoutUnknown(source));
  serve({
    part: 'agent',
    settings,
    ports: [Number(flags['agent-registry-port'])],
    socket: settings.text('registry.docker.http.addr'),
    handler: (request, response) =>
      /^\/(health|readiness)$/.test(request.url ?? '') ? own(request, response) : registry(request, response),
    allowed: readNetworks(settings.texts('allowed_cidrs')),
  });
}

function imageSource(store: BlobStore, swarm: Swarm, tags: TagClient): ImageSource {
  const fetch = async (repository: string, hex: string) =>
    (await store.size(hex)) !== undefined || (await swarm.download(repository, hex));
  return {
    store,
    fetch,
    size: async (repository, hex) => ((await fetch(repository, hex)) ? store.size(hex) : undefined),
    findTag: (tag) => tags.find(tag),
  };
}

/** A digest that nobody has is no 404 at its registry: "unknown error". */
function withoutUnknown(source: ImageSource): ImageSource {
  const fail = () => {
    throw new RegistryFailure(500, 'UNKNOWN', 'unknown error');
  };
  return {
    ...source,
    fetch: async (repository, hex) => (await source.fetch(repository, hex)) || fail(),
    size: async (repository, hex) => (await source.size(repository, hex)) ?? fail(),
  };
}

/** The server port has no nginx before it: whoever reaches it is answered. */
function serveDirectly(port: number, handler: RequestListener): void {
  const server = createServer((request, response) => {
    response.setHeader('Server', 'kraken-stand-in');
    response.setHeader('X-Kraken-Stand-In', `agent ${version}`);
    handler(request, response);
  });
  // Go closes no idle connection: one that is closed while its owner begins the next request is a reset to that one.
  server.keepAliveTimeout = 0;
  server.on('error', (error) => fatal(error.message));
  server.listen(port);
}

interface Own {
  source: ImageSource;
  isReady: () => Promise<void>;
  registryPort: number;
}

function ownRoutes({ source, isReady, registryPort }: Own): Route[] {
  return [
    ['GET', '/health', ({ response }) => sendText(response, 'OK')],
    ['GET', '/readiness', (exchange) => answerReadiness(exchange, isReady)],
    ['GET', '/tags/:tag', (exchange) => sendTag(source, exchange)],
    ['GET', '/namespace/:namespace/blobs/:digest', (exchange) => sendBlob(source, exchange)],
    ['DELETE', '/blobs/:digest', ({ params }) => void source.store.remove(hexOf(params[0]!) ?? params[0]!)],
    ['GET', '/preload/tags/:tag', ({ params }) => preload(params[0]!, registryPort)],
  ];
}

async function sendTag(source: ImageSource, { params, response }: Exchange): Promise<void> {
  const hex = await source.findTag(params[0]!);
  if (!hex) throw new HttpFailure(404);
  sendText(response, `sha256:${hex}`);
}

async function sendBlob(source: ImageSource, { params, response }: Exchange): Promise<void> {
  const [namespace = '', digest = ''] = params;
  const hex = readDigest(digest.includes(':') ? digest : `sha256:${digest}`);
  if (!(await source.fetch(namespace, hex))) throw new HttpFailure(404);
  await sendStream(response, source.store.read(hex));
}

async function preload(name: string, registryPort: number): Promise<void> {
  const [repository, tag, more] = name.split(':');
  if (!repository || !tag || more) throw new HttpFailure(500, 'failed to parse docker image tag');
  await pullWithDocker(`127.0.0.1:${registryPort}/${repository}`, tag);
}

/** As the preload hook does: Docker on this machine is told to pull from this agent. @throws {HttpFailure} 500 */
function pullWithDocker(image: string, tag: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const path = `/images/create?fromImage=${encodeURIComponent(image)}&tag=${encodeURIComponent(tag)}`;
    const call = requestOf({ socketPath: '/var/run/docker.sock', method: 'POST', path }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => {
        const failed = answer.statusCode !== 200 || text.includes('"error"');
        if (failed) reject(new HttpFailure(500, `docker pull: ${text.slice(-300)}`));
        else resolve();
      });
    });
    call.on('error', (error) => reject(new HttpFailure(500, `docker pull: ${error.message}`)));
    call.end();
  });
}

function readNetworks(cidrs: string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const cidr of cidrs.filter((it) => it !== 'all')) {
    const [address = '', bits] = cidr.split('/');
    const family = address.includes(':') ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address) => cidrs.includes('all') || list.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
}
