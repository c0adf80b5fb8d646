import { createHash } from 'node:crypto';
import { authConflicts, credentialStage } from './auth/credential-stage';
import { leftOut } from './balancers';
import type { Because } from './because';
import type { DesiredState } from './desired';
import { differencesOf, type HostDifferences } from './differences';
import { isFoundation, isRedis, readyGates, routerGates } from './foundation';
import { fullDisks } from './full-disks';
import { goingBalancers, strandedClients } from './going-balancers';
import { liveStages } from './live-stage';
import { isForNewPart } from './node-parts';
import { type ClusterRecord, isSeen, type Observed, type SeenHost } from './observed';
import type { RolloutPace } from './pace';
import type { Plan, Stage, Step } from './plan';
import { portConflicts } from './port-conflicts';
import { newestRecord } from './record';
import { describeRedisAction, instanceName, nextTopologyStep, silentInstances } from './redis-topology';
import type { Rollout } from './rollout';
import { rolloutStages } from './rollout-stages';
import type { ClusterSpec } from './spec';
import { hasEnded } from './tls/walk';
import { unbuiltChanges } from './unbuilt-changes';
import { isBrought } from './worked-nodes';

export interface DeployPlanInput {
  spec: ClusterSpec;
  desired: DesiredState;
  observed: Observed;
  /** Says why a fingerprint or file differs; see `because.ts`. */
  because: Because;
  pace?: RolloutPace;
  /** Where parts that move listen until they are replaced, if not where the record says: the change that brought them there was not recorded. */
  earlierPorts?: ClusterSpec['ports'];
  /** Milliseconds since the epoch. Absent: no certificate is taken for ended. */
  nowMs?: number;
}

/** Desired state and observation to steps. The same input gives the same plan, byte for byte. */
export function planDeploy(input: DeployPlanInput): Plan {
  return withHash(layOut(input));
}

/** Of a hundred nodes it has 25 MB as a text. */
export function withHash(plan: Omit<Plan, 'hash'>): Plan {
  return { ...plan, hash: createHash('sha256').update(JSON.stringify(plan)).digest('hex') };
}

/** All but the hash, which takes as long again where there are many nodes. */
export function layOut(input: DeployPlanInput): Omit<Plan, 'hash'> {
  const { desired, observed } = input;
  const seen = observed.hosts.filter(isSeen);
  const unseen = observed.hosts.flatMap((h) => (h.reachable ? [] : [{ host: h.host, error: h.error }]));
  const differences = desired.hosts.flatMap((want) => {
    const is = seen.find((h) => h.host === want.host);
    return is ? [differencesOf({ want, is, because: input.because })] : [];
  });
  const redis = redisStep(input, seen);
  const isReplacing = differences.some((d) => d.containers.some((s) => s.action === 'replace'));
  const record = newestRecord(seen, desired.hosts.length);
  const left = leftOut(input.spec, seen, record?.operation.id);
  const ended = endOfCertificates(record, input.nowMs);
  const earlierPorts = input.earlierPorts ?? record?.spec.ports;
  const pace = input.pace ?? { batch: 1 };
  const silent = silentInstances(
    desired.redis,
    seen.flatMap((h) => h.redis),
  );
  // Without any Redis no node could prove itself alone. One look that got no answer is not enough for that: none of them runs.
  const isDead =
    silent.length === desired.redis.length &&
    silent.every((it) => isBrought(it, differences)) &&
    !seen.some((h) => h.containers.some((c) => isRedis(c.part) && c.state === 'running'));
  const rolling = !ended && !isDead && (isReplacing || left.length > 0);
  const rollout = { spec: input.spec, seen, differences, redis, silent, earlierPorts, pace };
  const { stages, order } = rolling ? rolloutStages(rollout) : { stages: besideEachOther(rollout, ended) };
  const credentials = credentialStage(input.spec, seen);
  // After the images, and before anything that asks them.
  if (credentials) stages.splice(1, 0, credentials);
  const recordStale = isRecordStale(input, seen);
  const isWriting = recordStale || stages.some((s) => s.steps.length > 0);
  if (isWriting) stages.push(recordStage(input));
  return {
    cluster: desired.cluster,
    desiredHash: desired.hash,
    stages: stages.filter((stage) => stage.steps.length > 0 || stage.gates.length > 0),
    counts: countSteps(stages, differences),
    empty: stages.every((s) => s.steps.length === 0),
    recordOnly: stages.every((s) => s.steps.every((step) => step.kind === 'record')),
    rolling,
    ...(ended && isReplacing && { ended }),
    ...(order && { order }),
    ...(left.length > 0 && { left }),
    unseen,
    recordStale,
    conflicts: [
      // The way back is tried: there is no other.
      ...(isWriting && !pace.back
        ? fullDisks(
            seen,
            stages.flatMap((s) => s.steps),
          )
        : []),
      ...unbuiltChanges(record, input.spec),
      // What is taken back has to go back, whoever serves meanwhile.
      ...(rolling && !pace.back ? strandedClients(goingBalancers(input.spec, seen, differences)) : []),
      ...authConflicts(input.spec, seen, record),
      ...differences.flatMap((d) => {
        const is = seen.find((h) => h.host === d.host)!;
        const earlier = record && earlierPorts && { ...record.spec, ports: earlierPorts };
        return [...d.conflicts, ...portConflicts(input.spec, is, { containers: d.containers, earlier })];
      }),
    ],
  };
}

