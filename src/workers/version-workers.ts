import type { DataConverter } from '@temporalio/common';
import { type NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import type { Activities } from '../contracts/activities';
import { deploymentName, sideQueues, taskQueues } from '../contracts/queues';
import type { WorkflowCode } from './workflow-code';

/** What all workers of this process have in common, whichever workflow code they run. */
export interface Seat {
  connection: NativeConnection;
  namespace: string;
  dataConverter: DataConverter;
  identity: string;
  activities: Activities;
}

/**
 * Activities at once. Steps of many hosts are mostly waiting for the network; image loads move gigabytes, so few at once. VMs have slots of their own: a
 * hundred that do not answer hold up other VMs, and nothing of a cluster.
 */
export const activitiesAtOnce = {
  [taskQueues.main]: 100,
  [taskQueues.stream]: 4,
  [taskQueues.agents]: 100,
} as const;

/**
 * Workflows in memory: more than the VMs that are worked on at once (256 at most). Parked ones, of which there may be thousands, are read again when they
 * wake: with 1,400 of them the worker took 365 MB instead of 510 (the SDK keeps 2,300).
 */
export const workflowsInMemory = 300;

/**
 * Polls are opened as there is work. A worker that freezes keeps those it has open, and each is handed a task that nobody works on until its heartbeat (5 s)
 * or its workflow task (10 s) runs out: ten of them, one after the other, held an operation up for most of a minute.
 */
const polls = { type: 'autoscaling', minimum: 1, initial: 2, maximum: 10 } as const;

/** A workflow whose worker died is taken by another after this time; reading its history again costs milliseconds. */
const stickyTimeout = '2s';

/** All queues, for one version of the workflows. An activity of a pinned workflow goes to workers of its version alone. */
export class VersionWorkers {
  private constructor(private readonly workers: Worker[]) {}

  static async create(seat: Seat, { code, buildId }: WorkflowCode, versioned: boolean): Promise<VersionWorkers> {
    const on = (taskQueue: keyof typeof activitiesAtOnce): WorkerOptions => ({
      ...seat,
      taskQueue,
      maxConcurrentActivityTaskExecutions: activitiesAtOnce[taskQueue],
      shutdownGraceTime: '5s',
      maxHeartbeatThrottleInterval: '500ms',
      defaultHeartbeatThrottleInterval: '500ms',
      activityTaskPollerBehavior: polls,
      ...(versioned && {
        workerDeploymentOptions: {
          useWorkerVersioning: true,
          version: { deploymentName, buildId },
          // What lives longer than an operation says otherwise itself (`setWorkflowOptions`).
          defaultVersioningBehavior: 'PINNED',
        },
      }),
    });
    const main = await Worker.create({
      ...on(taskQueues.main),
      workflowBundle: { code },
      workflowTaskPollerBehavior: polls,
      stickyQueueScheduleToStartTimeout: stickyTimeout,
      maxCachedWorkflows: workflowsInMemory,
    });
    const sides = await Promise.all(sideQueues.map((queue) => Worker.create(on(queue))));
    return new VersionWorkers([main, ...sides]);
  }

  /** Until the signal aborts or one of them fails; settles when all have come to their end. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = () => {
      for (const worker of this.workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    };
    const runs = this.workers.map((worker) => worker.run());
    for (const run of runs) run.catch(stop);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    const ends = await Promise.allSettled(runs);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }
}
