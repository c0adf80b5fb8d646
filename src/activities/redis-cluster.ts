import type { RedisInstance } from '../clients/host';
import type { DesiredRedisInstance } from '../cluster/desired';
import { desiredRedis } from '../cluster/desired-state';
import type { ObservedRedisInstance } from '../cluster/observed';
import {
  describeRedisAction,
  instanceName,
  nextHandOverStep,
  nextTopologyStep,
  type RedisAction,
  silentInstances,
  type TopologyStep,
} from '../cluster/redis-topology';
import type { ClusterSpec } from '../cluster/spec';
import type { ResourceActivities } from '../contracts/activities';
import type { FailureDetails } from '../contracts/failures';
import { type ActivityDependencies, connectTo, fenced } from './dependencies';
import { ActivityError } from './failures';
import { beat, pause } from './heartbeat';
import { observeRedisOf } from './hosts';

/** Gossip, a first sync and a hand-over take seconds; a replica that copies a full master takes longer. */
const wholeWithinMs = 120_000;
const lookAgainMs = 100;
/** Several looks' time limits: a master that forks or removes a large key is silent for seconds, and is not gone. */
const goneAfterMs = 15_000;

export function redisActivities(
  deps: ActivityDependencies,
): Pick<ResourceActivities, 'ensureRedisCluster' | 'ensureHandedOver'> {
  return {
    async ensureRedisCluster({ spec, epoch }) {
      const did = await work(deps, { spec, epoch, next: nextTopologyStep });
      return { changed: did.length > 0, did };
    },
    async ensureHandedOver({ spec, epoch, step }) {
      const { host } = step;
      let since = new Map<string, number>();
      const next: Work['next'] = (desired, observed) => {
        const silent = silentInstances(desired, observed).map(instanceName);
        since = new Map(silent.map((name) => [name, since.get(name) ?? deps.now()]));
        const longest = deps.redisGoneMs ?? goneAfterMs;
        const gone = [...since].flatMap(([name, at]) => (deps.now() - at >= longest ? [name] : []));
        return nextHandOverStep(desired, observed, { host, gone });
      };
      return { changed: (await work(deps, { spec, epoch, next })).length > 0 };
    },
  };
}

interface Work {
  spec: ClusterSpec;
  epoch: number;
  next: (desired: DesiredRedisInstance[], observed: ObservedRedisInstance[]) => TopologyStep;
}

/** Looks, does what can be done now, and looks again, until there is nothing left to do. */
async function work(deps: ActivityDependencies, { spec, epoch, next: decide }: Work): Promise<string[]> {
  const desired = desiredRedis(spec);
  const did: string[] = [];
  const deadline = deps.now() + wholeWithinMs;
  for (;;) {
    const observed = await observeRedis(deps, spec);
    const next = decide(desired, observed);
    beat({ state: next.state, did: did.length });
    if (next.state === 'whole') return did;
    if (next.state === 'impossible') {
      throw new ActivityError('REDIS_LAYOUT', next.because, {
        final: true,
        hint: 'look: redis-cli -p 6379 cluster nodes',
      });
    }
    if (deps.now() > deadline) throw notWhole(next, silentInstances(desired, observed)[0]);
    if (next.state === 'act') did.push(...(await applyAll(deps, { spec, epoch, desired, actions: next.actions })));
    await pause(lookAgainMs);
  }
}

function notWhole(next: TopologyStep, silent: DesiredRedisInstance | undefined): ActivityError {
  const because =
    next.state === 'wait' ? next.because : next.state === 'act' ? next.actions.map(describeRedisAction).join('; ') : '';
  return new ActivityError(
    'GATE_NOT_READY',
    `the Redis Cluster did not become whole in ${wholeWithinMs / 1000}s: ${because}`,
    { final: true, ...whoIsSilent(silent) },
  );
}

/** What it wrote says more. */
export function whoIsSilent(silent: DesiredRedisInstance | undefined): FailureDetails {
  if (!silent) return { hint: 'krakenctl status' };
  const { host, part } = silent;
  return { host, part, hint: `krakenctl status; krakenctl logs ${host} ${part}` };
}

export async function observeRedis(deps: ActivityDependencies, spec: ClusterSpec): Promise<ObservedRedisInstance[]> {
  const perHost = await Promise.all(
    spec.nodes.map(async (node) => observeRedisOf(await connectTo(deps, spec, node.id), spec)),
  );
  return perHost.flat();
}

interface Batch {
  spec: ClusterSpec;
  epoch: number;
  desired: DesiredRedisInstance[];
  actions: RedisAction[];
}

/** One command on one instance each; a batch holds only actions that do not depend on each other. */
async function applyAll(deps: ActivityDependencies, batch: Batch): Promise<string[]> {
  for (const action of batch.actions) {
    const at = find(batch.desired, action.at);
    const scope = { spec: batch.spec, host: at.host, epoch: batch.epoch };
    await fenced(deps, scope, (connection) => apply(connection.redis(at.port), action, batch.desired));
  }
  return batch.actions.map(describeRedisAction);
}

function find(desired: DesiredRedisInstance[], name: string): DesiredRedisInstance {
  const found = desired.find((d) => instanceName(d) === name);
  if (!found) throw new Error(`no Redis instance ${name}`);
  return found;
}

async function apply(redis: RedisInstance, action: RedisAction, desired: DesiredRedisInstance[]): Promise<void> {
  switch (action.kind) {
    case 'meet': {
      const target = find(desired, action.target);
      return redis.meet(target.address, target.port);
    }
    case 'forget':
      return redis.forget(action.nodeId);
    case 'add-slots':
      return redis.addSlots(action.range);
    case 'replicate':
      return redis.replicate(action.masterId);
    case 'failover':
      return redis.failover();
  }
}