/** When the certificates of what runs have ended: nobody is served then, and a part that is replaced alone finds nobody who believes it. */
function endOfCertificates(record: ClusterRecord | undefined, nowMs: number | undefined): string | undefined {
  const series = record?.destroyed ? undefined : record?.spec.tls?.state?.series;
  return series && nowMs !== undefined && hasEnded(series, nowMs) ? series.until : undefined;
}

/** Nothing that serves is replaced: all hosts side by side, but for what changes in place where each node is to be approved. */
function besideEachOther({ spec, differences, redis, pace }: Rollout, ended: string | undefined): Stage[] {
  if (ended || !pace.approveEachNode) return parallelStages(spec, { differences, redis });
  const inPlace = (d: HostDifferences) => [...d.files.filter((f) => !isForNewPart(d, f)), ...d.live, ...d.reloads];
  const others = differences.map((d) => ({
    ...d,
    files: d.files.filter((f) => isForNewPart(d, f)),
    live: [],
    reloads: [],
  }));
  const [images, ...parts] = parallelStages(spec, { differences: others, redis });
  return [images!, ...liveStages(spec, differences.flatMap(inPlace), pace), ...parts];
}

/** Parts in start order, readiness asked once at the end. */
function parallelStages(spec: ClusterSpec, { differences, redis }: Pick<Rollout, 'differences' | 'redis'>): Stage[] {
  const steps = (pick: (d: HostDifferences) => Step[]) => differences.flatMap(pick);
  const containers = steps((d) => d.containers);
  const later = containers.filter((s) => !isFoundation(s));
  const touched = readyGates(containers);
  return [
    { id: 'images', title: 'images on the hosts', steps: steps((d) => d.images), gates: [] },
    { id: 'files', title: 'configuration files', steps: steps((d) => d.files).map(beside), gates: [] },
    ...liveStages(
      spec,
      steps((d) => d.live),
      { batch: 1 },
    ),
    {
      id: 'foundation',
      title: 'Redis and storage',
      steps: containers.filter(isFoundation),
      gates: routerGates(containers),
    },
    {
      id: 'parts',
      title: 'Kraken and load balancers',
      steps: [...(redis ? [redis] : []), ...later, ...steps((d) => d.reloads), ...steps((d) => d.removals)],
      gates: redis || containers.some((s) => isRedis(s.part)) ? [...touched, { kind: 'redis-whole' }] : touched,
    },
  ];
}

/** Files of one host do not depend on each other. */
function beside(step: Step): Step {
  return { ...step, lane: `${step.host} ${step.target}` };
}

/** The cluster as a whole is one resource of its own, worked on through the instances. */
function redisStep(input: DeployPlanInput, seen: SeenHost[]): Step | undefined {
  const { desired } = input;
  if (seen.length < desired.hosts.length) return undefined;
  const instances = seen.flatMap((h) => h.redis);
  const next = nextTopologyStep(desired.redis, instances);
  if (next.state === 'whole') return undefined;
  const step = {
    id: 'redis-cluster/redis/topology',
    host: desired.redis[0]!.host,
    kind: 'redis' as const,
    target: 'redis-cluster',
    lane: 'redis-cluster',
  };
  const isOver = endOfCertificates(newestRecord(seen, desired.hosts.length), input.nowMs) !== undefined;
  if (isOver) {
    const because = ['its instances answer nobody: their certificates have ended'];
    return { ...step, action: 'change', summary: 'see the Redis Cluster whole again', changes: [], because };
  }
  const fresh = desired.redis.every((want) => {
    const is = instances.find((o) => instanceName(o) === instanceName(want));
    return !is?.reachable || (is.view.length <= 1 && is.view.every((v) => v.slots.length === 0));
  });
  const masters = desired.redis.filter((r) => r.role === 'master').length;
  if (fresh) {
    const replicas = desired.redis.length - masters;
    return {
      ...step,
      action: 'create',
      summary: `form the Redis Cluster: ${masters} masters, ${replicas} replicas`,
      changes: [],
      because: ['the Redis instances are not joined to a cluster yet'],
    };
  }
  const because = next.state === 'act' ? next.actions.map(describeRedisAction) : [next.because];
  return { ...step, action: 'change', summary: 'mend the Redis Cluster', changes: [], because };
}

function isRecordStale(input: DeployPlanInput, seen: SeenHost[]): boolean {
  const { desired, spec } = input;
  const record = newestRecord(seen, desired.hosts.length);
  if (!record || record.destroyed) return true;
  if (record.desiredHash !== desired.hash || JSON.stringify(record.spec) !== JSON.stringify(spec)) return true;
  return seen.some((h) => h.record?.generation !== record.generation);
}

function recordStage(input: DeployPlanInput): Stage {
  const steps = input.desired.hosts.map(
    (host): Step => ({
      id: `record/${host.host}/record/state.json`,
      host: host.host,
      kind: 'record',
      action: 'change',
      target: 'state.json',
      summary: `${host.host}: write the record`,
      changes: [],
      because: ['the record names what was applied and proven'],
    }),
  );
  return { id: 'record', title: 'record on the nodes', steps, gates: [] };
}

function countSteps(stages: Stage[], differences: HostDifferences[]): Plan['counts'] {
  const counts = { create: 0, replace: 0, change: 0, remove: 0, keep: 0 };
  for (const step of stages.filter((s) => !s.passing).flatMap((s) => s.steps)) {
    if (step.kind !== 'image' && step.kind !== 'record') counts[step.action] += 1;
  }
  counts.keep = differences.reduce((sum, d) => sum + d.kept, 0);
  return counts;
}
