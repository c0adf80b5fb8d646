import { hostname, networkInterfaces } from 'node:os';
import { Backends } from './backend';
import { BlobStore } from './blob-store';
import type { Settings } from './configuration';
import type { Flags } from './flags';
import { type HashRing, locate } from './hash-ring';
import { monitorHosts, readHosts } from './host-list';
import { createRouter, type Exchange, HttpFailure, type Route, sendText } from './http-router';
import { serve } from './inner-nginx';
import { fatal, panic, say } from './log';
import { describeBlob } from './meta-info';
import { isHeldBack } from './misbehaviour';
import { replicate, uploadRoutes } from './origin-uploads';
import { hexOf, peerIdOf } from './peer';
import { servePeers } from './swarm';
import { WriteBackQueue } from './write-back';

/** Keeps blobs: two or more origins hold each, and each writes what it got back to its backend. */
export interface Origin {
  address: string;
  store: BlobStore;
  ring: HashRing;
  backends: Backends;
  queue: WriteBackQueue;
  /** How long a replica waits before it also writes to the backend. */
  staggerMs: number;
}

export async function startOrigin(settings: Settings, flags: Flags): Promise<void> {
  if (!flags['peer-port']) panic('must specify non-zero peer port');
  if (!flags['blobserver-port']) panic('must specify non-zero blob server port');
  const store = new BlobStore({
    upload: settings.text('castore.upload_dir'),
    cache: settings.text('castore.cache_dir'),
  });
  const backends = new Backends(settings);
  const queue = new WriteBackQueue(settings, async ({ namespace, name }) => {
    await backends.find(namespace).upload(name, store.path(name));
  });
  const ring = await joinRing(settings);
  const address = await findOwnAddress(settings, flags, ring);
  const staggerMs = settings.duration('blobserver.duplicate_write_back_stagger', 1_800_000);
  const origin: Origin = { address, store, ring, backends, queue, staggerMs };
  servePeers(Number(flags['peer-port']), store);
  serve({
    part: 'origin',
    settings,
    ports: [Number(flags['blobserver-port'])],
    socket: settings.text('blobserver.listener.addr'),
    handler: createRouter([...publicRoutes(origin, flags), ...uploadRoutes(origin)]),
  });
}

async function joinRing(settings: Settings): Promise<HashRing> {
  const hosts = readHosts(settings, 'cluster');
  const list = monitorHosts(hosts, settings, 'healthcheck');
  await list.check();
  setInterval(list.check, settings.duration('hashring.refresh_interval', 10_000)).unref();
  return { hosts, healthy: list.resolve, maxReplica: settings.number('hashring.max_replica', 3) };
}

/** Listed under its name or under this machine's first address; an origin that is neither waits for a minute, and ends. */
async function findOwnAddress(settings: Settings, flags: Flags, ring: HashRing): Promise<string> {
  const port = flags['blobserver-port'];
  const addresses = Object.values(networkInterfaces()).flatMap((it) => it ?? []);
  const outward = addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
  const candidates = [`${flags['blobserver-hostname'] ?? hostname()}:${port}`, `${outward}:${port}`];
  const listed = candidates.find((address) => ring.hosts.includes(address));
  if (listed) return listed;
  const patience = settings.duration('hashring.membership_wait_timeout', 60_000);
  await new Promise((resolve) => setTimeout(resolve, patience));
  return fatal(`Origin could not find itself in hash ring upon init: ${candidates[0]} is not among ${ring.hosts}`);
}

