import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { HostUnreachableError } from './errors';
import type { HttpRequest, HttpResponse, TlsClient } from './host';
import { Slots } from './slots';
import type { SshConnection } from './ssh';
import { asSocket } from './stream-agent';

const defaultTimeoutMs = 10_000;
const biggestBody = 16 * 1024 * 1024;
/** Each is a forward, which sshd does not count among its sessions. */
const atOncePerPort = 4;

type Forwarding = Pick<SshConnection, 'host' | 'forward'>;

/** HTTP to 127.0.0.1 of the host. It is over in `timeoutMs`, whatever its connection does. */
export function createHttp(ssh: Forwarding): (request: HttpRequest) => Promise<HttpResponse> {
  const ports = new Map<number, Slots>();
  return async (request) => {
    const { port, path, method = 'GET', timeoutMs = defaultTimeoutMs } = request;
    const slots = ports.get(port) ?? new Slots(atOncePerPort);
    ports.set(port, slots);
    const over = new AbortController();
    const late = new Promise<never>((_, reject) =>
      over.signal.addEventListener('abort', () => reject(over.signal.reason)),
    );
    const timer = setTimeout(() => over.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    try {
      return await Promise.race([late, slots.run(() => exchange(ssh, request, over.signal))]);
    } catch (error) {
      const what = `${method} http${request.tls ? 's' : ''}://127.0.0.1:${port}${path} on ${ssh.host}`;
      throw new HostUnreachableError(`${what}: ${(error as Error).message}`, ssh.host, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  };
}

/** What OpenSSL says of an answer that is no TLS. */
export const notTls = /wrong version number|packet length too long|http request/i;

async function exchange(ssh: Forwarding, request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
  const { tls, ...plain } = request;
  try {
    return await exchangeOnce(ssh, request, signal);
  } catch (error) {
    if (!tls?.orPlain || !notTls.test((error as Error).message)) throw error;
    return exchangeOnce(ssh, plain, signal);
  }
}

/** A handshake over any stream; resolves when the other side has shown what it must. */
export async function secured(stream: Duplex, { trusted, certificate, key, name }: TlsClient): Promise<TLSSocket> {
  const socket = connectTls({ socket: stream, ca: trusted, cert: certificate, key, servername: name });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      socket.removeListener('error', reject);
      resolve(socket);
    });
    stream.once('close', () => reject(new Error('closed during the TLS handshake')));
  });
}

/** Over a forward of its own: one opens in a millisecond, and a server that drops idle connections would fail the next probe. */
async function exchangeOnce(ssh: Forwarding, request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
  signal.throwIfAborted();
  const forward = asSocket(await ssh.forward(request.port));
  const dropped = () => forward.destroy();
  signal.addEventListener('abort', dropped);
  let stream: Duplex = forward;
  try {
    signal.throwIfAborted();
    if (request.tls) stream = await secured(forward, request.tls);
    const { port, path, method = 'GET', headers = {}, body } = request;
    const length = body ? { 'content-length': String(body.length) } : {};
    const from = { host: '127.0.0.1', port, path, method, headers: { ...headers, ...length }, signal };
    return await new Promise((resolve, reject) => {
      const sent = httpRequest({ ...from, createConnection: () => stream as Socket });
      sent.on('error', reject);
      sent.on('response', (response) => {
        const { statusCode: status = 0, headers } = response;
        read(response).then((bytes) => resolve({ status, headers, body: bytes }), reject);
      });
      sent.end(body);
    });
  } finally {
    signal.removeEventListener('abort', dropped);
    stream.destroy();
    forward.destroy();
    // A channel is closed only for those who have read all of it.
    forward.resume();
  }
}

async function read(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > biggestBody) throw new Error('the answer is larger than 16 MiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
