import { Worker, type WorkerOptions } from '@temporalio/worker';
import { sideQueues } from '../../src/contracts/queues';

/** One worker with the workflows on a main queue, and those with activities alone on the others; resolves with what ends them. */
export async function startWorkers(
  common: Omit<WorkerOptions, 'taskQueue'>,
  taskQueue: string,
): Promise<() => Promise<void>> {
  const workflowBundle = { codePath: process.env.KRAKENCTL_TEST_BUNDLE! };
  const main = await Worker.create({ ...common, taskQueue, workflowBundle });
  const sides = await Promise.all(sideQueues.map((side) => Worker.create({ ...common, taskQueue: side })));
  const workers = [main, ...sides];
  const running = Promise.all(workers.map((worker) => worker.run()));
  return async () => {
    for (const worker of workers) worker.shutdown();
    await running;
  };
}
