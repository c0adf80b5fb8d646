import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { say } from './log';

/** One request on its way through a part. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** Values of the path's `:name` parts, decoded. */
  params: string[];
  query: URLSearchParams;
}

export type Handler = (exchange: Exchange) => void | Promise<void>;
/** Method, path with `:name` for one segment and `*` for the rest, handler. */
export type Route = [method: string, path: string, handler: Handler];

/** Ends a request with this status; the message is its body. */
export class HttpFailure extends Error {
  constructor(
    readonly status: number,
    message = '',
  ) {
    super(message);
  }
}

export function createRouter(routes: Route[]): RequestListener {
  const table = routes.map(([method, path, handler]) => ({ method, pattern: toPattern(path), handler }));
  return (request, response) => {
    const [path = '/', query = ''] = (request.url ?? '/').split('?');
    const matching = table.flatMap((row) => {
      const found = row.pattern.exec(path);
      return found ? [{ ...row, params: found.slice(1).map(decode) }] : [];
    });
    const row = matching.find(({ method }) => method === request.method);
    if (!row) return refuse(response, matching.length > 0 ? 405 : 404);
    void answer(row.handler, { request, response, params: row.params, query: new URLSearchParams(query) });
  };
}

function toPattern(path: string): RegExp {
  return new RegExp(`^${path.replace(/:\w+/g, '([^/]+)').replace('*', '(.*)')}$`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(status === 404 ? '404 page not found\n' : '');
}

async function answer(handler: Handler, exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  try {
    await handler(exchange);
    if (!response.writableEnded) response.end();
  } catch (error) {
    const failure = error instanceof HttpFailure ? error : new HttpFailure(500, (error as Error).message);
    if (failure.status >= 500) say('ERROR', `${request.method} ${request.url}: ${failure.message}`);
    // Half of an answer cannot be taken back: cutting it tells the client.
    if (response.headersSent) response.destroy();
    else response.writeHead(failure.status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(failure.message);
    request.resume();
  }
}

export async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** @throws {HttpFailure} 500, as the parts answer to a body that is no JSON. */
export async function readJson<T>(request: IncomingMessage): Promise<T> {
  try {
    return JSON.parse(await readText(request)) as T;
  } catch (error) {
    throw new HttpFailure(500, `json decode request: ${(error as Error).message}`);
  }
}

/** A client that goes away in the middle is its own affair. */
export async function sendStream(response: ServerResponse, from: Readable): Promise<void> {
  await pipeline(from, response).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  });
}

export function sendJson(response: ServerResponse, value: unknown): void {
  response.setHeader('Content-Type', 'application/json');
  response.end(`${JSON.stringify(value)}\n`);
}

export function sendText(response: ServerResponse, text: string): void {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.end(text);
}
