import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createActivities } from '../../src/activities';
import { sideQueues, taskQueues } from '../../src/contracts/queues';
import { workflowsInMemory } from '../../src/workers/version-workers';
import { boundYoungSpace } from '../../src/workers/young-space';
import { RemoteHosts } from './remote-hosts';

/** A worker as a process, over hosts that the campaign keeps. It says `ready`, and begins to poll at `go`. */
async function main(): Promise<void> {
  boundYoungSpace();
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const { CAMPAIGN_TEMPORAL: address, CAMPAIGN_NAMESPACE: namespace, CAMPAIGN_BUNDLE: codePath } = process.env;
  const connection = await NativeConnection.connect({ address });
  const hosts = new RemoteHosts();
  const common = {
    connection,
    namespace: namespace!,
    activities: createActivities({
      hostsFor: () => hosts,
      archives: { identify: async () => undefined, open: async () => Promise.reject(new Error('no archive')) },
      ownerId: 'owner-1',
      now: Date.now,
      settledMs: 0,
    }),
    maxHeartbeatThrottleInterval: '500ms' as const,
    defaultHeartbeatThrottleInterval: '500ms' as const,
  };
  const main = await Worker.create({
    ...common,
    taskQueue: taskQueues.main,
    workflowBundle: { codePath: codePath! },
    stickyQueueScheduleToStartTimeout: '2s',
    maxCachedWorkflows: workflowsInMemory,
  });
  const sides = await Promise.all(sideQueues.map((taskQueue) => Worker.create({ ...common, taskQueue })));
  process.on('disconnect', () => process.exit(0));
  await new Promise<void>((resolve) => {
    process.on('message', (message) => message === 'go' && resolve());
    process.send!('ready');
  });
  await Promise.all([main, ...sides].map((worker) => worker.run()));
}

void main().catch((error) => {
  console.error(error);
  process.exit(1);
});
