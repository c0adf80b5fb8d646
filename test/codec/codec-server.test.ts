import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter } from '@temporalio/common';
import { type CodecServer, startCodecServer } from '../../src/codec/codec-server';
import { parseKeyRing } from '../../src/codec/key-ring';
import { createPayloadCodec } from '../../src/codec/payload-codec';

const codec = createPayloadCodec(parseKeyRing(randomBytes(32).toString('base64'), 'test'));
const ui = 'http://127.0.0.1:8233';
let server: CodecServer;
beforeAll(async () => {
  server = await startCodecServer({ codec, uiOrigin: ui, host: '127.0.0.1', port: 0 });
});
afterAll(() => server.close());

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

async function encryptedBody(value: unknown): Promise<string> {
  const [payload] = await codec.encode([defaultPayloadConverter.toPayload(value)]);
  const metadata = Object.fromEntries(Object.entries(payload!.metadata!).map(([k, v]) => [k, base64(v)]));
  return JSON.stringify({ payloads: [{ metadata, data: base64(payload!.data!) }] });
}

function ask(body: string, headers: Record<string, string> = {}, path = '/decode'): Promise<Response> {
  const all = { 'content-type': 'application/json', ...headers };
  return fetch(`${server.url}${path}`, { method: 'POST', headers: all, body });
}

test("the UI's page gets the value, and leave to read it", async () => {
  const answer = await ask(await encryptedBody({ verb: 'deploy' }), { origin: ui, 'x-namespace': 'default' });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('access-control-allow-origin')).toBe(ui);
  const { payloads } = (await answer.json()) as { payloads: { metadata: { encoding: string }; data: string }[] };
  expect(Buffer.from(payloads[0]!.metadata.encoding, 'base64').toString()).toBe('json/plain');
  expect(JSON.parse(Buffer.from(payloads[0]!.data, 'base64').toString())).toEqual({ verb: 'deploy' });
});

test('the browser asks first and is told what the UI needs', async () => {
  const answer = await fetch(`${server.url}/decode`, { method: 'OPTIONS', headers: { origin: ui } });
  expect(answer.status).toBe(204);
  expect(answer.headers.get('access-control-allow-headers')).toMatch(/content-type.*x-namespace/);
});

test.each([['http://evil.example'], ['null'], ['http://127.0.0.1:8233.evil.example'], ['https://127.0.0.1:8233']])(
  'a page from %s gets neither value nor leave',
  async (origin) => {
    const answer = await ask(await encryptedBody('secret'), { origin });
    expect(answer.status).toBe(403);
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    expect(await answer.text()).not.toContain(Buffer.from('"secret"').toString('base64'));
  },
);

test('what is no payload, no JSON, no POST or another path is said so', async () => {
  expect((await ask('{')).status).toBe(400);
  expect((await ask('{"payloads": 1}')).status).toBe(400);
  expect((await ask('{"payloads": [{"metadata": {"encoding": 1}}]}')).status).toBe(400);
  expect((await ask('{}', { 'content-type': 'text/plain' })).status).toBe(415);
  expect((await ask('{}', {}, '/encode')).status).toBe(404);
  expect((await fetch(`${server.url}/decode`)).status).toBe(405);
});

test('a key that is not here is named in the answer', async () => {
  const other = createPayloadCodec(parseKeyRing(randomBytes(32).toString('base64'), 'test'));
  const [payload] = await other.encode([defaultPayloadConverter.toPayload(1)]);
  const metadata = Object.fromEntries(Object.entries(payload!.metadata!).map(([k, v]) => [k, base64(v)]));
  const answer = await ask(JSON.stringify({ payloads: [{ metadata, data: base64(payload!.data!) }] }));
  expect(answer.status).toBe(400);
  expect(await answer.text()).toContain('which is not here');
});
