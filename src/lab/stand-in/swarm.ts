import { createServer } from 'node:http';
import type { BlobStore } from './blob-store';
import type { Settings } from './configuration';
import { orderHosts } from './hash-ring';
import { type HostList, shuffle } from './host-list';
import { fetchText, NetworkFailure, StatusFailure, send } from './http-client';
import { createRouter, HttpFailure, sendStream, sendText } from './http-router';
import { fatal, say } from './log';
import { infoHash, type MetaInfo } from './meta-info';
import { asServed, isMute } from './misbehaviour';
import type { Peer } from './peer';

/**
 * How blobs move between origins and agents. Kraken has a protocol of its own between peers; here a peer's port speaks HTTP, which
 * nobody but peers ever sees. What trackers are asked is the same.
 */
export function servePeers(port: number, store: BlobStore): void {
  const router = createRouter([
    [
      'GET',
      '/stand-in/blobs/:hex',
      async ({ params, response }) => {
        const size = await store.size(params[0]!);
        if (size === undefined) throw new HttpFailure(404);
        response.writeHead(200, { 'Content-Length': size });
        await sendStream(response, asServed(store.read(params[0]!)));
      },
    ],
    ['GET', '/', ({ response }) => sendText(response, 'stand-in\n')],
  ]);
  const server = createServer((request, response) => {
    if (isMute()) request.socket.destroy();
    else router(request, response);
  });
  server.on('error', (error) => fatal(`peer port: ${error.message}`));
  server.listen(port);
}

export interface Swarm {
  /** Resolves when the blob is in the store; false when nobody knows it. @throws {Error} */
  download(namespace: string, hex: string): Promise<boolean>;
}

export function joinSwarm(self: Peer, store: BlobStore, trackers: HostList, settings: Settings): Swarm {
  const ask = askTrackers(trackers);
  const underWay = new Map<string, Promise<boolean>>();
  const announce = async (hex: string, hash: string, complete: boolean) => {
    const peer = { ...self, complete };
    const body = JSON.stringify({ name: hex, digest: `sha256:${hex}`, info_hash: [...Buffer.from(hash, 'hex')], peer });
    const text = await ask(hex, `/announce/${hash}`, { method: 'POST', body, timeoutMs: 10_000 });
    return JSON.parse(text) as { peers: Peer[] | null };
  };
  const fetchBlob = async (namespace: string, hex: string): Promise<boolean> => {
    const path = `/namespace/${encodeURIComponent(namespace)}/blobs/sha256:${hex}/metainfo`;
    const text = await pollMetaInfo(() => ask(hex, path, { timeoutMs: 60_000 }));
    if (text === undefined) return false;
    const hash = infoHash(JSON.parse(text) as MetaInfo);
    const { peers } = await announce(hex, hash, false);
    await fetchFrom(peers ?? [], hex, store);
    await announce(hex, hash, true).catch((error: Error) => say('WARN', error.message));
    return true;
  };
  const timeoutMs = settings.duration('scheduler.download_timeout', 300_000);
  return {
    download(namespace, hex) {
      const known = underWay.get(hex);
      if (known) return known;
      const timer = new Promise<boolean>((_, reject) => {
        setTimeout(() => reject(new Error('download timed out')), timeoutMs).unref();
      });
      const work = Promise.race([fetchBlob(namespace, hex), timer]).finally(() => underWay.delete(hex));
      underWay.set(hex, work);
      return work;
    },
  };
}

type Ask = (hex: string, path: string, call: { method?: string; body?: string; timeoutMs: number }) => Promise<string>;

/** The same tracker for the same blob, the next one when it does not answer. */
function askTrackers(trackers: HostList): Ask {
  return async (hex, path, call) => {
    let last: Error = new Error('no tracker');
    for (const address of orderHosts(trackers.resolve(), hex)) {
      try {
        return await fetchText(`http://${address}${path}`, call);
      } catch (error) {
        last = error as Error;
        if (!(error instanceof NetworkFailure)) throw error;
        trackers.failed(address);
      }
    }
    throw last;
  };
}

/** 202 means that origins still fetch the blob from their backend. */
async function pollMetaInfo(ask: () => Promise<string>): Promise<string | undefined> {
  for (let pauseMs = 1_000; ; pauseMs = Math.min(pauseMs * 1.3, 5_000)) {
    try {
      return await ask();
    } catch (error) {
      const status = error instanceof StatusFailure ? error.status : 0;
      if (status === 404) return undefined;
      if (status !== 202) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

async function fetchFrom(peers: Peer[], hex: string, store: BlobStore): Promise<void> {
  let last: Error = new Error('no peers available');
  for (const peer of [...shuffle(peers.filter((it) => it.complete)), ...peers.filter((it) => !it.complete)]) {
    try {
      const answer = await send(`http://${peer.ip}:${peer.port}/stand-in/blobs/${hex}`, {
        timeoutMs: 10_000,
        plain: true,
      });
      await store.add(hex, answer);
      return;
    } catch (error) {
      last = error as Error;
    }
  }
  throw last;
}
