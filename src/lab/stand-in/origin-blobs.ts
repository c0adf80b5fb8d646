import { readDigest } from './digest';
import { type Exchange, HttpFailure, type Route, sendStream, sendText } from './http-router';
import { say } from './log';
import { describeBlob } from './meta-info';
import { asServed } from './misbehaviour';
import type { Origin } from './origin-state';
import { replicate } from './origin-uploads';

/** What an origin answers about blobs. One that it does not have is fetched from its backend, while the asker waits (202). */
export function blobRoutes(origin: Origin): Route[] {
  const of = (answer: (origin: Origin, exchange: Exchange) => Promise<void>) => (exchange: Exchange) =>
    answer(origin, exchange);
  return [
    ['GET', '/namespace/:namespace/blobs/:digest', of(sendBlob)],
    ['POST', '/namespace/:namespace/blobs/:digest/prefetch', of(prefetch)],
    ['HEAD', '/internal/namespace/:namespace/blobs/:digest', of(answerSize)],
    ['GET', '/internal/namespace/:namespace/blobs/:digest/metainfo', of(sendMetaInfo)],
    ['DELETE', '/internal/blobs/:digest', of(remove)],
  ];
}

async function sendBlob(origin: Origin, { params, response }: Exchange): Promise<void> {
  const hex = readDigest(params[1]);
  const size = await origin.store.size(hex);
  if (size === undefined) throw await fetchFromBackend(origin, params[0]!, hex);
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': size });
  await sendStream(response, asServed(origin.store.read(hex)));
}

async function prefetch(origin: Origin, { params }: Exchange): Promise<void> {
  const hex = readDigest(params[1]);
  if ((await origin.store.size(hex)) === undefined) throw await fetchFromBackend(origin, params[0]!, hex);
}

async function sendMetaInfo(origin: Origin, { params, response }: Exchange): Promise<void> {
  const hex = readDigest(params[1]);
  if ((await origin.store.size(hex)) === undefined) throw await fetchFromBackend(origin, params[0]!, hex);
  sendText(response, JSON.stringify(await describeBlob(hex, origin.store.read(hex))));
}

async function answerSize({ store, backends }: Origin, { params, query, response }: Exchange): Promise<void> {
  const hex = readDigest(params[1]);
  const local = await store.size(hex);
  const size = local ?? (query.get('local') === 'true' ? undefined : await backends.find(params[0]!).size(hex));
  if (size === undefined) throw new HttpFailure(404);
  response.setHeader('Content-Length', size);
}

async function remove({ store, queue }: Origin, { params, response }: Exchange): Promise<void> {
  const hex = readDigest(params[0]);
  if (queue.has(hex))
    throw new HttpFailure(500, `cannot delete blob data for digest "sha256:${hex}": file is persisted`);
  if (!(await store.remove(hex))) throw new HttpFailure(404);
  response.statusCode = 202;
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
