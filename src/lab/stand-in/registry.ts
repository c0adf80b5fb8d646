import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { BlobStore } from './blob-store';
import { say } from './log';
import { hexOf } from './peer';
import { answerManifest, putManifest } from './registry-manifests';
import { cancelUpload, finishUpload, patchUpload, startUpload, uploadStatus } from './registry-uploads';

/** Where a registry's images come from; {@link ImageSink} is what proxies have in addition. */
export interface ImageSource {
  store: BlobStore;
  /** Into the store, when it is not there yet; false when nobody has it. */
  fetch(repository: string, hex: string): Promise<boolean>;
  /** Length of a blob, wherever it is. */
  size(repository: string, hex: string): Promise<number | undefined>;
  findTag(tag: string): Promise<string | undefined>;
  sink?: ImageSink;
}

export interface ImageSink {
  /** From the store to where it stays. */
  upload(hex: string): Promise<void>;
  putTag(tag: string, hex: string): Promise<void>;
  listTags(repository: string): Promise<string[]>;
}

/** One request to a registry, after its path was read. */
export interface RegistryRequest {
  source: ImageSource;
  request: IncomingMessage;
  response: ServerResponse;
  repository: string;
  /** Tag or digest, or an upload's id. */
  reference: string;
  query: URLSearchParams;
}

/** An answer in the registry's own form. */
export class RegistryFailure extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

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

/** @throws {RegistryFailure} 400 */
export function readDigest(text: string): string {
  const hex = hexOf(text);
  if (!hex) throw new RegistryFailure(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
  return hex;
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
  await new Promise((resolve, reject) => {
    source.store.read(hex, range).on('error', reject).pipe(response).on('close', resolve).on('error', reject);
  });
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
