import { randomUUID } from 'node:crypto';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { createActivities } from '../../src/activities';
import type { ActivityDependencies } from '../../src/activities/dependencies';
import { temporalTestServerBinary } from '../../src/cli/temporal-server';
import type { Vault } from '../../src/clients/vault';
import type { ClusterSpec } from '../../src/cluster/spec';
import type { DeployInput, DeployReport } from '../../src/contracts/operation';
import { sideQueues } from '../../src/contracts/queues';
import { exampleSpec } from './cluster';
import type { MemoryLab } from './memory-hosts';

/** A worker over in-memory hosts, on the shared dev server. */
export interface Bench {
  environment: TestWorkflowEnvironment;
  deploy(change?: (input: DeployInput) => void): Promise<DeployReport>;
  start(change?: (input: DeployInput) => void): ReturnType<TestWorkflowEnvironment['client']['workflow']['start']>;
  /** Any workflow of the product, under an id of its own. */
  begin(type: string, input: unknown): ReturnType<TestWorkflowEnvironment['client']['workflow']['start']>;
  /** No worker is there meanwhile; afterwards another one is. */
  withoutWorker(work: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

let installed = false;

/** Once in a process, before anything of the SDK is used in it. */
export function quietRuntime(): void {
  if (!installed) Runtime.install({ logger: new DefaultLogger('ERROR') });
  installed = true;
}

/** Queues of activities have one name: files that run at once have them in namespaces of their own, as `temporal-setup.ts` makes them. */
export const benchNamespaces = ['1', '2', '3', '4'].map((worker) => `tests-${worker}`);

/** A server of its own, on which a week is over in a moment. Time skips for all that runs there: one a file, one test at a time. */
export async function openSkippingServer(): Promise<TestWorkflowEnvironment> {
  quietRuntime();
  const path = await temporalTestServerBinary();
  return TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path } } });
}

/** AUTH_SECRET of every worker of a bench. */
export const benchSecret = 'a-secret-of-our-own';

interface BenchOptions {
  /** What signs; without one nothing is. */
  vault?: Vault;
  now?: () => number;
  ownerId?: string;
  authSecrets?: string[];
  spec?: ClusterSpec;
  /** Another server than the shared one; it stays when the bench is closed. */
  environment?: TestWorkflowEnvironment;
  /** How long an agent is waited for; see ActivityDependencies. */
  agentPatienceMs?: number;
  /** Called before each activity. */
  before?: (activity: string) => Promise<void>;
  /** Keeps no workflow in memory: the skipping server waits for ever for a worker that had one and is gone. */
  forgetful?: boolean;
}

function calledBefore<T extends object>(activities: T, before: BenchOptions['before']): T {
  if (!before) return activities;
  const called = Object.entries(activities).map(([name, run]) => [
    name,
    async (...args: unknown[]) => {
      await before(name);
      return run(...args);
    },
  ]);
  return Object.fromEntries(called);
}

export async function openBench(lab: MemoryLab, options: BenchOptions = {}): Promise<Bench> {
  quietRuntime();
  const namespace = options.environment ? 'default' : benchNamespaces[Number(process.env.JEST_WORKER_ID ?? 1) - 1]!;
  const environment =
    options.environment ??
    (await TestWorkflowEnvironment.createFromExistingServer({
      address: process.env.KRAKENCTL_TEST_TEMPORAL!,
      namespace,
    }));
  const deps: ActivityDependencies = {
    hostsFor: () => lab,
    archives: { identify: async () => undefined, open: async () => Promise.reject(new Error('no archive')) },
    ownerId: options.ownerId ?? 'owner-1',
    authSecrets: () => ({ secrets: options.authSecrets ?? [benchSecret], path: '/secrets' }),
    now: options.now ?? Date.now,
    vault: options.vault,
    settledMs: 0,
    agentPatienceMs: options.agentPatienceMs ?? 700,
    betweenLooksMs: 20,
  };
  const suffix = randomUUID();
  // The main queue of the product is renamed; the others are named in workflow code, so they are shared.
  const common = {
    connection: environment.nativeConnection,
    namespace,
    activities: calledBefore(createActivities(deps), options.before),
    maxHeartbeatThrottleInterval: '500ms' as const,
    ...(options.forgetful && { maxCachedWorkflows: 0 }),
  };
  const startWorkers = async () => {
    const main = await Worker.create({
      ...common,
      taskQueue: suffix,
      workflowBundle: { codePath: process.env.KRAKENCTL_TEST_BUNDLE! },
    });
    const sides = await Promise.all(sideQueues.map((taskQueue) => Worker.create({ ...common, taskQueue })));
    const workers = [main, ...sides];
    const running = Promise.all(workers.map((worker) => worker.run()));
    return async () => {
      for (const worker of workers) worker.shutdown();
      await running;
    };
  };
  let stopWorkers = await startWorkers();
  const begin: Bench['begin'] = (type, input) =>
    environment.client.workflow.start(type, {
      taskQueue: suffix,
      workflowId: `test-${randomUUID()}`,
      args: [input],
    });
  const start: Bench['start'] = (change = () => undefined) => {
    const input: DeployInput = {
      operation: { id: `20261123-000000-deploy-${randomUUID().slice(0, 4)}`, verb: 'deploy', actor: 'ana@ops-1' },
      spec: options.spec ?? exampleSpec(),
      origins: {},
      owner: { temporal: '127.0.0.1:7233', namespace: 'default' },
    };
    change(input);
    return begin('deployCluster', input);
  };
  return {
    environment,
    begin,
    start,
    deploy: async (change) => (await start(change)).result() as Promise<DeployReport>,
    async withoutWorker(work) {
      await stopWorkers();
      try {
        await work();
      } finally {
        stopWorkers = await startWorkers();
      }
    },
    async close() {
      await stopWorkers();
      if (!options.environment) await environment.teardown();
    },
  };
}
