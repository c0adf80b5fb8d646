import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { NativeConnection } from '@temporalio/worker';
import { createActivities } from '../../src/activities';
import { HostUnreachableError } from '../../src/clients/errors';
import type { HostConnection } from '../../src/clients/host';
import type { HostSpec } from '../../src/cluster/spec';
import { conversionFor } from '../../src/codec/data-converter';
import type { FleetInput } from '../../src/contracts/agents';
import { defaultRollout } from '../../src/contracts/operation';
import { taskQueues } from '../../src/contracts/queues';
import { activitiesAtOnce, VersionWorkers } from '../../src/workers/version-workers';
import { buildIdOf } from '../../src/workers/workflow-code';
import { benchNamespaces } from '../support/bench-namespaces';
import { exampleSpec } from '../support/cluster';
import { MemoryLab } from '../support/memory-hosts';
import { type Bench, openBench } from '../support/temporal';
import { eventually } from '../support/versioned';

/** The product's own workers, with the slots that they have, over VMs whose packets are dropped: who dials one waits until the test lets go. */
class SilentVms extends MemoryLab {
  readonly waiting = new Set<() => void>();

  override async use<T>(host: HostSpec, work: (connection: HostConnection) => Promise<T>): Promise<T> {
    if (!host.id.startsWith('10.2.')) return super.use(host, work);
    await new Promise<void>((resolve) => this.waiting.add(resolve));
    throw new HostUnreachableError('timed out', host.id);
  }

  letGo(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}

const silentVms = 500;
const cluster = `c${randomUUID().slice(0, 8)}`;
const spec = exampleSpec((s) => void Object.assign(s, { name: cluster }));
const namespace = benchNamespaces[Number(process.env.JEST_WORKER_ID ?? 1) - 1]!;
let lab: SilentVms;
let bench: Bench;

beforeAll(async () => {
  lab = new SilentVms();
  bench = await openBench(lab);
  await bench.deploy((input) => void Object.assign(input, { spec }));
});
afterAll(() => bench.close());

const fleet: FleetInput = {
  operation: { id: '20261123-000000-agents-0001', verb: 'agents', actor: 'ana@ops-1' },
  verb: 'deploy',
  spec,
  owner: { temporal: '127.0.0.1:7233', namespace },
  vms: Array.from({ length: silentVms }, (_, i) => `root@10.2.${i >> 8}.${i & 255}:22`),
  policy: { concurrency: silentVms, maxFailures: '100%', canary: 0, batch: '100%' },
};

test(
  'a deploy comes to its end while VMs that do not answer hold every slot that VMs have',
  () =>
    bench.withoutWorker(async () => {
      const connection = await NativeConnection.connect({ address: process.env.KRAKENCTL_TEST_TEMPORAL! });
      const stop = new AbortController();
      const running = (await productWorkers(connection)).run(stop.signal);
      const { workflow } = bench.environment.client;
      const begin = (type: string, input: unknown) =>
        workflow.start(type, { taskQueue: taskQueues.main, workflowId: `test-${randomUUID()}`, args: [input] });
      const agents = await begin('operateFleet', fleet);
      try {
        const slots = activitiesAtOnce[taskQueues.agents];
        await eventually('every slot is taken', () => lab.waiting.size === slots, 120_000);
        const deploy = await begin('deployCluster', {
          operation: { id: '20261123-000000-deploy-0002', verb: 'deploy', actor: 'ana@ops-1' },
          spec: { ...spec, logs: { ...spec.logs, maxFiles: 5 } },
          origins: {},
          owner: fleet.owner,
          policy: { ...defaultRollout, bakeMs: 0 },
        });
        expect(await deploy.result()).toMatchObject({ changed: true });
        // Nobody had been let go meanwhile; its own canary, which would go through one of them, waited besides.
        expect(lab.waiting.size).toBeGreaterThan(slots);
        expect((await agents.describe()).status.name).toBe('RUNNING');
      } finally {
        await agents.terminate();
        stop.abort();
        const letting = setInterval(() => lab.letGo(), 50);
        await running;
        clearInterval(letting);
        await connection.close();
      }
    }),
  300_000,
);

function productWorkers(connection: NativeConnection): Promise<VersionWorkers> {
  const code = readFileSync(process.env.KRAKENCTL_TEST_BUNDLE!, 'utf8');
  const archives = { identify: async () => undefined, open: async () => Promise.reject(new Error('no archive')) };
  const activities = createActivities({
    hostsFor: () => lab,
    archives,
    ownerId: 'owner-1',
    now: Date.now,
    settledMs: 0,
  });
  const { dataConverter } = conversionFor('127.0.0.1', {});
  const seat = { connection, namespace, dataConverter, identity: 'krakenctl@test', activities };
  return VersionWorkers.create(seat, { code, buildId: buildIdOf(code) }, false);
}
