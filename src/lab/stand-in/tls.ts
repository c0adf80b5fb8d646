import { existsSync, readFileSync } from 'node:fs';
import { createServer as createHttp, type RequestListener, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import type { Settings } from './configuration';
import { fatal } from './log';

/** TLS as Kraken has it: its nginx as server, its Go as client, one name for all servers. */

interface Files extends SecureContextOptions {
  ca: string[];
  cert?: string;
  key?: string;
}

function filesOf(settings: Settings, side: 'server' | 'client'): Files {
  const path = (name: string) => settings.text(`tls.${side}.${name}.path`);
  const text = (name: string) => (path(name) === '' ? undefined : readFileSync(path(name), 'utf8'));
  const ca = settings.parts('tls.cas').map((it) => readFileSync(it.text('path'), 'utf8'));
  return { ca, cert: text('cert'), key: text('key') };
}

/** As nginx is started: every file must be there, the passphrase too, which may be empty. Ends the part otherwise. */
export function checkCertificates(settings: Settings): void {
  const own = ['cert', 'key', 'passphrase'].map((name) => settings.text(`tls.server.${name}.path`));
  const paths = [...settings.parts('tls.cas').map((it) => it.text('path')), ...own];
  const missing = paths.find((path) => path === '' || !existsSync(path));
  if (missing !== undefined) fatal(`invalid TLS config: stat ${missing}: no such file or directory`);
}

/** Of a template of one's own only this is understood: that who comes without TLS is answered all the same. */
function answersPlain(settings: Settings): boolean {
  const path = settings.text('nginx.template_path');
  return path !== '' && readFileSync(path, 'utf8').includes('error_page 497 = @plain;');
}

const refusedPlain = '<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>\n';
const handshakeRecord = 0x16;

export interface Door {
  server: Server | NetServer;
  closeIdle(): void;
}

/** One port that takes TLS, and plain requests where the template says so; with nginx's own answer otherwise. */
export function openDoor(settings: Settings, answer: RequestListener, configure: (server: Server) => void): Door {
  const plainly = answersPlain(settings);
  const inTls = createHttps(
    {
      ...filesOf(settings, 'server'),
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => {
      const socket = request.socket as TLSSocket;
      const status = refusal(socket, request.method ?? '');
      if (status === undefined) return answer(request, response);
      response.writeHead(status, { 'Content-Type': 'text/html', Connection: 'close' }).end(`<html>${status}</html>\n`);
    },
  );
  const plain = createHttp((request, response) => {
    if (plainly) return answer(request, response);
    response.writeHead(400, { 'Content-Type': 'text/html', Connection: 'close' }).end(refusedPlain);
  });
  for (const server of [inTls, plain]) configure(server);
  // A handshake that fails ends its connection, and nothing else.
  inTls.on('tlsClientError', (_, socket) => socket.destroy());
  const server = createServer((socket) => route(socket, inTls, plain));
  const closeIdle = () => {
    inTls.closeIdleConnections();
    plain.closeIdleConnections();
  };
  return { server, closeIdle };
}

/** The first byte tells the languages apart. */
function route(socket: Socket, inTls: Server, plain: Server): void {
  socket.on('error', () => socket.destroy());
  socket.once('data', (first: Buffer) => {
    socket.pause();
    socket.unshift(first);
    (first[0] === handshakeRecord ? inTls : plain).emit('connection', socket);
    process.nextTick(() => socket.resume());
  });
}

/** Kraken's `client_verification`: everybody may read, and 127.0.0.1 may do all; a certificate that is no good is never taken. */
function refusal(socket: TLSSocket, method: string): number | undefined {
  const shown = Object.keys(socket.getPeerCertificate() ?? {}).length > 0;
  if (shown && !socket.authorized) return 400;
  const from = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  if (/^(GET|HEAD)$/.test(method) || from === '127.0.0.1' || shown) return undefined;
  return 403;
}

interface Client extends Files {
  servername: string;
}
let client: Client | undefined;

/** From now on this program asks the other parts in TLS, where its configuration says so. */
export function speakTls(settings: Settings): void {
  if (settings.flag('tls.client.disabled')) return;
  // Kraken itself builds its client only when it first asks; without a certificate it has none to show.
  if (settings.text('tls.client.cert.path') === '' && settings.parts('tls.cas').length === 0) return;
  client = { ...filesOf(settings, 'client'), servername: settings.text('tls.name') };
}

export function clientTls(): Client | undefined {
  return client;
}
