import type { BlobStore } from './blob-store';
import { type HostList, shuffle } from './host-list';
import { fetchText, NetworkFailure, open, StatusFailure, send } from './http-client';

/** The origins as one: asks any of them who owns a blob, and then its owners in their order. */
export class OriginCluster {
  constructor(private readonly origins: HostList) {}

  /** @throws {NetworkFailure} when none of three answers. */
  async locate(hex: string): Promise<string[]> {
    let last: unknown;
    for (const address of shuffle(this.origins.resolve()).slice(0, 3)) {
      try {
        const answer = await send(`http://${address}/blobs/sha256:${hex}/locations`, { timeoutMs: 5_000 });
        const owners = String(answer.resume().headers['origin-locations'] ?? '');
        if (owners !== '') return owners.split(',');
      } catch (error) {
        last = error;
      }
    }
    throw last ?? new NetworkFailure('no locations found');
  }

  async checkReadiness(): Promise<void> {
    const [address] = shuffle(await this.locate('0'.repeat(64)));
    await fetchText(`http://${address}/readiness`, { timeoutMs: 5_000 });
  }

  /** Length; undefined when none of the owners has the blob. @throws {Error} when none of them could say. */
  async size(namespace: string, hex: string): Promise<number | undefined> {
    let last: unknown;
    for (const address of shuffle(await this.locate(hex))) {
      try {
        const url = `http://${address}/internal/namespace/${encodeURIComponent(namespace)}/blobs/sha256:${hex}`;
        const answer = await open(url, { method: 'HEAD', timeoutMs: 15_000 });
        answer.resume();
        if (answer.statusCode === 200) return Number(answer.headers['content-length']);
        last = answer.statusCode === 404 ? undefined : new StatusFailure(answer.statusCode ?? 0, `HEAD ${url}`);
      } catch (error) {
        last = error;
      }
    }
    if (last) throw last;
    return undefined;
  }

  /** To the first owner that takes it; that one sees to the replicas. */
  async upload(namespace: string, hex: string, store: BlobStore): Promise<void> {
    let last: unknown;
    for (const address of await this.locate(hex)) {
      try {
        return await uploadTo(address, { namespace, hex, store });
      } catch (error) {
        last = error;
        if (error instanceof StatusFailure && error.status === 409) return;
        if (error instanceof StatusFailure && error.status < 500) throw error;
      }
    }
    throw last;
  }

  /** Into the store; false when the owners do not have it. @throws {Error} when they could not be asked. */
  async download(namespace: string, hex: string, store: BlobStore): Promise<boolean> {
    let last: unknown;
    for (const address of await this.locate(hex)) {
      try {
        await poll(async () => {
          await store.add(
            hex,
            await send(`http://${address}/namespace/${encodeURIComponent(namespace)}/blobs/sha256:${hex}`),
          );
        });
        return true;
      } catch (error) {
        if (error instanceof StatusFailure && error.status === 404) return false;
        last = error;
      }
    }
    throw last;
  }

  /** @throws {StatusFailure} 202 while origins fetch the blob, 404 when nobody has it. */
  async metaInfo(namespace: string, hex: string): Promise<string> {
    let last: unknown;
    for (const address of await this.locate(hex)) {
      try {
        const path = `/internal/namespace/${encodeURIComponent(namespace)}/blobs/sha256:${hex}/metainfo`;
        return await fetchText(`http://${address}${path}`);
      } catch (error) {
        last = error;
        if (error instanceof StatusFailure && error.status === 202) throw error;
      }
    }
    throw last;
  }
}

const longestWaitMs = 900_000;

/** Goes on asking while the answer is "still fetching" (202). */
async function poll(attempt: () => Promise<void>): Promise<void> {
  const startedAt = Date.now();
  for (let pauseMs = 1_000; ; pauseMs = Math.min(pauseMs * 1.3, 5_000)) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof StatusFailure) || error.status !== 202) throw error;
      if (Date.now() - startedAt > longestWaitMs) throw new Error('backoff timed out on 202 responses');
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

interface Upload {
  namespace: string;
  hex: string;
  store: BlobStore;
}

async function uploadTo(address: string, { namespace, hex, store }: Upload): Promise<void> {
  const base = `http://${address}/namespace/${encodeURIComponent(namespace)}/blobs/sha256:${hex}/uploads`;
  const started = (await send(base, { method: 'POST' })).resume();
  const id = String(started.headers.location).replace(/^.*\//, '');
  const size = (await store.size(hex)) ?? 0;
  const headers = { 'Content-Range': `0-${size}`, 'Content-Length': size };
  (await send(`${base}/${id}`, { method: 'PATCH', headers, body: store.read(hex) })).resume();
  (await send(`${base}/${id}`, { method: 'PUT' })).resume();
}
