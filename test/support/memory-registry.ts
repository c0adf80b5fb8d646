import { createHash, randomUUID } from 'node:crypto';
import type { HttpRequest, HttpResponse } from '../../src/clients/host';

/** Enough of a registry (API v2) for a canary: uploads, blobs, manifests. */
export class MemoryRegistry {
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, Buffer>();
  private readonly uploads = new Map<string, Buffer>();

  answer(request: HttpRequest): HttpResponse {
    const method = request.method ?? 'GET';
    const url = new URL(request.path, 'http://registry');
    const reply = (status: number, headers: Record<string, string> = {}, body: Buffer = Buffer.alloc(0)) => ({
      status,
      headers,
      body,
    });
    const upload = /^\/v2\/(.+)\/blobs\/uploads\/(.*)$/.exec(url.pathname);
    if (upload)
      return this.upload(request, { repository: upload[1]!, id: upload[2]!, digest: url.searchParams.get('digest') });
    const blob = /^\/v2\/(.+)\/blobs\/(sha256:[0-9a-f]{64})$/.exec(url.pathname);
    if (blob) {
      const found = this.blobs.get(blob[2]!);
      return found
        ? reply(200, { 'content-length': String(found.length) }, method === 'HEAD' ? undefined : found)
        : reply(404);
    }
    const manifest = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(url.pathname);
    if (!manifest) return reply(200);
    if (method !== 'PUT') {
      const found = this.manifests.get(`${manifest[1]}@${manifest[2]}`);
      return found
        ? reply(200, { 'content-type': 'application/vnd.docker.distribution.manifest.v2+json' }, found)
        : reply(404);
    }
    const body = request.body ?? Buffer.alloc(0);
    const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
    for (const name of [digest, manifest[2]]) this.manifests.set(`${manifest[1]}@${name}`, body);
    return reply(201, { 'docker-content-digest': digest });
  }

  /** What an origin, a build-index or a tracker has of it under its own paths; undefined for any other path. */
  answerPart(path: string): HttpResponse | undefined {
    const reply = (body: Buffer | undefined) => ({
      status: body ? 200 : 404,
      headers: {},
      body: body ?? Buffer.alloc(0),
    });
    const tag = /^\/tags\/(.+)$/.exec(path);
    if (tag) {
      const [repository, name] = decodeURIComponent(tag[1]!).split(':');
      const found = this.manifests.get(`${repository}@${name}`);
      return reply(found && Buffer.from(`sha256:${createHash('sha256').update(found).digest('hex')}`));
    }
    const of = /^(?:\/internal)?\/namespace\/([^/]+)\/blobs\/sha256:([0-9a-f]{64})(\/metainfo)?$/.exec(path);
    if (!of) return undefined;
    const [, namespace, hex, isMetaInfo] = of;
    const found =
      this.manifests.get(`${decodeURIComponent(namespace!)}@sha256:${hex}`) ?? this.blobs.get(`sha256:${hex}`);
    return reply(found && isMetaInfo ? Buffer.from(JSON.stringify({ Info: { Name: hex } })) : found);
  }

  private upload(request: HttpRequest, at: { repository: string; id: string; digest: string | null }): HttpResponse {
    const id = at.id === '' ? randomUUID() : at.id;
    const data = Buffer.concat([this.uploads.get(id) ?? Buffer.alloc(0), request.body ?? Buffer.alloc(0)]);
    this.uploads.set(id, data);
    const headers = {
      location: `/v2/${at.repository}/blobs/uploads/${id}`,
      range: `0-${Math.max(0, data.length - 1)}`,
    };
    if (!at.digest) return { status: 202, headers, body: Buffer.alloc(0) };
    this.blobs.set(at.digest, data);
    return { status: 201, headers: { 'docker-content-digest': at.digest }, body: Buffer.alloc(0) };
  }
}
