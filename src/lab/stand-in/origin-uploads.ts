import { readDigest } from './digest';
import { locate } from './hash-ring';
import { send } from './http-client';
import { type Exchange, HttpFailure, type Route, readJson } from './http-router';
import { say } from './log';
import { isPlanted } from './misbehaviour';
import type { Origin } from './origin-state';

/** Uploads in three steps, from proxies (then replicated and written back) and from other origins. */
export function uploadRoutes(origin: Origin): Route[] {
  const start = (at: number) => (exchange: Exchange) => startUpload(origin, exchange, at);
  const patch = (at: number) => (exchange: Exchange) => patchUpload(origin, exchange, at);
  return [
    ['POST', '/namespace/:namespace/blobs/:digest/uploads', start(1)],
    ['PATCH', '/namespace/:namespace/blobs/:digest/uploads/:id', patch(1)],
    [
      'PUT',
      '/namespace/:namespace/blobs/:digest/uploads/:id',
      async ({ params }) => {
        const [namespace = '', digest, id = ''] = params;
        const hex = readDigest(digest);
        await commit(origin, hex, id);
        origin.queue.add(namespace, hex);
        await replicate(origin, { hex, namespace });
      },
    ],
    ['POST', '/internal/blobs/:digest/uploads', start(0)],
    ['PATCH', '/internal/blobs/:digest/uploads/:id', patch(0)],
    ['PUT', '/internal/blobs/:digest/uploads/:id', ({ params }) => commit(origin, readDigest(params[0]), params[1]!)],
    [
      'PUT',
      '/internal/duplicate/namespace/:namespace/blobs/:digest/uploads/:id',
      async ({ params, request }) => {
        const [namespace = '', digest, id = ''] = params;
        const { Delay } = await readJson<{ Delay: number }>(request);
        await commit(origin, readDigest(digest), id);
        origin.queue.add(namespace, readDigest(digest), Delay / 1e6);
      },
    ],
  ];
}

async function startUpload({ store, queue }: Origin, { params, response }: Exchange, at: number): Promise<void> {
  const hex = readDigest(params[at]);
  if ((await store.size(hex)) !== undefined) {
    // Clients take a conflict for success, so what they rely on must be under way.
    if (at === 1) queue.add(params[0]!, hex);
    throw new HttpFailure(409);
  }
  response.setHeader('Location', await store.startUpload());
}

async function patchUpload({ store }: Origin, { params, request }: Exchange, at: number): Promise<void> {
  const hex = readDigest(params[at]);
  const id = params[at + 1]!;
  const [, start] = /^(\d+)-(\d+)$/.exec(String(request.headers['content-range'] ?? '')) ?? [];
  if (start === undefined) throw new HttpFailure(400, 'no Content-Range header');
  if ((await store.size(hex)) !== undefined) throw new HttpFailure(409);
  if ((await store.uploadSize(id)) === undefined) throw new HttpFailure(404);
  await store.write(id, request, Number(start));
}

async function commit({ store }: Origin, hex: string, id: string): Promise<void> {
  if ((await store.size(hex)) !== undefined) throw new HttpFailure(409);
  if ((await store.uploadSize(id)) === undefined) throw new HttpFailure(404);
  if (!(await store.commit(id, hex))) throw new HttpFailure(500, `verify digest: content does not match sha256:${hex}`);
}

/** To the blob's other owners; that one of them cannot be reached does not fail the upload. */
export async function replicate(
  origin: Origin,
  { hex, namespace }: { hex: string; namespace?: string },
): Promise<void> {
  if (isPlanted('loses-replicas')) return;
  const others = locate(origin.ring, hex).filter((address) => address !== origin.address);
  await Promise.all(
    others.map((address, index) =>
      copyTo(origin, { address, hex, namespace, delayMs: origin.staggerMs * (index + 1) }).catch((error: Error) => {
        if (!error.message.includes(' 409')) say('ERROR', `Failed to duplicate upload to ${address}: ${error.message}`);
      }),
    ),
  );
}

interface Copy {
  address: string;
  hex: string;
  /** Absent: the copy is not written to the backend, which has it. */
  namespace?: string;
  delayMs: number;
}

async function copyTo({ store }: Origin, { address, hex, namespace, delayMs }: Copy): Promise<void> {
  const base = `http://${address}/internal/blobs/sha256:${hex}/uploads`;
  const id = String((await send(base, { method: 'POST' })).resume().headers.location).replace(/^.*\//, '');
  const size = (await store.size(hex)) ?? 0;
  const headers = { 'Content-Range': `0-${size}`, 'Content-Length': size };
  (await send(`${base}/${id}`, { method: 'PATCH', headers, body: store.read(hex) })).resume();
  const ending = namespace
    ? `http://${address}/internal/duplicate/namespace/${encodeURIComponent(namespace)}/blobs/sha256:${hex}/uploads/${id}`
    : `${base}/${id}`;
  const body = namespace ? JSON.stringify({ Delay: delayMs * 1e6 }) : undefined;
  (await send(ending, { method: 'PUT', body })).resume();
}
