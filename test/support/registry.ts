import { createHash } from 'node:crypto';

/** A registry as it is on the wire (API v2), for images that no build makes; imports nothing of src. */
export interface Tag {
  /** `127.0.0.1:5000` */
  registry: string;
  repository: string;
  tag: string;
}

interface Manifest {
  mediaType?: string;
  config: { digest: string; size: number };
}

export type ImageConfig = Record<string, unknown> & { config?: Record<string, unknown> };

const manifestTypes =
  'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json';
const sha256 = (bytes: string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Gives the image another configuration and puts it under another tag of its repository; resolves with its digest. */
export async function pushChanged(from: Tag, to: string, change: (config: ImageConfig) => ImageConfig) {
  const base = `http://${from.registry}/v2/${from.repository}`;
  const found = await ask(`${base}/manifests/${from.tag}`, { headers: { accept: manifestTypes } });
  const type = found.headers.get('content-type')!;
  const manifest = (await found.json()) as Manifest;
  const config = (await (await ask(`${base}/blobs/${manifest.config.digest}`)).json()) as ImageConfig;
  const changed = JSON.stringify(change(config));
  await upload(base, changed);
  const body = JSON.stringify({
    ...manifest,
    config: { ...manifest.config, digest: sha256(changed), size: Buffer.byteLength(changed) },
  });
  await ask(`${base}/manifests/${to}`, { method: 'PUT', headers: { 'content-type': type }, body });
  return sha256(body);
}

async function upload(base: string, body: string): Promise<void> {
  const begun = await ask(`${base}/blobs/uploads/`, { method: 'POST' });
  const url = new URL(begun.headers.get('location')!, base);
  url.searchParams.set('digest', sha256(body));
  await ask(url.href, { method: 'PUT', headers: { 'content-type': 'application/octet-stream' }, body });
}

async function ask(url: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`${init.method ?? 'GET'} ${url}: ${response.status} ${await response.text()}`);
  return response;
}
