import { request as httpRequest, type IncomingMessage } from 'node:http';
import { HostUnreachableError } from './errors';
import type { HttpRequest, HttpResponse } from './host';
import type { SshConnection } from './ssh';
import { StreamAgent } from './stream-agent';

const defaultTimeoutMs = 10_000;
const biggestBody = 16 * 1024 * 1024;
/** Each is a forward, which sshd does not count among its sessions. */
const socketsPerPort = 4;

/** HTTP to 127.0.0.1 of the host. */
export function createHttp(ssh: SshConnection): (request: HttpRequest) => Promise<HttpResponse> {
  const agents = new Map<number, StreamAgent>();
  return (request) => {
    let agent = agents.get(request.port);
    if (!agent) {
      // Not kept alive: a forward opens in a millisecond, and a server that drops idle connections would fail the next probe.
      agent = new StreamAgent(() => ssh.forward(request.port), { maxSockets: socketsPerPort, keepAlive: false });
      agents.set(request.port, agent);
    }
    return send(ssh.host, agent, request);
  };
}

function send(host: string, agent: StreamAgent, request: HttpRequest): Promise<HttpResponse> {
  const { port, path, method = 'GET', headers = {}, body, timeoutMs = defaultTimeoutMs } = request;
  const what = `${method} http://127.0.0.1:${port}${path} on ${host}`;
  return new Promise((resolve, reject) => {
    const length = body ? { 'content-length': String(body.length) } : {};
    const sent = httpRequest({ agent, host: '127.0.0.1', port, path, method, headers: { ...headers, ...length } });
    const timer = setTimeout(() => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    const fail = (error: Error) => {
      clearTimeout(timer);
      reject(new HostUnreachableError(`${what}: ${error.message}`, host, { cause: error }));
    };
    sent.on('error', fail);
    sent.on('response', (response) => {
      read(response).then((bytes) => {
        clearTimeout(timer);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes });
      }, fail);
    });
    sent.end(body);
  });
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
