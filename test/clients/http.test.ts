import { X509Certificate } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { HostUnreachableError } from '../../src/clients/errors';
import { shakeHands } from '../../src/clients/handshake';
import { createHttp } from '../../src/clients/http';
import type { TlsState } from '../../src/cluster/spec';
import { identityOf } from '../../src/cluster/tls/material';
import { testAuthority } from '../support/authorities';
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

describe('in TLS', () => {
  const ca = testAuthority('own', 'cluster');
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();
  const series = { number: 1, from: at(-3_600_000), until: at(3_600_000) };
  const state: TlsState = { stage: 'require', signer: ca.id, trusts: [ca.id], series };
  const node = { id: 'node-1', address: '10.0.1.10', ssh: { address: '10.0.1.10', port: 22, user: 'root' } };
  const own = identityOf(state, { cluster: 'cluster', node, part: 'origin' }, () => ca);
  const client = { ...own, trusted: ca.certificate, name: 'kraken' };

  async function openSecure(): Promise<{ port: number; http: ReturnType<typeof createHttp> }> {
    sshd = await startSshd();
    const options = { cert: own.certificate, key: own.key, ca: ca.certificate, requestCert: true };
    server = createSecureServer(options, (request, response) => void request.pipe(response.writeHead(200)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { port: (server.address() as AddressInfo).port, http: createHttp(await sshd.open()) };
  }

  test('an answer comes back whole from one who is believed', async () => {
    const { http, port } = await openSecure();
    const body = Buffer.alloc(1_000_000, 'x');
    const answer = await http({ port, path: '/', method: 'POST', body, tls: client });
    expect(answer.body.equals(body)).toBe(true);
  });

  test.each([
    ['is signed by another', { trusted: testAuthority('foreign', 'cluster').certificate }],
    ['has another name', { name: 'registry.example.com' }],
  ])('who %s is not asked, with leave to do without TLS neither', async (_, change) => {
    const { http, port } = await openSecure();
    for (const orPlain of [false, true])
      await expect(http({ port, path: '/', tls: { ...client, ...change, orPlain } })).rejects.toThrow(
        /https:.*certificate/,
      );
  });

  test('what a port shows is told, believed or not', async () => {
    const { port } = await openSecure();
    const ssh = await sshd.open();
    const shown = await shakeHands(ssh, port, client);
    expect(shown).toMatchObject({ isBelieved: true, until: `${series.until.slice(0, 19)}.000Z` });
    expect(shown).toMatchObject({ serial: new X509Certificate(own.certificate).serialNumber });
    const stranger = { ...client, trusted: testAuthority('foreign', 'cluster').certificate };
    expect(await shakeHands(ssh, port, stranger)).toMatchObject({ isBelieved: false });
    expect(await shakeHands(ssh, port, { ...client, name: 'other' })).toMatchObject({ isBelieved: false });
    server.close();
    server.closeAllConnections();
    expect(await shakeHands(ssh, port, client)).toBe('nothing');
  });

  test('a port without TLS is told as one', async () => {
    const { port } = await open();
    expect(await shakeHands(await sshd.open(), port, client)).toBe('plain');
  });

  test('who does not speak TLS is asked without it only with leave to', async () => {
    const { http, port } = await open();
    expect((await http({ port, path: '/a', tls: { ...client, orPlain: true } })).headers['x-path']).toBe('/a');
    await expect(http({ port, path: '/a', tls: client })).rejects.toThrow(/wrong version number/);
  });
});
