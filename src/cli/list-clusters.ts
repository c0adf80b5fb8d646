import { randomBytes } from 'node:crypto';
import type { HostClusters } from '../contracts/activities';
import { taskQueues, workflowTypes } from '../contracts/queues';
import { listTemporalClusters, mergeClusters } from './cluster-list';
import { renderClusters } from './cluster-list-text';
import { type Configuration, readConfiguration } from './configuration';
import { connectTemporal } from './connect';
import type { Context } from './context';
import { type CliFailure, toCliFailure } from './failure';
import { reachWorker } from './inspect';
import { nobodySeen } from './operation-sources';
import { describeUnseen } from './unseen-text';

const reachTimeoutMs = 1500;
const lookTimeoutMs = 90_000;

/** From Temporal and from the hosts of the present `.env`; either alone is enough for an answer. */
export async function listClusters(context: Context): Promise<void> {
  const { output } = context;
  const [runs, hosts] = await Promise.allSettled([askTemporal(context), askHosts(context)]);
  if (runs.status === 'rejected' && hosts.status === 'rejected') throw toCliFailure(hosts.reason);
  const { answers, bystander } = hosts.status === 'fulfilled' ? hosts.value : { answers: [], bystander: false };
  const missing = [
    ...(runs.status === 'rejected' ? [describeMissing('Temporal', toCliFailure(runs.reason))] : []),
    ...(hosts.status === 'rejected' ? [describeMissing('the hosts', toCliFailure(hosts.reason))] : []),
    ...answers.flatMap((h) => (h.reachable ? [] : [describeUnseen(h)])),
  ];
  if (runs.status === 'rejected' && !answers.some((h) => h.reachable)) throw nobodySeen(missing);
  const clusters = mergeClusters(answers, runs.status === 'fulfilled' ? runs.value : new Map(), { bystander });
  output.result({ clusters, missing });
  for (const cluster of clusters) output.item(cluster);
  output.lines(renderClusters(clusters, { colors: output.colors, now: new Date(), missing }));
}

function describeMissing(source: string, { message }: CliFailure): string {
  return `${source}: ${message.split('\n', 1)[0]}`;
}

async function askTemporal({ environment }: Context) {
  const temporal = await connectTemporal({ environment, timeoutMs: reachTimeoutMs });
  try {
    return await listTemporalClusters(temporal);
  } finally {
    await temporal.close();
  }
}

/** `bystander`: not the worker has looked, so whether another owner is foreign is not known. */
async function askHosts(context: Context): Promise<{ answers: HostClusters[]; bystander: boolean }> {
  const configuration = await readConfiguration(context);
  const reached = await reachWorker(context, configuration.spec.name);
  if (!('temporal' in reached)) {
    const { listClustersLocally } = require('./local') as typeof import('./local');
    return { answers: await listClustersLocally(configuration.spec), bystander: true };
  }
  try {
    return { answers: await askThrough(reached.temporal, configuration), bystander: false };
  } finally {
    await reached.temporal.close();
  }
}

function askThrough(temporal: Awaited<ReturnType<typeof connectTemporal>>, { spec }: Configuration) {
  return temporal.client.workflow.execute(workflowTypes.inspectClusters, {
    taskQueue: taskQueues.main,
    workflowId: `kraken-${spec.name}-inspect-${randomBytes(4).toString('hex')}`,
    args: [{ spec }],
    workflowExecutionTimeout: lookTimeoutMs,
    staticSummary: 'look for clusters',
  }) as Promise<HostClusters[]>;
}
