import { type IncomingMessage, request } from 'node:http';
import { request as requestInTls } from 'node:https';
import type { Readable } from 'node:stream';
import { clientTls } from './tls';

/** Requests of one part to another. */
export interface Call {
  method?: string;
  headers?: Record<string, string | number>;
  body?: string | Readable;
  /** Peers and backends are no parts of Kraken's own: they are asked without TLS. */
  plain?: boolean;
  /** Longest silence, and longest wait for a connection. */
  timeoutMs?: number;
}

/** No answer came: nobody there, or the connection broke. */
export class NetworkFailure extends Error {}

/** An answer came, with a status that the caller cannot use. */
export class StatusFailure extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const connectWithinMs = 5_000;

/** Resolves with the answer's head, whatever its status; its body is still to be read. @throws {NetworkFailure} */
export function open(
  url: string,
  { method = 'GET', headers, body, plain = false, timeoutMs = 60_000 }: Call = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new NetworkFailure(`${method} ${url}: ${why}`));
    // A connection for each request: none that the other side closed meanwhile is ever used again.
    const tls = plain ? undefined : clientTls();
    const options = { method, headers, agent: false as const };
    // Without TLS nothing is tried in its place, as in Kraken since v0.1.6.
    const call = tls
      ? requestInTls(url.replace(/^http:/, 'https:'), { ...options, ...tls }, resolve)
      : request(url, options, resolve);
    const timer = setTimeout(() => call.destroy(new Error('dial timeout')), Math.min(connectWithinMs, timeoutMs));
    call.on('socket', (socket) => {
      socket.once('connect', () => clearTimeout(timer));
      socket.setTimeout(timeoutMs, () => call.destroy(new Error('timeout')));
    });
    call.on('error', (error) => fail(error.message));
    call.on('close', () => clearTimeout(timer));
    if (body === undefined || typeof body === 'string') call.end(body);
    else body.on('error', (error) => call.destroy(error)).pipe(call);
  });
}

/** Resolves with an answer of status 200 to 299 but 202. @throws {StatusFailure} for others. @throws {NetworkFailure} */
export async function send(url: string, call: Call = {}): Promise<IncomingMessage> {
  const answer = await open(url, call);
  const status = answer.statusCode ?? 0;
  if (status >= 200 && status < 300 && status !== 202) return answer;
  const text = await readAll(answer);
  throw new StatusFailure(status, `${call.method ?? 'GET'} ${url} ${status}: ${text.toString('utf8').slice(0, 300)}`);
}

export async function readAll(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of answer) chunks.push(chunk as Buffer);
  } catch (error) {
    throw new NetworkFailure((error as Error).message);
  }
  return Buffer.concat(chunks);
}

/** As {@link send}, with the whole body. */
export async function fetchText(url: string, call: Call = {}): Promise<string> {
  return (await readAll(await send(url, call))).toString('utf8');
}