function publicRoutes(origin: Origin, flags: Flags): Route[] {
  const { store, ring, backends } = origin;
  const context = { ip: flags['peer-ip'], port: flags['peer-port'], zone: '', cluster: '', origin: true };
  const peerId = peerIdOf(String(flags['peer-ip']), Number(flags['peer-port']));
  return [
    ['GET', '/health', ({ response }) => sendText(response, 'OK\n')],
    ['GET', '/readiness', (exchange) => answerReadiness(exchange, () => backends.checkReadiness())],
    [
      'GET',
      '/blobs/:digest/locations',
      ({ params, response }) => {
        response.setHeader('Origin-Locations', locate(ring, readDigest(params[0])).join(','));
      },
    ],
    ['GET', '/namespace/:namespace/blobs/:digest', (exchange) => sendBlob(origin, exchange)],
    [
      'POST',
      '/namespace/:namespace/blobs/:digest/prefetch',
      async ({ params }) => {
        const hex = readDigest(params[1]);
        if ((await store.size(hex)) === undefined) throw await fetchFromBackend(origin, params[0]!, hex);
      },
    ],
    [
      'GET',
      '/internal/peercontext',
      ({ response }) => {
        sendText(response, `${JSON.stringify({ ...context, peer_id: peerId })}\n`);
      },
    ],
    ['HEAD', '/internal/namespace/:namespace/blobs/:digest', (exchange) => answerSize(origin, exchange)],
    [
      'GET',
      '/internal/namespace/:namespace/blobs/:digest/metainfo',
      async ({ params, response }) => {
        const hex = readDigest(params[1]);
        if ((await store.size(hex)) === undefined) throw await fetchFromBackend(origin, params[0]!, hex);
        sendText(response, JSON.stringify(await describeBlob(hex, store.read(hex))));
      },
    ],
    [
      'DELETE',
      '/internal/blobs/:digest',
      async ({ params, response }) => {
        if (origin.queue.has(readDigest(params[0])))
          throw new HttpFailure(500, `cannot delete blob data: file is persisted`);
        if (!(await store.remove(readDigest(params[0])))) throw new HttpFailure(404);
        response.statusCode = 202;
      },
    ],
  ];
}

export async function answerReadiness({ response }: Exchange, check: () => Promise<void>): Promise<void> {
  if (isHeldBack()) throw new HttpFailure(503, 'not ready to serve traffic: this version of the stand-in holds back');
  await check().catch((error: Error) => {
    throw new HttpFailure(503, `not ready to serve traffic: ${error.message}`);
  });
  sendText(response, 'OK\n');
}

/** @throws {HttpFailure} 400 */
export function readDigest(text: string | undefined): string {
  const hex = hexOf(text ?? '');
  if (!hex) throw new HttpFailure(400, `parse digest: invalid digest: ${text}`);
  return hex;
}

async function sendBlob(origin: Origin, { params, response }: Exchange): Promise<void> {
  const hex = readDigest(params[1]);
  const size = await origin.store.size(hex);
  if (size === undefined) throw await fetchFromBackend(origin, params[0]!, hex);
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': size });
  await new Promise((resolve, reject) => {
    origin.store.read(hex).on('error', reject).pipe(response).on('close', resolve).on('error', reject);
  });
}

async function answerSize({ store, backends }: Origin, { params, query, response }: Exchange): Promise<void> {
  const hex = readDigest(params[1]);
  const local = await store.size(hex);
  const size = local ?? (query.get('local') === 'true' ? undefined : await backends.find(params[0]!).size(hex));
  if (size === undefined) throw new HttpFailure(404);
  response.setHeader('Content-Length', size);
}

const underWay = new Map<string, Promise<void>>();

/** Begins to fetch what is only in the backend, and says "ask again" (202) meanwhile, or 404. */
async function fetchFromBackend(origin: Origin, namespace: string, hex: string): Promise<HttpFailure> {
  if (underWay.has(hex)) return new HttpFailure(202);
  const backend = origin.backends.find(namespace);
  if ((await backend.size(hex)) === undefined) return new HttpFailure(404);
  const work = (async () => {
    const content = await backend.download(hex);
    if (content) await origin.store.add(hex, content);
    await replicate(origin, { hex });
  })();
  const done = work.catch((error: Error) => say('ERROR', `refresh of ${hex}: ${error.message}`));
  underWay.set(
    hex,
    done.finally(() => underWay.delete(hex)),
  );
  return new HttpFailure(202);
}
