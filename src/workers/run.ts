import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { DefaultLogger, NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { conversionFor } from '../codec/data-converter';
import { taskQueues } from '../contracts/queues';
import { composeActivities } from './compose';

export interface WorkerRun {
  /** `krakenctl@0.1.0`; shown to Temporal, so that the CLI can tell a worker of another version. */
  identity: string;
  acceptNewHostKeys?: boolean;
  /** Called when both queues are polled. */
  onReady?: () => void;
  signal: AbortSignal;
}

/** Steps of many hosts at once are mostly waiting for the network. */
const effectsAtOnce = 100;
/** Image loads move gigabytes: few at once. */
const streamsAtOnce = 4;

/** A workflow whose worker died is taken by another after this time; reading its history again costs milliseconds. */
const stickyTimeout = '2s';

/** Polls both queues until the signal aborts, then lets what runs come to an end (5 s) before it returns. */
export async function runWorker(run: WorkerRun): Promise<void> {
  quiet();
  const { connectionOptions, namespace } = loadClientConnectConfig();
  const { encrypts, dataConverter } = conversionFor(connectionOptions.address ?? 'localhost', process.env);
  const connection = await NativeConnection.connect(connectionOptions);
  const composition = composeActivities({ acceptNewHostKeys: run.acceptNewHostKeys });
  const common: WorkerOptions = {
    connection,
    namespace: namespace ?? 'default',
    dataConverter,
    taskQueue: taskQueues.main,
    identity: run.identity,
    activities: composition.activities,
    shutdownGraceTime: '5s',
    maxHeartbeatThrottleInterval: '500ms',
    defaultHeartbeatThrottleInterval: '500ms',
  };
  try {
    const main = await Worker.create({
      ...common,
      ...workflowSource(encrypts),
      stickyQueueScheduleToStartTimeout: stickyTimeout,
      maxConcurrentActivityTaskExecutions: effectsAtOnce,
    });
    const stream = await Worker.create({
      ...common,
      taskQueue: taskQueues.stream,
      maxConcurrentActivityTaskExecutions: streamsAtOnce,
    });
    run.signal.addEventListener('abort', () => [main, stream].map((w) => w.getState() === 'RUNNING' && w.shutdown()), {
      once: true,
    });
    run.onReady?.();
    await Promise.all([main.run(), stream.run()]);
  } finally {
    await composition.close();
    await connection.close();
  }
}

/** The bundle made at build time saves two seconds of every start. How failures are written is part of it, so there are two. */
function workflowSource(encrypts: boolean): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> {
  const codePath = join(__dirname, '..', encrypts ? 'workflow-bundle-encrypting.js' : 'workflow-bundle.js');
  if (existsSync(codePath)) return { workflowBundle: { codePath } };
  return { workflowsPath: require.resolve('../workflows') };
}

function quiet(): void {
  Runtime.install({ logger: new DefaultLogger('WARN') });
}
