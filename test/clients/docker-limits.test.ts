import { Agent, createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { createEngine } from '../../src/clients/docker';
import { cpuResources, limitsOf } from '../../src/clients/docker-limits';
import type { StreamAgent } from '../../src/clients/stream-agent';

/** An Engine that takes an update, or refuses it in its own words. */
let server: Server;
let stats: object;
let refusal: { status: number; message: string } | undefined;
let updates: object[];

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (request.url?.includes('/stats')) return answer(200, { memory_stats: { stats } });
    if (refusal) return answer(refusal.status, { message: refusal.message });
    updates.push(JSON.parse(Buffer.concat(chunks).toString()) as object);
    return answer(200, { Warnings: null });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => server.close());
beforeEach(() => {
  [stats, refusal, updates] = [{}, undefined, []];
});

function engine() {
  const agent = new Agent();
  const { port } = server.address() as AddressInfo;
  Object.assign(agent, { createConnection: () => connect(port, '127.0.0.1') });
  return createEngine(agent as unknown as StreamAgent, 'node-1');
}

test.each([
  ['memory, without swap', { memoryBytes: 2 ** 30 }, { Memory: 2 ** 30, MemorySwap: 2 ** 30 }],
  ['half a core', { nanoCpus: 5e8 }, { CpuPeriod: 100_000, CpuQuota: 50_000 }],
  [
    'a hundredth of a core, which is as little as the kernel takes',
    { nanoCpus: 1e7 },
    { CpuPeriod: 100_000, CpuQuota: 1000 },
  ],
  ['no CPU limit, which is not 0: that says "leave it"', { nanoCpus: 0 }, { CpuQuota: -1 }],
])('an update tells %s, and nothing else', async (_, limits, told) => {
  await engine().update('c1', limits);
  expect(updates).toEqual([told]);
});

test.each([
  ['0 in all, when nothing was asked for', {}, 0, false],
  ['the quota', { CpuPeriod: 100_000, CpuQuota: 150_000 }, 1.5e9, false],
  ['the quota of a period of its own', { CpuPeriod: 50_000, CpuQuota: 50_000 }, 1e9, false],
  ['the quota of the usual period', { CpuQuota: 50_000 }, 5e8, false],
  ['NanoCpus, and that they hold', { NanoCpus: 2e9 }, 2e9, true],
  ['none, where a quota of -1 stands beside NanoCpus', { NanoCpus: 2e9, CpuQuota: -1 }, 0, true],
])('a CPU limit reads as %s', (_, hostConfig, nanoCpus, nanoCpusHeld) => {
  expect(limitsOf({ Memory: 7, ...hostConfig })).toEqual({ memoryBytes: 7, nanoCpus, nanoCpusHeld });
});

test('every CPU limit reads back as it was asked for', () => {
  for (let hundredths = 0; hundredths <= 51_200; hundredths += 7) {
    const nanoCpus = Math.round((hundredths / 100) * 1e9);
    expect(limitsOf(cpuResources(nanoCpus)).nanoCpus).toBe(nanoCpus);
  }
});

test('less memory than processes hold is refused before the Engine is told: under cgroup v2 one of them would end', async () => {
  stats = { anon: 2 ** 27, shmem: 2 ** 27, file: 2 ** 40 };
  await expect(engine().update('c1', { memoryBytes: 2 ** 28 })).rejects.toMatchObject({
    name: 'EngineError',
    host: 'node-1',
    message: expect.stringContaining('the new memory limit is 268435456 bytes, and 268435456 are in use'),
  });
  expect(updates).toEqual([]);
  await engine().update('c1', { memoryBytes: 2 ** 28 + 1 });
  expect(updates).toHaveLength(1);
});

test('a refusal of the Engine has its words and its status', async () => {
  refusal = { status: 500, message: 'unable to set memory limit to 6291456 (current usage: 9437184)' };
  await expect(engine().update('c1', { memoryBytes: 6_291_456 })).rejects.toMatchObject({
    name: 'EngineError',
    statusCode: 500,
    message: `node-1: docker update c1: ${refusal.message}`,
  });
});
