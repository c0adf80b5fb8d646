import { randomUUID } from 'node:crypto';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { createActivities } from '../../src/activities';
import type { ActivityDependencies } from '../../src/activities/dependencies';
import { temporalTestServerBinary } from '../../src/cli/temporal-server';
import type { Vault } from '../../src/clients/vault';
import type { ClusterSpec } from '../../src/cluster/spec';
import type { DeployInput, DeployReport } from '../../src/contracts/operation';
import { benchNamespaces } from './bench-namespaces';
import { startWorkers } from './bench-workers';
import { exampleSpec } from './cluster';
import { type KnownDeploy, recall, remember } from './known-deploy';
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
  /** No first deploy is taken from memory. */
  deploysAnew?: boolean;
  /** Called before each activity. */
  before?: (activity: string) => Promise<void>;
  /** Keeps no workflow in memory: the skipping server waits for ever for a worker that had one and is gone. */
  forgetful?: boolean;
}

type Activities = ReturnType<typeof createActivities>;

/** What the workers of a file call: each test puts its own in place. */
class Desk {
  private activities: Record<string, (...args: unknown[]) => unknown> = {};
  private before: BenchOptions['before'];
  private atWork = 0;

  take(activities: Activities, before: BenchOptions['before']): void {
    Object.assign(this, { activities, before });
  }

  /** Under the names that workers know. */
  calls(names: string[]): Record<string, (...args: unknown[]) => Promise<unknown>> {
    return Object.fromEntries(names.map((name) => [name, (...args: unknown[]) => this.call(name, args)]));
  }

  private async call(name: string, args: unknown[]): Promise<unknown> {
    this.atWork += 1;
    try {
      await this.before?.(name);
      return await this.activities[name]!(...args);
    } finally {
      this.atWork -= 1;
    }
  }

  async idle(): Promise<void> {
    while (this.atWork > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A connection and workers; those of a file serve one test after the other, since each costs half a second of a core to begin. */
class Crew {
  readonly queue = randomUUID();
  readonly desk = new Desk();
  isBusy = false;
  private isOver = false;
  private stop: () => Promise<void> = async () => undefined;

  private constructor(
    readonly environment: TestWorkflowEnvironment,
    private readonly namespace: string,
    private readonly options: BenchOptions,
  ) {}

  static async begin(options: BenchOptions): Promise<Crew> {
    quietRuntime();
    const namespace = options.environment ? 'default' : benchNamespaces[Number(process.env.JEST_WORKER_ID ?? 1) - 1]!;
    const address = process.env.KRAKENCTL_TEST_TEMPORAL!;
    const environment =
      options.environment ?? (await TestWorkflowEnvironment.createFromExistingServer({ address, namespace }));
    return new Crew(environment, namespace, options);
  }

  async start(activities: string[]): Promise<void> {
    // The main queue of the product is renamed; the others are named in workflow code, so they are shared.
    const common = {
      connection: this.environment.nativeConnection,
      namespace: this.namespace,
      activities: this.desk.calls(activities),
      maxHeartbeatThrottleInterval: '500ms' as const,
      ...(this.options.forgetful && { maxCachedWorkflows: 0 }),
    };
    const end = await startWorkers(common, this.queue);
    this.stop = async () => {
      this.stop = async () => undefined;
      await end();
    };
  }

  leave(): Promise<void> {
    return this.stop();
  }

  /** Nothing of a test is under way when the next begins. */
  async settle(): Promise<void> {
    // This file's hooks come before those of the tests that close what they opened once for all.
    if (this.isOver) return;
    const { workflow } = this.environment.client;
    const query = `TaskQueue = "${this.queue}" AND ExecutionStatus = "Running"`;
    // What has just begun is listed a moment later.
    for (let seenEmpty = 0; seenEmpty < 2; await new Promise((resolve) => setTimeout(resolve, 50))) {
      seenEmpty += 1;
      for await (const { workflowId } of workflow.list({ query })) {
        seenEmpty = 0;
        await workflow
          .getHandle(workflowId)
          .terminate('its test is over')
          .catch(() => undefined);
      }
    }
    await this.desk.idle();
  }

  async end(): Promise<void> {
    this.isOver = true;
    await this.stop();
    if (!this.options.environment) await this.environment.teardown();
  }
}

/** First deploys of this file's tests, by what they were deployed with. */
const knownDeploys = new Map<string, KnownDeploy>();

/** One for the tests of a file, where they ask for no worker of a kind of their own. */
let crewOfFile: Crew | undefined;
/** A bench of ours is no file of Jest's. */
const isFile = typeof afterAll === 'function';
if (isFile) afterAll(() => crewOfFile?.end());

export async function openBench(lab: MemoryLab, options: BenchOptions = {}): Promise<Bench> {
  const isOfItsOwn = !isFile || options.environment !== undefined || options.forgetful || crewOfFile?.isBusy;
  const deps: ActivityDependencies = {
    hostsFor: () => lab,
    archives: { identify: async () => undefined, open: async () => Promise.reject(new Error('no archive')) },
    ownerId: options.ownerId ?? 'owner-1',
    authSecrets: () => ({ secrets: options.authSecrets ?? [benchSecret], path: '/secrets' }),
    now: options.now ?? Date.now,
    vault: options.vault,
    settledMs: 0,
    redisGoneMs: 200,
    agentPatienceMs: options.agentPatienceMs ?? 700,
    betweenLooksMs: 20,
  };
  const { spec, ownerId, authSecrets, before, now, vault } = options;
  const knownFor =
    isOfItsOwn || options.deploysAnew || before || now || vault
      ? undefined
      : JSON.stringify([spec, ownerId, authSecrets]);
  const activities = createActivities(deps);
  const crew = isOfItsOwn || !crewOfFile ? await Crew.begin(options) : crewOfFile;
  const { environment, queue } = crew;
  crew.desk.take(activities, options.before);
  if (crew !== crewOfFile) await crew.start(Object.keys(activities));
  if (!isOfItsOwn) crewOfFile = crew;
  crew.isBusy = true;
  const begin: Bench['begin'] = (type, input) =>
    environment.client.workflow.start(type, {
      taskQueue: queue,
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
    async deploy(change) {
      const isFirst = change === undefined && lab.isUnused && knownFor !== undefined;
      const known = isFirst ? knownDeploys.get(knownFor) : undefined;
      if (known) return recall(lab, known);
      const report = (await (await start(change)).result()) as DeployReport;
      if (isFirst) knownDeploys.set(knownFor, remember(lab, report));
      return report;
    },
    async withoutWorker(work) {
      await crew.leave();
      try {
        await work();
      } finally {
        await crew.start(Object.keys(activities));
      }
    },
    async close() {
      if (isOfItsOwn) return crew.end();
      try {
        await crew.settle();
        crew.isBusy = false;
      } catch (error) {
        // Nobody else gets what it still does.
        crewOfFile = undefined;
        await crew.end();
        throw error;
      }
    },
  };
}
