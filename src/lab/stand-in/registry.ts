import type { RequestListener } from 'node:http';
import { sendStream } from './http-router';
import { say } from './log';
import { asServed } from './misbehaviour';
import { answerManifest, putManifest } from './registry-manifests';
import { type ImageSource, RegistryFailure, type RegistryRequest, readDigest } from './registry-request';
import { cancelUpload, finishUpload, patchUpload, startUpload, uploadStatus } from './registry-uploads';

type Answer = (request: RegistryRequest) => Promise<void>;

const table: [methods: string, path: RegExp, answer: Answer][] = [
  ['POST', /^\/v2\/(.+)\/blobs\/uploads\/()$/, startUpload],
  ['GET HEAD', /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, uploadStatus],
  ['PATCH', /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, patchUpload],
  ['PUT', /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, finishUpload],
  ['DELETE', /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, cancelUpload],
  ['GET HEAD', /^\/v2\/(.+)\/blobs\/([^/]+)$/, answerBlob],
  ['GET HEAD', /^\/v2\/(.+)\/manifests\/([^/]+)$/, answerManifest],
  ['PUT', /^\/v2\/(.+)\/manifests\/([^/]+)$/, putManifest],
  ['GET', /^\/v2\/(.+)\/tags\/list()$/, listTags],
  [
    'GET HEAD',
    /^\/v2()()\/$/,
    async ({ response }) => void response.setHeader('Content-Type', 'application/json').end('{}'),
  ],
];

/** Registry HTTP API v2. */
export function createRegistry(source: ImageSource): RequestListener {
  return (request, response) => {
    const [path = '/', query = ''] = (request.url ?? '/').split('?');
    response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
    const rows = table.filter(([, pattern]) => pattern.test(path));
    const row = rows.find(([methods]) => methods.split(' ').includes(request.method ?? ''));
    if (!row)
      return void response.writeHead(rows.length > 0 ? 405 : 404).end(rows.length > 0 ? '' : '404 page not found\n');
    const [, repository = '', reference = ''] = row[1].exec(path) ?? [];
    const one = { source, request, response, repository, reference, query: new URLSearchParams(query) };
    row[2](one).then(
      () => response.writableEnded || response.end(),
      (error: Error) => refuse(one, error),
    );
  };
}

function refuse({ request, response }: RegistryRequest, error: Error): void {
  const failure = error instanceof RegistryFailure ? error : new RegistryFailure(500, 'UNKNOWN', error.message);
  if (failure.status >= 500) say('ERROR', `${request.method} ${request.url}: ${failure.message}`);
  request.resume();
  if (response.headersSent) return void response.destroy();
  response.writeHead(failure.status, { 'Content-Type': 'application/json; charset=utf-8' });
  response.end(`${JSON.stringify({ errors: [{ code: failure.code, message: failure.message }] })}\n`);
}

async function answerBlob({ source, request, response, repository, reference }: RegistryRequest): Promise<void> {
  const hex = readDigest(reference);
  const size = await source.size(repository, hex);
  if (size === undefined) throw new RegistryFailure(404, 'BLOB_UNKNOWN', 'blob unknown to registry');
  response.setHeader('Content-Type', 'application/octet-stream');
  response.setHeader('Docker-Content-Digest', reference);
  response.setHeader('Etag', `"${reference}"`);
  response.setHeader('Accept-Ranges', 'bytes');
  if (request.method === 'HEAD') return void response.setHeader('Content-Length', size).end();
  if (!(await source.fetch(repository, hex)))
    throw new RegistryFailure(404, 'BLOB_UNKNOWN', 'blob unknown to registry');
  const range = readRange(request.headers.range, size);
  if (range) response.writeHead(206, { 'Content-Range': `bytes ${range.start}-${range.end}/${size}` });
  response.headersSent || response.setHeader('Content-Length', size);
  await sendStream(response, asServed(source.store.read(hex, range)));
}

function readRange(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(header ?? '') ?? [];
  if (from === undefined || Number(from) >= size) return undefined;
  return { start: Number(from), end: Math.min(to ? Number(to) : size - 1, size - 1) };
}

async function listTags({ source, response, repository }: RegistryRequest): Promise<void> {
  const known = await source.sink?.listTags(repository).catch(() => undefined);
  if (!known) throw new RegistryFailure(404, 'NAME_UNKNOWN', 'repository name not known to registry');
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.end(`${JSON.stringify({ name: repository, tags: known })}\n`);
}
