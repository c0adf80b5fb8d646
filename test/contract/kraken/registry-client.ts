import { createHash, randomBytes } from 'node:crypto';

/** A registry's client over plain HTTP, as Docker behaves: asks first, uploads in pieces, then the manifest. */
export interface Blob {
  digest: string;
  hex: string;
  bytes: Buffer;
}

export interface Image {
  repository: string;
  tag: string;
  manifest: Blob;
  config: Blob;
  layer: Blob;
}

export const manifestType = 'application/vnd.docker.distribution.manifest.v2+json';

export function makeBlob(content: Buffer | string): Blob {
  const bytes = Buffer.from(content);
  const hex = createHash('sha256').update(bytes).digest('hex');
  return { bytes, hex, digest: `sha256:${hex}` };
}

/** An image that nobody pushed before. */
export function makeImage(repository: string, tag: string, layerBytes = 70_000): Image {
  const layer = makeBlob(randomBytes(layerBytes));
  const config = makeBlob(
    JSON.stringify({ architecture: 'amd64', os: 'linux', created: randomBytes(8).toString('hex') }),
  );
  const describe = (mediaType: string, { digest, bytes }: Blob) => ({ mediaType, digest, size: bytes.length });
  const manifest = makeBlob(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: describe('application/vnd.docker.container.image.v1+json', config),
      layers: [describe('application/vnd.docker.image.rootfs.diff.tar.gzip', layer)],
    }),
  );
  return { repository, tag, manifest, config, layer };
}

/** On the proxy that it was asked of, whatever name the answer uses for it. */
export function sameProxy(base: string, location: string | null): string {
  const { pathname, search } = new URL(location ?? '', base);
  return `${base}${pathname}${search}`;
}

export async function startUpload(base: string, repository: string): Promise<Response> {
  return fetch(`${base}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
}

/** @param pieces in how many PATCH requests; 0: all of it with the last PUT. */
export async function pushBlob(
  base: string,
  repository: string,
  { digest, bytes }: Blob,
  pieces = 1,
): Promise<Response> {
  let answer = await startUpload(base, repository);
  expectStatus(answer, 202);
  const size = Math.ceil(bytes.length / Math.max(1, pieces));
  for (let start = 0; pieces > 0 && start < bytes.length; start += size) {
    const body = bytes.subarray(start, start + size);
    const headers = {
      'Content-Type': 'application/octet-stream',
      'Content-Range': `${start}-${start + body.length - 1}`,
    };
    const url = sameProxy(base, answer.headers.get('location'));
    answer = await fetch(url, { method: 'PATCH', body: new Uint8Array(body), headers: pieces > 1 ? headers : {} });
    expectStatus(answer, 202);
  }
  const url = new URL(sameProxy(base, answer.headers.get('location')));
  url.searchParams.set('digest', digest);
  return fetch(url, { method: 'PUT', body: pieces > 0 ? undefined : new Uint8Array(bytes) });
}

export async function putManifest(base: string, image: Image, reference = image.tag): Promise<Response> {
  const url = `${base}/v2/${image.repository}/manifests/${reference}`;
  const headers = { 'Content-Type': manifestType };
  return fetch(url, { method: 'PUT', body: new Uint8Array(image.manifest.bytes), headers });
}

export async function pushImage(base: string, image: Image): Promise<void> {
  for (const blob of [image.layer, image.config]) expectStatus(await pushBlob(base, image.repository, blob), 201);
  const put = await putManifest(base, image);
  if (put.status !== 201) throw new Error(`PUT manifest: ${put.status} ${await put.text()}`);
}

/** Everything of an image, checked byte by byte. @throws {Error} for the first thing that is missing or differs. */
export async function pullImage(
  base: string,
  { repository, manifest, config, layer }: Image,
  reference: string,
): Promise<void> {
  const headers = { Accept: manifestType };
  const answer = await fetch(`${base}/v2/${repository}/manifests/${reference}`, { headers });
  await expectBytes(answer, manifest);
  for (const blob of [config, layer])
    await expectBytes(await fetch(`${base}/v2/${repository}/blobs/${blob.digest}`), blob);
}

export async function expectBytes(answer: Response, blob: Blob): Promise<void> {
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (answer.status !== 200) throw new Error(`${answer.url}: ${answer.status} ${bytes.toString('utf8').slice(0, 300)}`);
  if (!bytes.equals(blob.bytes)) throw new Error(`${answer.url}: other bytes than were pushed`);
}

export function expectStatus(answer: Response, status: number): void {
  if (answer.status !== status) throw new Error(`${answer.url}: ${answer.status} instead of ${status}`);
}
