import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { createActivities } from '../../src/activities';
import type { ActivityDependencies } from '../../src/activities/dependencies';
import type { Streams } from '../../src/cli/output';
import { workerIdentity } from '../../src/cli/pollers';
import { createVault } from '../../src/clients/vault';
import { stewardScheduleId, taskQueues } from '../../src/contracts/queues';
import { type Captured, type as typeCommand } from '../cli/streams';
import { startWorkers } from './bench-workers';
import { putKeyboardAway, typeOnKeyboard } from './keyboard';
import { MemoryLab } from './memory-hosts';

/** The whole way of a command: parsed, through Temporal and a worker, to hosts that are in memory. */
export class CommandLine {
  readonly lab = new MemoryLab();
  readonly folder = mkdtempSync(join(tmpdir(), 'krakenctl-cli-'));
  /** A cluster of its own for each test: the workflow's id is made of its name. */
  readonly cluster = `c${Math.random().toString(36).slice(2, 10)}`;
  /** The clock of the worker is so far ahead. */
  laterMs = 0;
  private stop?: () => Promise<void>;

  /** Commands look for pollers of the product's own queues, so each file of tests has a namespace of its own. */
  constructor(readonly namespace: string) {
    const nodes = [1, 2, 3].map((n) => `CLUSTER_NODE_${n}=10.0.1.${n}`);
    const rest = ['KRAKEN_IMAGE_REGISTRY=images.example', 'KRAKEN_VERSION=v0.1.27'];
    writeFileSync(this.envFile, [`CLUSTER_NAME=${this.cluster}`, ...nodes, ...rest].join('\n'));
    writeFileSync(join(this.folder, 'key'), '');
  }

  get envFile(): string {
    return join(this.folder, '.env');
  }

  get environment(): Record<string, string> {
    return {
      TEMPORAL_ADDRESS: process.env.KRAKENCTL_TEST_TEMPORAL!,
      TEMPORAL_NAMESPACE: this.namespace,
      KRAKENCTL_STATE_DIR: this.folder,
    };
  }

  run(words: string, signal?: AbortSignal): Promise<Captured> {
    return this.type(words.split(' '), signal);
  }

  /** By a person, who types this when asked. */
  async runAsked(words: string, typed: string): Promise<Captured> {
    typeOnKeyboard(typed);
    const question = jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
    try {
      return await this.type(words.split(' '), undefined, { interactive: true });
    } finally {
      question.mockRestore();
      putKeyboardAway();
    }
  }

  type(words: string[], signal?: AbortSignal, change: Partial<Streams> = {}): Promise<Captured> {
    const streams = { ...change, environment: this.environment };
    return typeCommand([...words, '--env-file', this.envFile], streams, signal);
  }

  // biome-ignore lint/suspicious/noExplicitAny: an envelope of any command.
  async json(words: string): Promise<any> {
    return JSON.parse((await this.run(`${words} --json`)).out);
  }

  async startWorker(
    identity = workerIdentity(),
    ownerId = 'owner-1',
    more: Partial<ActivityDependencies> = {},
  ): Promise<void> {
    const connection = await NativeConnection.connect({ address: process.env.KRAKENCTL_TEST_TEMPORAL! });
    const archives = { identify: async () => undefined, open: async () => Promise.reject(new Error('no archive')) };
    const activities = createActivities({
      hostsFor: () => this.lab,
      archives,
      ownerId,
      now: () => Date.now() + this.laterMs,
      vault: createVault(join(this.folder, 'secrets')),
      ...more,
    });
    const common = {
      connection,
      namespace: this.namespace,
      activities,
      identity,
      shutdownGraceTime: '1s',
      maxHeartbeatThrottleInterval: '500ms',
    } as const;
    const end = await startWorkers(common, taskQueues.main);
    await untilPolling(connection, { namespace: this.namespace, identity });
    this.stop = async () => {
      await end();
      await connection.close();
    };
  }

  /** Somebody takes the schedule of the certificates away. */
  async dropSteward(): Promise<void> {
    const connection = await Connection.connect({ address: process.env.KRAKENCTL_TEST_TEMPORAL! });
    const { schedule } = new Client({ connection, namespace: this.namespace });
    await schedule.getHandle(stewardScheduleId(this.cluster)).delete();
    await connection.close();
  }

  async stopWorker(): Promise<void> {
    await this.stop?.();
    this.stop = undefined;
  }

  async close(): Promise<void> {
    await this.stopWorker();
    rmSync(this.folder, { recursive: true });
  }
}

/** A server that has just made its namespace refuses the first polls, and the worker waits a little before the next. */
async function untilPolling(
  connection: NativeConnection,
  { namespace, identity }: { namespace: string; identity: string },
): Promise<void> {
  for (const deadline = Date.now() + 45_000; Date.now() < deadline; ) {
    const types = [1, 2] as const;
    const answers = await Promise.all(
      types.map((taskQueueType) =>
        connection.workflowService
          .describeTaskQueue({ namespace, taskQueue: { name: taskQueues.main }, taskQueueType })
          .catch(() => undefined),
      ),
    );
    if (answers.every((a) => a?.pollers?.some((p) => p.identity === identity))) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${identity} does not poll within 45 s`);
}
