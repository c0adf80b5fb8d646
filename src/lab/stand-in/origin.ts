import { hostname, networkInterfaces } from 'node:os';
import { Backends } from './backend';
import { BlobStore } from './blob-store';
import type { Settings } from './configuration';
import { readDigest } from './digest';
import type { Flags } from './flags';
import { type HashRing, locate } from './hash-ring';
import { monitorHosts, readHosts } from './host-list';
import { createRouter, type Route, sendText } from './http-router';
import { serve } from './inner-nginx';
import { fatal, panic } from './log';
import { blobRoutes } from './origin-blobs';
import type { Origin } from './origin-state';
import { uploadRoutes } from './origin-uploads';
import { peerIdOf } from './peer';
import { answerReadiness } from './readiness';
import { servePeers } from './swarm';
import { WriteBackQueue } from './write-back';

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
    handler: createRouter([...ownRoutes(origin, flags), ...blobRoutes(origin), ...uploadRoutes(origin)]),
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

function ownRoutes({ ring, backends }: Origin, flags: Flags): Route[] {
  const [ip, port] = [String(flags['peer-ip'] ?? ''), Number(flags['peer-port'])];
  const context = { ip, port, peer_id: peerIdOf(ip, port), zone: '', cluster: '', origin: true };
  return [
    ['GET', '/health', ({ response }) => sendText(response, 'OK\n')],
    ['GET', '/readiness', (exchange) => answerReadiness(exchange, () => backends.checkReadiness())],
    ['GET', '/internal/peercontext', ({ response }) => sendText(response, `${JSON.stringify(context)}\n`)],
    [
      'GET',
      '/blobs/:digest/locations',
      ({ params, response }) => {
        response.setHeader('Origin-Locations', locate(ring, readDigest(params[0])).join(','));
      },
    ],
  ];
}
