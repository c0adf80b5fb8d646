import type { Settings } from './configuration';
import { hexOf, readDigest } from './digest';
import type { Flags } from './flags';
import { watchHosts } from './host-list';
import { fetchText, StatusFailure } from './http-client';
import { createRouter, type Exchange, HttpFailure, readJson, sendJson, sendText } from './http-router';
import { serve } from './inner-nginx';
import { say } from './log';
import { asDescribed, asHandedOut } from './misbehaviour';
import { OriginCluster } from './origin-cluster';
import type { Peer } from './peer';
import { openPeerStore, type PeerStore } from './peer-store';
import { answerReadiness } from './readiness';

/** Tells peers of one another, and of the origins that seed. */
interface Tracker {
  peers: PeerStore;
  seeds: Seeds;
  handoutLimit: number;
  intervalMs: number;
}

interface Announce {
  name?: string;
  digest?: string;
  info_hash?: number[];
  peer: Peer;
}

export async function startTracker(settings: Settings, flags: Flags): Promise<void> {
  const peers = await openPeerStore(settings);
  const origins = watchHosts(settings, 'origin');
  const cluster = new OriginCluster(origins);
  const tracker: Tracker = {
    peers,
    seeds: new Seeds(cluster, settings.duration('originstore.origin_unavailable_ttl', 60_000)),
    handoutLimit: settings.number('trackerserver.announce_limit', 50),
    intervalMs: settings.duration('trackerserver.announce_interval', 3_000),
  };
  serve({
    part: 'tracker',
    settings,
    ports: [Number(flags.port ?? 0)],
    socket: settings.text('trackerserver.listener.addr'),
    cached: [{ path: /^\/namespace\/.*\/blobs\/.*\/metainfo$/i, okMs: 300_000, anyMs: 1_000 }],
    handler: createRouter([
      ['GET', '/health', ({ response }) => sendText(response, 'OK\n')],
      ['GET', '/readiness', (exchange) => answerReadiness(exchange, () => cluster.checkReadiness())],
      ['GET', '/announce', (exchange) => answerAnnounce(tracker, exchange, undefined)],
      ['POST', '/announce/:infohash', (exchange) => answerAnnounce(tracker, exchange, exchange.params[0])],
      ['GET', '/namespace/:namespace/blobs/:digest/metainfo', (exchange) => answerMetaInfo(cluster, exchange)],
    ]),
  });
}

async function answerAnnounce(
  tracker: Tracker,
  { request, response }: Exchange,
  inPath: string | undefined,
): Promise<void> {
  if (inPath !== undefined && !/^[0-9a-f]{40}$/i.test(inPath))
    throw new HttpFailure(500, 'parse infohash: invalid hash');
  const { name = '', digest, info_hash, peer } = await readJson<Announce>(request);
  const hex = digest ? hexOf(digest) : hexOf(`sha256:${name}`);
  if (!hex) throw new HttpFailure(500, 'get request digest: invalid digest');
  const hash = inPath ?? Buffer.from(info_hash ?? []).toString('hex');
  await tracker.peers.update(hash, peer).catch((error: Error) => say('ERROR', `Error updating peer: ${error.message}`));
  const peers = peer.complete ? null : await handOut(tracker, { hex, hash, peer });
  sendJson(response, { peers: asHandedOut(peers), interval: tracker.intervalMs * 1e6 });
}

/** Peers and origins; a failure of one source is covered by the other. @throws {HttpFailure} 500 when nobody is known. */
async function handOut(
  { peers, seeds, handoutLimit }: Tracker,
  { hex, hash, peer }: { hex: string; hash: string; peer: Peer },
): Promise<Peer[]> {
  const errors: string[] = [];
  const orNone = (error: Error): Peer[] => {
    errors.push(error.message);
    return [];
  };
  const [known, origins] = await Promise.all([
    peers.list(hash, handoutLimit).catch(orNone),
    seeds.of(hex).catch(orNone),
  ]);
  const all = [...known, ...origins];
  if (all.length === 0) throw new HttpFailure(500, `no peers available: ${errors.join(', ')}`);
  const others = all.filter((it) => it.ip !== peer.ip || it.port !== peer.port);
  return others.sort((a, b) => rank(a) - rank(b));
}

/** Complete peers first, then origins, then those that are still fetching. */
function rank({ origin, complete }: Peer): number {
  if (origin) return 1;
  return complete ? 0 : 2;
}

async function answerMetaInfo(cluster: OriginCluster, { params, response }: Exchange): Promise<void> {
  const text = await cluster.metaInfo(params[0]!, readDigest(params[1])).catch((error: Error) => {
    throw error instanceof StatusFailure ? new HttpFailure(error.status, `origin: ${error.message}`) : error;
  });
  response.setHeader('Content-Type', 'application/json');
  response.end(asDescribed(text));
}

const knownForMs = 10_000;

/** The origins that own a blob, as peers; what they said is remembered for a while, as is that one did not answer. */
class Seeds {
  private readonly peers = new Map<string, { peer: Peer | undefined; until: number }>();

  constructor(
    private readonly cluster: OriginCluster,
    private readonly goneForMs: number,
  ) {}

  async of(hex: string): Promise<Peer[]> {
    const found = await Promise.all((await this.cluster.locate(hex)).map((address) => this.ask(address)));
    const peers = found.filter((peer) => peer !== undefined);
    if (peers.length === 0) throw new Error('all origins unavailable');
    return peers;
  }

  private async ask(address: string): Promise<Peer | undefined> {
    const known = this.peers.get(address);
    if (known && known.until > Date.now()) return known.peer;
    const peer = await fetchText(`http://${address}/internal/peercontext`, { timeoutMs: 5_000 }).then(
      (text) => ({ ...(JSON.parse(text) as Peer), complete: true }),
      () => undefined,
    );
    this.peers.set(address, { peer, until: Date.now() + (peer ? knownForMs : this.goneForMs) });
    return peer;
  }
}
