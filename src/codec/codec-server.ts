import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Payload, PayloadCodec } from '@temporalio/common';

/** Decodes payloads for Temporal's Web UI and CLI, by their codec server protocol: `POST /decode` with `{"payloads": […]}`. */
export interface CodecServerOptions {
  codec: PayloadCodec;
  /** Only pages from there may ask: `http://127.0.0.1:8233`. */
  uiOrigin: string;
  host: string;
  port: number;
}

export interface CodecServer {
  /** `http://127.0.0.1:8234` */
  url: string;
  close(): Promise<void>;
}

/** A page of a long history; far more than one payload may have (2 MiB). */
const largestBody = 64 * 1024 * 1024;

/** Listening when it resolves. @throws {Error} EADDRINUSE and the like, as the system says it. */
export async function startCodecServer(options: CodecServerOptions): Promise<CodecServer> {
  const server = createServer((request, response) => {
    answer(request, response, options).catch(() => end(response, 500, { error: 'internal' }));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  return { url: urlOf(server), close: () => close(server) };
}

function urlOf(server: Server): string {
  const { address, port, family } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

async function answer(request: IncomingMessage, response: ServerResponse, options: CodecServerOptions): Promise<void> {
  const { origin } = request.headers;
  const path = request.url?.split('?')[0];
  if (origin !== undefined && origin !== options.uiOrigin) {
    return end(response, 403, { error: `pages from ${options.uiOrigin} alone may ask` });
  }
  if (origin !== undefined) allow(response, origin);
  if (request.method === 'OPTIONS') return end(response, 204);
  if (path === '/health') return end(response, 200, { ok: true });
  if (path !== '/decode') return end(response, 404, { error: 'POST /decode is all there is' });
  if (request.method !== 'POST') return end(response, 405, { error: 'expected POST' });
  // A form of another page cannot send this type without asking first.
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
    return end(response, 415, { error: 'expected application/json' });
  }
  const body = await readBody(request);
  if (body === undefined) return end(response, 413, { error: `expected at most ${largestBody} bytes` });
  const payloads = parsePayloads(body);
  if (!payloads) return end(response, 400, { error: 'expected {"payloads": [{"metadata": {…}, "data": "…"}]}' });
  try {
    const decoded = await options.codec.decode(payloads);
    end(response, 200, { payloads: decoded.map(toJson) });
  } catch (error) {
    end(response, 400, { error: error instanceof Error ? error.message : String(error) });
  }
}

function allow(response: ServerResponse, origin: string): void {
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Access-Control-Allow-Methods', 'POST, OPTIONS');
  response.setHeader('Access-Control-Allow-Headers', 'content-type, x-namespace, authorization');
  response.setHeader('Access-Control-Allow-Credentials', 'true');
  response.setHeader('Vary', 'Origin');
}

function end(response: ServerResponse, status: number, body?: object): void {
  const text = body === undefined ? '' : JSON.stringify(body);
  response.writeHead(status, body === undefined ? {} : { 'content-type': 'application/json' });
  response.end(text);
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    // Read on without keeping it, so that the answer can still be sent.
    if (bytes <= largestBody) parts.push(part);
  }
  return bytes > largestBody ? undefined : Buffer.concat(parts).toString('utf8');
}

interface JsonPayload {
  metadata?: Record<string, string>;
  data?: string;
}

function parsePayloads(body: string): Payload[] | undefined {
  try {
    const { payloads } = JSON.parse(body) as { payloads?: unknown };
    return Array.isArray(payloads) ? payloads.map(fromJson) : undefined;
  } catch {
    return undefined;
  }
}

const bytesOf = (value: unknown): Buffer => {
  if (typeof value !== 'string') throw new TypeError('expected base64');
  return Buffer.from(value, 'base64');
};

function fromJson(value: unknown): Payload {
  const { metadata = {}, data = '' } = value as JsonPayload;
  const entries = Object.entries(metadata).map(([name, text]) => [name, bytesOf(text)] as const);
  return { metadata: Object.fromEntries(entries), data: bytesOf(data) };
}

function toJson({ metadata, data }: Payload): JsonPayload {
  const entries = Object.entries(metadata ?? {}).map(([name, value]) => [name, base64(value)] as const);
  return { metadata: Object.fromEntries(entries), data: base64(data ?? new Uint8Array()) };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
