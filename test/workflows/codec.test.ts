import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createActivities } from '../../src/activities';
import { workerIdentity } from '../../src/cli/pollers';
import { conversionFor } from '../../src/codec/data-converter';
import { addKey } from '../../src/codec/key-ring';
import { taskQueues } from '../../src/contracts/queues';
import { type as typeCommand } from '../cli/streams';
import { MemoryLab } from '../support/memory-hosts';

/** The whole way of a deploy with the codec on: what Temporal keeps is read raw, as whoever has its database reads it. */
const canary = 'canary-5d1f77';
const address = process.env.KRAKENCTL_TEST_TEMPORAL!;
let folder: string;
let keyFile: string;
let bundle: string;

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-codec-'));
  keyFile = join(folder, 'codec.key');
  addKey(keyFile);
  bundle = join(folder, 'bundle.js');
  const { code } = await bundleWorkflowCode({
    workflowsPath: require.resolve('../../src/workflows'),
    failureConverterPath: require.resolve('../../src/codec/failure-converter'),
    logger: new DefaultLogger('WARN'),
  });
  writeFileSync(bundle, code);
});
afterAll(() => rmSync(folder, { recursive: true }));

async function withWorker<T>(encrypts: boolean, work: () => Promise<T>): Promise<T> {
  const connection = await NativeConnection.connect({ address });
  const lab = new MemoryLab();
  const archives = { identify: async () => undefined, open: async () => Promise.reject(new Error('no archive')) };
  const { dataConverter } = conversionFor(address, encrypts ? { KRAKENCTL_CODEC_KEY_FILE: keyFile } : {});
  const common = {
    connection,
    dataConverter,
    activities: createActivities({ hostsFor: () => lab, archives, ownerId: 'owner-1', now: Date.now }),
    identity: workerIdentity(),
    shutdownGraceTime: '1s',
  } as const;
  const codePath = encrypts ? bundle : process.env.KRAKENCTL_TEST_BUNDLE!;
  const main = await Worker.create({ ...common, taskQueue: taskQueues.main, workflowBundle: { codePath } });
  const stream = await Worker.create({ ...common, taskQueue: taskQueues.stream });
  const running = Promise.all([main.run(), stream.run()]);
  try {
    return await work();
  } finally {
    main.shutdown();
    stream.shutdown();
    await running;
    await connection.close();
  }
}

function makeCluster(changes: Record<string, string> = {}): string {
  const cluster = `c${Math.random().toString(36).slice(2, 10)}`;
  const values = {
    CLUSTER_NAME: cluster,
    CLUSTER_NODE_1: '10.0.1.1',
    CLUSTER_NODE_2: '10.0.1.2',
    CLUSTER_NODE_3: '10.0.1.3',
    KRAKEN_IMAGE_REGISTRY: `${canary}.example`,
    KRAKEN_VERSION: 'v0.1.27',
    ...changes,
  };
  const text = Object.entries(values).map(([key, value]) => `${key}=${value}\n`);
  writeFileSync(join(folder, `${cluster}.env`), text.join(''));
  return cluster;
}

function run(words: string, cluster: string, withKey = true) {
  const named = withKey ? { KRAKENCTL_CODEC_KEY_FILE: keyFile } : {};
  const environment = { TEMPORAL_ADDRESS: address, KRAKENCTL_STATE_DIR: join(folder, 'state'), ...named };
  return typeCommand([...words.split(' '), '--env-file', join(folder, `${cluster}.env`)], { environment });
}

/** Every byte that Temporal keeps of the cluster's newest operation, as its own API gives it: history, memo, summary, attributes. */
async function whatTemporalKeeps(cluster: string): Promise<Buffer> {
  const connection = await Connection.connect({ address });
  const execution = { workflowId: `kraken-${cluster}-operation` };
  const parts: Uint8Array[] = [];
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await connection.workflowService.getWorkflowExecutionHistory({
      namespace: 'default',
      execution,
      nextPageToken,
    });
    parts.push(temporal.api.history.v1.History.encode(page.history!).finish());
    nextPageToken = page.nextPageToken;
  } while (nextPageToken?.length);
  const described = await connection.workflowService.describeWorkflowExecution({ namespace: 'default', execution });
  parts.push(temporal.api.workflowservice.v1.DescribeWorkflowExecutionResponse.encode(described).finish());
  await connection.close();
  return Buffer.concat(parts);
}

test('with the codec a deploy works as ever, and no byte that Temporal keeps shows what it was about', async () => {
  const cluster = makeCluster();
  await withWorker(true, async () => {
    expect(await run('deploy', cluster)).toMatchObject({ code: 0, out: expect.stringMatching(/deploy-1/) });
    expect(await run('deploy', cluster)).toMatchObject({ code: 0, out: expect.stringContaining('nothing to change') });
    expect(await run('op list', cluster)).toMatchObject({ code: 0, out: expect.stringContaining('done') });
  });
  const kept = await whatTemporalKeeps(cluster);
  expect(kept.length).toBeGreaterThan(1000);
  for (const plain of [canary, '10.0.1.2', 'known_hosts']) {
    expect([plain, kept.includes(plain)]).toEqual([plain, false]);
  }
});

test('a failure is encrypted too, and told in full to who has the key', async () => {
  const cluster = makeCluster({ REDIS_IMAGE: `missing-${canary}:1` });
  await withWorker(true, async () => {
    const failed = await run('deploy', cluster);
    expect(failed.code).toBe(1);
    expect(failed.err).toContain(canary);
  });
  expect((await whatTemporalKeeps(cluster)).includes(canary)).toBe(false);
});

test('who has no key is told so, exit 2, instead of seeing nothing', async () => {
  const cluster = makeCluster();
  await withWorker(true, () => run('deploy', cluster));
  const { code, err } = await run('op list', cluster, false);
  expect(code).toBe(2);
  expect(err).toMatch(/CODEC_KEY_UNKNOWN[\s\S]*KRAKENCTL_CODEC_KEY_FILE/);
});

test('control: without the codec the same search finds it', async () => {
  const cluster = makeCluster();
  await withWorker(false, async () => {
    expect((await run('deploy', cluster, false)).code).toBe(0);
  });
  const kept = await whatTemporalKeeps(cluster);
  for (const plain of [canary, '10.0.1.2', 'json/plain']) expect([plain, kept.includes(plain)]).toEqual([plain, true]);
});
