import { createServer, type RequestListener, request as requestOf } from 'node:http';
import { BlockList } from 'node:net';
import { BlobStore } from './blob-store';
import type { Settings } from './configuration';
import type { Flags } from './flags';
import { listHostsPassively, shuffle } from './host-list';
import { fetchText } from './http-client';
import { createRouter, type Exchange, HttpFailure, type Route, sendText } from './http-router';
import { serve } from './inner-nginx';
import { fatal, panic } from './log';
import { isHeldBack } from './misbehaviour';
import { hexOf, peerIdOf } from './peer';
import { createRegistry, type ImageSource } from './registry';
import { joinSwarm, servePeers } from './swarm';
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
  const fetch = async (repository: string, hex: string) =>
    (await store.size(hex)) !== undefined || (await swarm.download(repository, hex));
  const source: ImageSource = {
    store,
    fetch,
    size: async (repository, hex) => ((await fetch(repository, hex)) ? store.size(hex) : undefined),
    findTag: (tag) => tags.find(tag),
  };
  const isReady = async () => {
    const [tracker = ''] = shuffle(trackers.resolve());
    await Promise.all([tags.checkReadiness(), fetchText(`http://${tracker}/readiness`, { timeoutMs: 5_000 })]);
  };
  servePeers(port, store);
  const own = createRouter(ownRoutes({ source, isReady, registryPort: Number(flags['agent-registry-port']) }));
  const ownServer = createServer((request, response) => {
    response.setHeader('Server', 'kraken-stand-in');
    own(request, response);
  });
  ownServer.on('error', (error) => fatal(error.message));
  ownServer.listen(Number(flags['agent-server-port']));
  const registry = createRegistry(source);
  const handler: RequestListener = (request, response) =>
    /^\/(health|readiness)$/.test(request.url ?? '') ? own(request, response) : registry(request, response);
  serve({
    part: 'agent',
    settings,
    ports: [Number(flags['agent-registry-port'])],
    socket: settings.text('registry.docker.http.addr'),
    handler,
    allowed: readNetworks(settings.texts('allowed_cidrs')),
  });
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
    [
      'GET',
      '/tags/:tag',
      async ({ params, response }) => {
        const hex = await source.findTag(params[0]!);
        if (!hex) throw new HttpFailure(404);
        sendText(response, `sha256:${hex}`);
      },
    ],
    [
      'GET',
      '/namespace/:namespace/blobs/:digest',
      async ({ params, response }) => {
        const [namespace = '', digest = ''] = params;
        const hex = hexOf(digest) ?? hexOf(`sha256:${digest}`);
        if (!hex) throw new HttpFailure(400, `parse digest: ${digest}`);
        if (!(await source.fetch(namespace, hex))) throw new HttpFailure(404);
        await new Promise((resolve) => source.store.read(hex).pipe(response).on('close', resolve));
      },
    ],
    [
      'DELETE',
      '/blobs/:digest',
      async ({ params }) => {
        await source.store.remove(hexOf(params[0]!) ?? params[0]!);
      },
    ],
    [
      'GET',
      '/preload/tags/:tag',
      async ({ params }) => {
        const [repository, tag, more] = params[0]!.split(':');
        if (!repository || !tag || more) throw new HttpFailure(500, 'failed to parse docker image tag');
        await pullWithDocker(`127.0.0.1:${registryPort}/${repository}`, tag);
      },
    ],
  ];
}

async function answerReadiness({ response }: Exchange, isReady: () => Promise<void>): Promise<void> {
  if (isHeldBack()) throw new HttpFailure(503, 'agent not ready: this version of the stand-in holds back');
  await isReady().catch((error: Error) => {
    throw new HttpFailure(503, `agent not ready: ${error.message}`);
  });
  sendText(response, 'OK');
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
