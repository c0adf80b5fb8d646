import { Agent, createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { createEngine } from '../../src/clients/docker';
import type { StreamAgent } from '../../src/clients/stream-agent';

/** What an Engine says of its registry gets a name, since each name has another way on. */
let server: Server;
let answer: { status: number; message: string };

beforeAll(async () => {
  server = createServer((_request, response) => {
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ message: answer.message }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => server.close());

function engine(of = server) {
  const agent = new Agent();
  const { port } = of.address() as AddressInfo;
  Object.assign(agent, { createConnection: () => connect(port, '127.0.0.1') });
  return createEngine(agent as unknown as StreamAgent, 'node-1');
}

const get = 'Get "http://10.0.0.2:5000/v2/":';

test.each([
  [500, `${get} dial tcp 10.0.0.2:5000: connect: connection refused`, 'RegistryUnreachableError'],
  [500, `${get} dial tcp 10.0.0.2:5000: connect: no route to host`, 'RegistryUnreachableError'],
  [500, `${get} dial tcp: lookup images.example.com: no such host`, 'RegistryUnreachableError'],
  [500, `${get} net/http: request canceled (Client.Timeout exceeded)`, 'RegistryUnreachableError'],
  [404, 'manifest unknown: manifest unknown', 'ImageMissingError'],
  [403, 'pull access denied for kraken, repository does not exist', 'ImageMissingError'],
  [500, 'something else', 'EngineError'],
])('a registry that makes the Engine answer %d "%s" is a %s', async (status, message, name) => {
  answer = { status, message };
  await expect(engine().resolve('10.0.0.2:5000/kraken-origin:v1')).rejects.toMatchObject({ name, host: 'node-1' });
  await expect(engine().pull('10.0.0.2:5000/kraken-origin:v1', () => undefined)).rejects.toMatchObject({ name });
});

test('the same words of something else than the registry stay an EngineError', async () => {
  answer = { status: 500, message: 'dial tcp 10.0.0.9:2377: connect: connection refused' };
  await expect(engine().info()).rejects.toMatchObject({ name: 'EngineError' });
});

describe('a load', () => {
  const deaf = createServer((request) => request.resume());
  const archive = Readable.from(endless());
  beforeAll(() => new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve)));
  afterAll(() => {
    archive.destroy();
    deaf.closeAllConnections();
    deaf.close();
  });

  test('that is cancelled while its bytes are sent ends at once, and so does its request', async () => {
    const closed = new Promise<void>((resolve) =>
      deaf.on('connection', (socket) => socket.on('close', () => resolve())),
    );
    const stop = new AbortController();
    const begun = new Promise<void>((resolve) => deaf.once('request', () => resolve()));
    const loading = engine(deaf).load(archive, () => undefined, stop.signal);
    await begun;
    stop.abort(new Error('cancelled'));
    await expect(loading).rejects.toMatchObject({ cause: { message: 'cancelled' } });
    await closed;
  });
});

async function* endless(): AsyncGenerator<Buffer> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    yield Buffer.alloc(1024);
  }
}
