import type { HostDifferences } from './differences';
import { isFoundation, isRedis, readyGates } from './foundation';
import type { Gate, Step } from './plan';
import type { Batch } from './rollout';
import { partNames } from './spec';
import type { Worked } from './worked-nodes';

/** It is written right before that part's container is made or started. */
export function isForNewPart(d: HostDifferences, file: Step): boolean {
  return d.containers.some((s) => s.part === file.part);
}

export function isBalancer(step: Step): boolean {
  return step.part === 'nginx' && step.target.endsWith('/nginx.conf');
}

interface NodeParts {
  /** In this order. */
  foundation: Step[];
  /** Each part in a lane of its own. */
  steps: Step[];
  gates: Gate[];
}

/**
 * What Kraken's parts stand on comes first, in start order. They themselves are replaced side by side: what each waits for when it starts is on the other
 * nodes too, and of this one nobody is asked for anything.
 */
export function partsOf(node: Worked, batch: Pick<Batch, 'rollout' | 'balancers' | 'nodes' | 'later'>): NodeParts {
  const { host, differences } = node;
  const { balancers } = batch;
  const seesWhole = !isAnySilent(batch, batch.later);
  const whole: Gate[] = seesWhole ? [{ kind: 'redis-whole' }] : [];
  if (!differences) {
    const gates = partNames.filter((p) => p !== 'nginx').map((part): Gate => ({ kind: 'ready', host, part }));
    return { foundation: [], steps: [], gates: [...gates, ...whole] };
  }
  const { containers, files, removals } = differences;
  balancers.moved(host);
  if (containers.some((s) => s.part === 'nginx')) balancers.restarted(host);
  const replacesMaster = containers.some((s) => s.part === 'redis' && s.action === 'replace');
  // What is silent here has nothing to hand over, and what is silent elsewhere would be waited for.
  const elsewhere = [...batch.nodes, ...batch.later].filter((n) => n.host !== host);
  const canHandOver = !isAnySilent(batch, [node]) || !isAnySilent(batch, elsewhere);
  const bringsRedis = containers.some((s) => isRedis(s.part));
  const replaced = [...files.filter((f) => isForNewPart(differences, f) && !isBalancer(f)), ...containers];
  const foundation = [
    ...(replacesMaster && canHandOver ? [handOver(host)] : []),
    ...replaced.filter(isFoundation),
    ...(bringsRedis && seesWhole ? [rejoin(host)] : []),
  ];
  const steps = [...replaced.filter((s) => !isFoundation(s)), ...removals].map(besideOtherParts);
  return { foundation, steps, gates: [...readyGates(containers), ...(bringsRedis ? whole : [])] };
}

/** The Redis Cluster is not whole before these nodes are done, the last of which sees to it. */
function isAnySilent({ rollout: { silent } }: Pick<Batch, 'rollout'>, nodes: Worked[]): boolean {
  return silent.some(({ host }) => nodes.some((node) => node.host === host));
}

function besideOtherParts(step: Step): Step {
  return { ...step, lane: `${step.host} ${step.part}` };
}

/** Never a master whose replica is not in sync: the activity waits for that, or fails. */
function handOver(host: string): Step {
  return {
    id: `${host}/redis/handover`,
    host,
    kind: 'handover',
    action: 'change',
    target: 'redis-cluster',
    summary: `hand over the Redis master of ${host}`,
    changes: [],
    because: [`the Redis instances of ${host} are replaced`],
  };
}

function rejoin(host: string): Step {
  return {
    id: `${host}/redis/rejoin`,
    host,
    kind: 'redis',
    action: 'change',
    target: 'redis-cluster',
    summary: `see ${host} back in the Redis Cluster, its master handed back`,
    changes: [],
    because: [`the Redis instances of ${host} are replaced`],
  };
}
