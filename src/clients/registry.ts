import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { RemoteCommandError, WrongContentError } from './errors';
import type { HttpRequest, HttpResponse } from './host';

/** Anything that sends HTTP to one registry, such as a host's own load balancer. */
export interface RegistryDoor {
  readonly host: { id: string };
  http(request: HttpRequest): Promise<HttpResponse>;
}

/** The same door for whoever has a login. */
export function withLogin(door: RegistryDoor, login: Record<string, string>): RegistryDoor {
  return {
    host: door.host,
    http: (request) => door.http({ ...request, headers: { ...request.headers, ...login } }),
  };
}

export interface TinyImage {
  port: number;
  repository: string;
  tag: string;
  /** Becomes the one file of the one layer. At most 256 bytes, so that the image stays under 1 KiB. */
  contents: string;
}

const manifestType = 'application/vnd.docker.distribution.manifest.v2+json';
const sha256 = (data: Buffer) => `sha256:${createHash('sha256').update(data).digest('hex')}`;

/** Docker Registry API v2: layer, config and manifest. The same contents give the same digest. */
export async function pushTinyImage(door: RegistryDoor, image: TinyImage): Promise<{ digest: string; bytes: number }> {
  if (Buffer.byteLength(image.contents) > 256) throw new RangeError('contents of a tiny image: at most 256 bytes');
  const tar = oneFileTar('canary', Buffer.from(image.contents));
  const layer = gzipSync(tar, { level: 9 });
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [sha256(tar)] },
    }),
  );
  await uploadBlob(door, image, layer);
  await uploadBlob(door, image, config);
  const part = (mediaType: string, data: Buffer) => ({ mediaType, size: data.length, digest: sha256(data) });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: part('application/vnd.docker.container.image.v1+json', config),
      layers: [part('application/vnd.docker.image.rootfs.diff.tar.gzip', layer)],
    }),
  );
  const path = `/v2/${image.repository}/manifests/${image.tag}`;
  const headers = { 'content-type': manifestType };
  await expect(door, [200, 201], { port: image.port, path, method: 'PUT', headers, body: manifest });
  return { digest: sha256(manifest), bytes: layer.length + config.length + manifest.length };
}

async function uploadBlob(door: RegistryDoor, { port, repository }: TinyImage, data: Buffer): Promise<void> {
  const digest = sha256(data);
  const start = await expect(door, [202], {
    port,
    path: `/v2/${repository}/blobs/uploads/`,
    method: 'POST',
    body: Buffer.alloc(0),
  });
  const headers = { 'content-type': 'application/octet-stream' };
  const patched = await expect(door, [202], { port, path: location(start), method: 'PATCH', headers, body: data });
  const end = location(patched);
  const path = `${end}${end.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
  await expect(door, [201], { port, path, method: 'PUT', body: Buffer.alloc(0) });
}

/** Only the path counts: Kraken's inner nginx names a port that no client can reach. */
function location(response: HttpResponse): string {
  const value = response.headers.location;
  if (typeof value !== 'string') throw new Error('the registry answered an upload without a Location');
  const url = new URL(value, 'http://registry');
  return `${url.pathname}${url.search}`;
}

/** Manifest, config and layers by digest, each checked against it. */
export async function pullByDigest(
  door: RegistryDoor,
  { port, repository, digest }: { port: number; repository: string; digest: string },
): Promise<void> {
  const headers = { accept: manifestType };
  const path = `/v2/${repository}/manifests/${digest}`;
  const manifest = await expect(door, [200], { port, path, headers });
  verifyContent(door.host.id, manifest.body, digest);
  const parsed = JSON.parse(manifest.body.toString()) as { config: { digest: string }; layers: { digest: string }[] };
  for (const part of [parsed.config, ...parsed.layers]) {
    const blob = await expect(door, [200], { port, path: `/v2/${repository}/blobs/${part.digest}` });
    verifyContent(door.host.id, blob.body, part.digest);
  }
}

/** @throws {WrongContentError} when the bytes are not those of the digest. */
export function verifyContent(host: string, body: Buffer, digest: string): void {
  const found = sha256(body);
  if (found !== digest) throw new WrongContentError(`asked for ${digest} and was given ${found}`, host);
}

async function expect(door: RegistryDoor, statuses: number[], request: HttpRequest): Promise<HttpResponse> {
  const response = await door.http(request);
  if (statuses.includes(response.status)) return response;
  const body = response.body.toString().trim().slice(0, 300);
  const what = `${request.method ?? 'GET'} http://127.0.0.1:${request.port}${request.path} on ${door.host.id}`;
  throw new RemoteCommandError(`${what}: HTTP ${response.status} ${body}`, door.host.id, response.status, body);
}

/** A ustar archive of one file with nothing in it that changes from run to run. */
function oneFileTar(name: string, contents: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${contents.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((n, byte) => n + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((512 - (contents.length % 512)) % 512);
  return Buffer.concat([header, contents, padding, Buffer.alloc(1024)]);
}
