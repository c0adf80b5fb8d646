import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobStore } from '../../src/lab/stand-in/blob-store';
import { createRegistry } from '../../src/lab/stand-in/registry';
import { Load, percentile, reportOf, tell } from './load';
import { freshImage, pull, push, pushSlowly, Upload } from './load-image';
import { StepFailure } from './load-request';

/** The loop that judges rollouts sees what is wrong, and nothing else. The registry is the stand-in's own. */

type Fault = (request: IncomingMessage, response: ServerResponse) => boolean;

let folder: string;
let server: Server;
let address: string;
let fault: Fault;
const asked: string[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-load-'));
  fault = () => false;
  asked.length = 0;
  const tags = new Map<string, string>();
  const store = new BlobStore({ upload: join(folder, 'upload'), cache: join(folder, 'cache') });
  const isThere = async (hex: string) => (await store.size(hex)) !== undefined;
  const registry = createRegistry({
    store,
    fetch: (_, hex) => isThere(hex),
    size: (_, hex) => store.size(hex),
    findTag: async (tag) => tags.get(tag),
    sink: {
      upload: async () => undefined,
      putTag: async (tag, hex) => void tags.set(tag, hex),
      listTags: async () => [],
    },
  });
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (!fault(request, response)) registry(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

const start = (perSecond = 50) => Load.start({ addresses: [address], perSecond, repository: 'load' });

async function settled(load: Load, enough: number): Promise<void> {
  while (load.soFar().length < enough) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('what serves gives operations of every kind, at the pace that was asked for, and no failure', async () => {
  const load = await start();
  await settled(load, 60);
  const report = await load.stop();
  expect(tell(report)).toMatch(/ 0 failed, 0 wrong digests/);
  expect(report.operations).toBeGreaterThanOrEqual(60);
  expect(report.perSecond).toBeGreaterThan(15);
  expect(report.perSecond).toBeLessThan(60);
  expect(Object.keys(report.counts).sort()).toEqual(['pull by digest', 'pull by tag', 'push']);
  expect(report.longestGapMs).toBeLessThan(1000);
});

test('each request has a connection of its own, and none is sent twice', async () => {
  const sockets = new Set<unknown>();
  let requests = 0;
  fault = (request) => {
    sockets.add(request.socket);
    requests += 1;
    return false;
  };
  await push(address, freshImage('one', 'a'));
  expect(asked.map((line) => line.split(/[ ?]/)[0])).toEqual(['POST', 'PATCH', 'PUT', 'POST', 'PUT', 'PUT']);
  expect(sockets.size).toBe(requests);
});

test('an error is one failure, with its step, its status and what was said', async () => {
  const load = await start();
  let left = 1;
  fault = (request, response) => {
    if (request.method !== 'PATCH' || left === 0) return false;
    left -= 1;
    response.writeHead(502).end('upstream gone');
    return true;
  };
  await settled(load, 40);
  const { failed, operations } = await load.stop();
  expect(operations).toBeGreaterThanOrEqual(40);
  expect(failed).toHaveLength(1);
  expect(failed[0]).toMatchObject({
    kind: 'push',
    target: address,
    failure: { step: 'PATCH layer', status: 502, body: 'upstream gone' },
  });
});

test('an answer that is cut is a failure', async () => {
  const image = await push(address, freshImage('one', 'a'));
  fault = (request, response) => {
    if (!request.url?.includes('/blobs/')) return false;
    response.writeHead(200, { 'content-length': 5000 });
    response.write('half');
    setTimeout(() => response.destroy(), 10);
    return true;
  };
  await expect(pull(address, image, 'digest')).rejects.toMatchObject({ step: 'GET blob', status: 0 });
});

test.each([
  ['a blob', /\/blobs\/sha256/, 'GET blob'],
  ['a manifest by its digest', /\/manifests\/sha256/, 'GET manifest by digest'],
  ['a manifest by its tag', /\/manifests\/t\d/, 'GET manifest by tag'],
])('%s with other bytes and a success is a wrong digest', async (_, path, step) => {
  const load = await start();
  fault = (request, response) => {
    if (request.method !== 'GET' || !path.test(request.url ?? '')) return false;
    response.end('other bytes');
    return true;
  };
  await settled(load, 20);
  const { wrongDigests } = await load.stop();
  expect(wrongDigests.length).toBeGreaterThan(0);
  for (const { failure } of wrongDigests) {
    expect(failure).toMatchObject({ step, status: 200, owed: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
  }
});

test('a manifest that names another digest than it has is a wrong digest', async () => {
  const image = await push(address, freshImage('one', 'a'));
  fault = (request, response) => {
    const setHeader = response.setHeader.bind(response);
    response.setHeader = (name: string, value: number | string | readonly string[]) =>
      setHeader(name, name === 'Docker-Content-Digest' ? `sha256:${'0'.repeat(64)}` : value);
    return request.method === 'never';
  };
  await expect(pull(address, image, 'tag')).rejects.toMatchObject({ owed: image.digest });
});

test('the time without a success is seen, whether failures lie in it or nothing', () => {
  const ended = (at: number, failure?: StepFailure) => ({ kind: 'push', target: 'a', at, ms: 10, image: 'i', failure });
  const bad = new StepFailure('GET blob', 502, '');
  const report = reportOf([ended(1000), ended(1500, bad), ended(3000, bad), ended(5000), ended(5100)], 900, 9000);
  expect(report).toMatchObject({ operations: 5, longestGapMs: 4000 });
  expect(reportOf([ended(1000), ended(5100)], 900, 5200).longestGapMs).toBe(4100);
  expect(report.failed).toHaveLength(2);
});

test.each([
  ['one', [5], 99, 5],
  ['four', [1, 2, 3, 4], 50, 2],
  ['400', Array.from({ length: 400 }, (_, i) => 400 - i), 99, 396],
  ['none', [], 99, 0],
])('of %s the percentile is the smallest that so many do not exceed', (_, values, percent, expected) => {
  expect(percentile(values, percent)).toBe(expected);
});

test('a lap has what ended in it', async () => {
  const load = await start();
  await settled(load, 10);
  const first = load.lap();
  await settled(load, 10);
  const second = await load.stop();
  expect(first.operations).toBeGreaterThanOrEqual(10);
  expect(second.operations).toBeGreaterThanOrEqual(10);
});

test('a loop that never sees a success does not start', async () => {
  fault = (_, response) => response.writeHead(503).end('away') !== undefined;
  const never = Load.start({ addresses: [address], perSecond: 50, repository: 'load', firstWithinMs: 200 });
  await expect(never).rejects.toThrow(/never saw a push succeed: POST layer: 503 away/);
});

test('an upload goes on where its answers say, parameters and all', async () => {
  const places: string[] = [];
  let number = 0;
  fault = (request, response) => {
    places.push(request.url ?? '');
    const setHeader = response.setHeader.bind(response);
    response.setHeader = (name: string, value: number | string | readonly string[]) => {
      number += name === 'Location' ? 1 : 0;
      return setHeader(name, name === 'Location' ? `${value}&node=n%2F${number}&digits=%20` : value);
    };
    return false;
  };
  const image = freshImage('slow', 'a');
  const upload = await Upload.begin(address, 'slow', 'layer');
  await upload.piece(image.layer.subarray(0, 1000));
  await upload.piece(image.layer.subarray(1000));
  await expect(upload.finish(`sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({ step: 'PUT layer', status: 400 });
  expect(places[1]).toMatch(/_state=[\w-]+&node=n%2F1&digits=%20$/);
  expect(places[2]).toMatch(/&node=n%2F2&digits=%20$/);
  expect(places[3]).toMatch(/&node=n%2F3&digits=%20&digest=sha256%3A0{64}$/);
});

test('an upload that takes its time is one session, and ends as any other', async () => {
  const image = freshImage('slow', 'a');
  const seen: number[] = [];
  const between = async (sent: number, place: string) => {
    seen.push(sent);
    expect(place).toMatch(/^\/v2\/slow\/blobs\/uploads\/[\w-]+\?_state=/);
  };
  await pull(address, await pushSlowly(address, image, { pieces: 3, between }), 'tag');
  expect(seen).toEqual([1, 2, 3]);
  const methods = asked.map((line) => line.split(' ')[0]);
  expect(methods.slice(0, 7)).toEqual(['POST', 'PATCH', 'PATCH', 'PATCH', 'PUT', 'POST', 'PUT']);
});

test('nobody there is a failure of the first step', async () => {
  const gone = address.replace(/\d+$/, '1');
  await expect(push(gone, freshImage('one', 'a'))).rejects.toEqual(
    expect.objectContaining({ step: 'POST layer', status: 0, body: expect.stringMatching(/ECONNREFUSED/) }),
  );
});
