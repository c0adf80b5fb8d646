import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { connectTemporal } from '../../src/cli/connect';
import { startOperation } from '../../src/cli/operations';
import { searchAttributes } from '../../src/contracts/queues';
import { type as typeCommand } from '../cli/streams';

/** A namespace of one's own: what it lacks is added, or named. */
const address = process.env.KRAKENCTL_TEST_TEMPORAL!;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-namespace-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function until<T>(what: string, look: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + 20_000; ; ) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`${what}: not within 20 s`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

const environmentFor = (namespace: string) => ({
  TEMPORAL_ADDRESS: address,
  TEMPORAL_NAMESPACE: namespace,
  KRAKENCTL_STATE_DIR: folder,
});

test('a namespace without search attributes gets them with the first operation', async () => {
  const namespace = `ops-${Math.random().toString(36).slice(2, 8)}`;
  const connection = await Connection.connect({ address });
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  const listed = async () =>
    Object.keys((await connection.operatorService.listSearchAttributes({ namespace })).customAttributes ?? {});
  const temporal = await connectTemporal({ environment: environmentFor(namespace) });
  const operation = { id: '20261123-000000-deploy-abcd', verb: 'deploy', actor: 'ana@ops-1' } as const;
  // A server learns of a new namespace a moment after it was made.
  const before = await until('the namespace is known', listed);
  for (const name of Object.values(searchAttributes)) expect(before).not.toContain(name);
  const start = async () =>
    (await startOperation(temporal, { type: 'deployCluster', cluster: 'c', operation, input: {} })).operation;
  expect(await start()).toBe(operation.id);
  expect(await listed()).toEqual(expect.arrayContaining(Object.values(searchAttributes)));
  await temporal.client.workflow.getHandle('kraken-c-operation').terminate();
  await temporal.close();
  await connection.close();
});

test('a namespace that is not there is exit 7 with the command that makes it', async () => {
  const path = join(folder, '.env');
  const nodes = [1, 2, 3].map((n) => `CLUSTER_NODE_${n}=10.0.1.${n}`);
  writeFileSync(path, [...nodes, 'KRAKEN_IMAGE_REGISTRY=images.example', 'KRAKEN_VERSION=v0.1.27'].join('\n'));
  for (const words of ['deploy', 'worker status', 'worker run']) {
    const argv = [...words.split(' '), '--env-file', path, '--json'];
    const { code, out } = await typeCommand(argv, { environment: environmentFor('nowhere-42') });
    expect([words, code]).toEqual([words, 7]);
    expect(JSON.parse(out).error).toMatchObject({
      code: 'NAMESPACE_MISSING',
      hint: 'temporal operator namespace create -n nowhere-42 --retention 30d',
    });
  }
});
