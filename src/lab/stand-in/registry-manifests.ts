import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { hexOf } from './digest';
import { readText } from './http-router';
import { mediaTypeOf, referencesOf } from './manifest';
import { RegistryFailure, type RegistryRequest } from './registry-request';

/** By tag or by digest. */
export async function answerManifest({
  source,
  request,
  response,
  repository,
  reference,
}: RegistryRequest): Promise<void> {
  const unknown = new RegistryFailure(404, 'MANIFEST_UNKNOWN', 'manifest unknown');
  const hex = hexOf(reference) ?? (await source.findTag(`${repository}:${reference}`));
  if (!hex || !(await source.fetch(repository, hex))) throw unknown;
  const text = await source.store.text(hex);
  response.setHeader('Content-Type', mediaTypeOf(text));
  response.setHeader('Docker-Content-Digest', `sha256:${hex}`);
  response.setHeader('Etag', `"sha256:${hex}"`);
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.end(request.method === 'HEAD' ? undefined : text);
}

/** Taken when all that it needs is there; a tag is told to the build-indexes. */
export async function putManifest(one: RegistryRequest): Promise<void> {
  const { source, request, response, repository, reference } = one;
  if (!source.sink) throw new RegistryFailure(500, 'UNKNOWN', 'uploads are disabled');
  const text = await readText(request);
  const hex = createHash('sha256').update(text).digest('hex');
  const wanted = hexOf(reference);
  if (wanted && wanted !== hex)
    throw new RegistryFailure(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
  await checkReferences(one, text);
  await source.store.add(hex, Readable.from([text]));
  await source.sink.upload(hex);
  if (!wanted) await source.sink.putTag(`${repository}:${reference}`, hex);
  response.setHeader('Location', `/v2/${repository}/manifests/sha256:${hex}`);
  response.setHeader('Docker-Content-Digest', `sha256:${hex}`);
  response.writeHead(201, { 'Content-Length': 0 });
}

async function checkReferences({ source, repository }: RegistryRequest, text: string): Promise<void> {
  const references = readReferences(text);
  const sizes = await Promise.all(references.map((hex) => source.size(repository, hex)));
  const missing = references.find((_, index) => sizes[index] === undefined);
  if (missing) throw new RegistryFailure(400, 'MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry');
}

function readReferences(text: string): string[] {
  try {
    mediaTypeOf(text);
    return referencesOf(text);
  } catch {
    throw new RegistryFailure(400, 'MANIFEST_INVALID', 'manifest invalid');
  }
}
