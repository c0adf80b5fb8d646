import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HostUnreachableError } from '../../src/clients/errors';
import { createHttp } from '../../src/clients/http';
import { startSshd, type TestSshd } from '../support/ssh-server';

let sshd: TestSshd;
let server: Server;
afterEach(() => {
  sshd.close();
  server.close();
  server.closeAllConnections();
});

/** A server of the host that answers only while `answers`. */
async function open() {
  sshd = await startSshd();
  const state = { answers: true, asked: 0 };
  server = createServer((request, response) => {
    state.asked += 1;
    if (!state.answers) return;
    request.pipe(response.writeHead(200, { 'x-path': request.url ?? '' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { state, port, http: createHttp(await sshd.open()) };
}

test('an answer comes back whole, over the connection of the host', async () => {
  const { http, port } = await open();
  const body = Buffer.alloc(3_000_000, 'x');
  const answer = await http({ port, path: '/echo', method: 'POST', body });
  expect(answer).toMatchObject({ status: 200, headers: { 'x-path': '/echo' } });
  expect(answer.body.equals(body)).toBe(true);
});

test('each request is over in its time, however many get no answer; then the port is as it was', async () => {
  const { http, port, state } = await open();
  state.answers = false;
  const failures = await Promise.all(
    Array.from({ length: 20 }, () => http({ port, path: '/', timeoutMs: 200 }).catch((error) => error)),
  );
  for (const failure of failures) expect(failure).toBeInstanceOf(HostUnreachableError);
  expect((failures[0] as Error).message).toMatch(/^GET http:.* on node-1: no answer within 200 ms$/);
  state.answers = true;
  expect((await http({ port, path: '/', timeoutMs: 5_000 })).status).toBe(200);
});

test('a port where nobody listens, and one that hangs up, fail at once', async () => {
  const { http, port } = await open();
  server.on('connection', (socket) => socket.destroy());
  await expect(http({ port, path: '/', timeoutMs: 5_000 })).rejects.toThrow(/socket hang up|closed|reset/);
  await new Promise((resolve) => server.close(resolve));
  await expect(http({ port, path: '/', timeoutMs: 5_000 })).rejects.toThrow(/connecting to 127.0.0.1/);
});
