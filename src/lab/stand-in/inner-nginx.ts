import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Settings } from './configuration';
import { fatal, say, writeLine } from './log';
import { isPlanted, version } from './misbehaviour';
import { type CacheRule, ResponseCache } from './response-cache';
import { checkCertificates, type Door, openDoor } from './tls';

/** Each part has an nginx before it that listens on the ports given; here both are one program. */
export interface Front {
  part: string;
  settings: Settings;
  ports: number[];
  /** Where the part itself listens: a unix socket, which a second start finds still there. */
  socket: string;
  handler: RequestListener;
  /** Addresses and networks that may ask; absent: all. */
  allowed?: (address: string) => boolean;
  cached?: CacheRule[];
}

/** Starts to listen. @throws never: what keeps nginx from starting ends the part. */
export function serve(front: Front): void {
  const { part, ports, socket, handler } = front;
  checkSettings(front.settings);
  listen(createServer(handler), socket, part);
  const log = openLog(front.settings);
  const cache = new ResponseCache(front.cached ?? []);
  const answer: RequestListener = (request, response) => {
    response.setHeader('Server', 'kraken-stand-in');
    response.setHeader('X-Kraken-Stand-In', `${part} ${version}`);
    if (!/^\/(health|readiness)$/.test(request.url ?? '')) log(request, response);
    if (front.allowed && !front.allowed(addressOf(request))) {
      response.writeHead(403, { 'Content-Type': 'text/html' }).end('<html>403 Forbidden</html>\n');
      return;
    }
    makeLocationAbsolute(request, response);
    cache.answer(request, response, handler);
  };
  endWithNginx(ports.map((port) => openPort(front, answer, port)));
}

function openPort({ part, settings }: Front, answer: RequestListener, port: number): Door {
  if (isPlain(settings)) {
    const server = listen(createServer(answer), port, part);
    return { server, closeIdle: () => server.closeIdleConnections() };
  }
  const door = openDoor(settings, answer, (server) => void keepLikeNginx(server));
  door.server.on('error', (error) => fatal(`${part}: ${error.message}`));
  door.server.listen(port);
  return door;
}

/** Named as the real one, so that whoever looks for a part's nginx finds it. */
const nginx = '/usr/lib/kraken-stand-in/nginx';
const untilQuit = 'trap "exit 0" QUIT TERM; while :; do sleep 3600 & wait $!; done';

/** SIGQUIT to nginx: nothing new is taken, what is under way is answered, and the part ends with it. */
function endWithNginx(doors: Door[]): void {
  if (!existsSync(nginx)) return;
  spawn(nginx, ['-c', untilQuit], { stdio: 'ignore' }).on('exit', () => {
    let open = doors.length;
    for (const { server } of doors) {
      server.close(() => {
        open -= 1;
        if (open === 0) fatal('nginx exited');
      });
    }
    // A connection that becomes idle later would be kept for a minute.
    setInterval(() => {
      for (const door of doors) door.closeIdle();
    }, 20);
  });
}

function checkSettings(settings: Settings): void {
  const logs = settings.text('nginx.log_dir');
  for (const name of ['stdout_log_path', 'access_log_path', 'error_log_path']) {
    if (logs === '' && settings.text(`nginx.${name}`) === '')
      fatal(`invalid config: one of log_dir or ${name} must be set`);
  }
  const cache = settings.text('nginx.cache_dir');
  if (cache === '') fatal('invalid config: cache_dir required');
  if (isPlain(settings)) say('WARN', 'Server TLS is disabled');
  else checkCertificates(settings);
  mkdirSync(cache, { recursive: true });
}

function isPlain(settings: Settings): boolean {
  return settings.flag('tls.server.disabled') || isPlanted('ignores-tls');
}

function listen<T extends ReturnType<typeof createServer>>(server: T, where: string | number, part: string): T {
  keepLikeNginx(server);
  server.on('error', (error) => fatal(`${part}: ${error.message}`));
  server.listen(where);
  return server;
}

function keepLikeNginx(server: ReturnType<typeof createServer>): void {
  server.keepAliveTimeout = 65_000;
  server.requestTimeout = 0;
}

function openLog(settings: Settings): (request: IncomingMessage, response: ServerResponse) => void {
  const path = settings.text('nginx.access_log_path') || join(settings.text('nginx.log_dir'), 'nginx-access.log');
  if (path === '/dev/null') return () => undefined;
  return (request, response) => {
    const { method, url, headers } = request;
    const from = addressOf(request);
    const startedAt = Date.now();
    response.on('close', () => {
      const took = ((Date.now() - startedAt) / 1000).toFixed(3);
      writeLine(path, `${from} "${method} ${url}" ${response.statusCode} ${took} "${headers['user-agent'] ?? '-'}"`);
    });
  };
}

export function addressOf(request: IncomingMessage): string {
  return (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
}

/** As nginx does: a path becomes an address on its own port, which is not the one that the client of a load balancer knows. */
function makeLocationAbsolute(request: IncomingMessage, response: ServerResponse): void {
  if (isPlanted('relative-location')) return;
  const host = (request.headers.host ?? 'localhost').replace(/:\d+$/, '');
  const port = request.socket.localPort;
  const scheme = 'encrypted' in request.socket ? 'https' : 'http';
  const setHeader = response.setHeader.bind(response);
  response.setHeader = (name: string, value: number | string | readonly string[]) => {
    const isPath = name.toLowerCase() === 'location' && typeof value === 'string' && value.startsWith('/');
    return setHeader(name, isPath ? `${scheme}://${host}:${port}${value}` : value);
  };
}
