import { RegistryFailure, type RegistryRequest, readDigest } from './registry-request';

/** Pushing a blob: begun, sent in one or more pieces, finished under its digest. All of it on the disk of one proxy. */
export async function startUpload(one: RegistryRequest): Promise<void> {
  const { source, response, repository, query } = one;
  checkWritable(one);
  const mounted = query.get('mount');
  if (mounted && query.get('from') && (await source.size(repository, readDigest(mounted))) !== undefined) {
    return sayCreated(one, mounted);
  }
  const id = await source.store.startUpload();
  sayProgress(one, { id, size: 0, status: 202 });
  response.end();
}

export async function uploadStatus(one: RegistryRequest): Promise<void> {
  sayProgress(one, { id: one.reference, size: await sizeOf(one), status: 204 });
}

export async function patchUpload(one: RegistryRequest): Promise<void> {
  const { source, request, reference } = one;
  const size = await sizeOf(one);
  const [, start] = /^(\d+)-/.exec(String(request.headers['content-range'] ?? '')) ?? [];
  if (start !== undefined && Number(start) !== size)
    throw new RegistryFailure(416, 'RANGE_INVALID', 'invalid content range');
  await source.store.write(reference, request, size);
  sayProgress(one, { id: reference, size: await sizeOf(one), status: 202 });
}

export async function finishUpload(one: RegistryRequest): Promise<void> {
  const { source, request, reference, query } = one;
  const digest = query.get('digest') ?? '';
  const hex = readDigest(digest);
  await source.store.write(reference, request, await sizeOf(one));
  if (!(await source.store.commit(reference, hex))) {
    throw new RegistryFailure(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
  }
  await source.sink?.upload(hex);
  sayCreated(one, digest);
}

export async function cancelUpload(one: RegistryRequest): Promise<void> {
  await sizeOf(one);
  await one.source.store.dropUpload(one.reference);
  one.response.writeHead(204);
}

function checkWritable({ source }: RegistryRequest): void {
  if (!source.sink) throw new RegistryFailure(500, 'UNKNOWN', 'uploads are disabled');
}

/** @throws {RegistryFailure} 404 for an upload that was begun at another proxy. */
async function sizeOf(one: RegistryRequest): Promise<number> {
  checkWritable(one);
  const size = await one.source.store.uploadSize(one.reference);
  if (size === undefined) throw new RegistryFailure(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
  return size;
}

function sayProgress(one: RegistryRequest, { id, size, status }: { id: string; size: number; status: number }): void {
  const { response, repository } = one;
  response.setHeader('Location', `/v2/${repository}/blobs/uploads/${id}?_state=${id}`);
  response.setHeader('Docker-Upload-UUID', id);
  response.setHeader('Range', `0-${Math.max(0, size - 1)}`);
  response.setHeader('Content-Length', 0);
  response.writeHead(status);
}

function sayCreated({ response, repository }: RegistryRequest, digest: string): void {
  response.setHeader('Location', `/v2/${repository}/blobs/${digest}`);
  response.setHeader('Docker-Content-Digest', digest);
  response.writeHead(201, { 'Content-Length': 0 }).end();
}
