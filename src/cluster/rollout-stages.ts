import { type BalancerReason, Balancers, outNodes } from './balancers';
import { type Batches, batchesOf } from './batches';
import { readinessOf } from './component';
import type { HostDifferences } from './differences';
import { isFoundation, isRedis, readyGates, routerGates } from './foundation';
import { goingBalancers, withoutGoing } from './going-balancers';
import { liveStages } from './live-stage';
import type { SeenHost } from './observed';
import type { RolloutPace } from './pace';
import type { BalancerState, Gate, ReplacedParts, Stage, Step } from './plan';
import { type ClusterSpec, type PartName, partNames } from './spec';
import { isBrought, type Silent, type Worked, workedNodes } from './worked-nodes';

export interface Rollout {
  spec: ClusterSpec;
  seen: SeenHost[];
  differences: HostDifferences[];
  /** The Redis Cluster is not as it should be. */
  redis?: Step;
  /** Its instances that say nothing. */
  silent: Silent[];
  /** Where parts listen until they are replaced. */
  earlierPorts?: ClusterSpec['ports'];
  pace: RolloutPace;
}

/** Longer than the minute after which a version that leaks or loses its connections likes to end. */
const firstNodeBakeMs = 75_000;
/** What is older is in the backend, if anywhere. */
const longestAwayHours = 24;

/**
 * Running parts are replaced node by node. Each is taken out of the load balancers, is left until it is quiet, hands its Redis master over if
 * that is replaced, gets its new parts, and proves itself by a canary before it comes back; the next begins when it did.
 */
export function rolloutStages(given: Rollout): { stages: Stage[]; order: Batches & { away: number } } {
  const going = goingBalancers(given.spec, given.seen, given.differences);
  const rest = going.areAll ? given.differences : withoutGoing(given.differences);
  const rollout = { ...given, differences: rest, silent: leftToNodes(given) };
  const { spec, seen, differences, redis, silent, pace } = rollout;
  const out = outNodes(spec, seen);
  const balancers = new Balancers(spec, seen, earlierOf(rollout));
  const stages: Stage[] = [
    { id: 'images', title: 'images on the hosts', steps: differences.flatMap((d) => d.images), gates: [] },
    ...liveStages(spec, inPlace(rollout, balancers, out), pace),
  ];
  if (!going.areAll) stages.push({ id: 'balancers', title: 'load balancers that go', steps: going.steps, gates: [] });
  if (redis && silent.length === 0)
    stages.push({ id: 'redis-cluster', title: 'Redis Cluster', steps: [redis], gates: [{ kind: 'redis-whole' }] });
  const worked = workedNodes(rollout);
  const order = batchesOf(spec, worked.map(partsAway), pace.batch);
  const done: ReplacedParts[] = [];
  let before: Worked[] = [];
  let away = 0;
  for (const [index, batch] of order.batches.entries()) {
    const nodes = worked.filter((w) => batch.includes(w.host));
    const later = worked.filter((w) => order.batches.slice(index + 1).some((hosts) => hosts.includes(w.host)));
    stages.push(...batchStages({ rollout, balancers, nodes, before, done, isFirst: done.length === 0, later }));
    done.push(...replacedParts(nodes));
    before = nodes;
    away = Math.max(away, nodes.length + later.filter(isUnserving).length);
  }
  return { stages, order: { ...order, away } };
}

/** Silent instances where each is brought by its node, which then sees the Redis Cluster whole: waiting for them before would be for ever. */
function leftToNodes({ silent, differences }: Rollout): Silent[] {
  return silent.every((instance) => isBrought(instance, differences)) ? silent : [];
}

/** What stands behind a load balancer. */
const balanced: (PartName | undefined)[] = ['proxy', 'tracker', 'build-index'];

/** Nodes whose parts will listen elsewhere once they are replaced: until then the load balancers must find them where they are. */
function earlierOf({ differences, earlierPorts }: Rollout): BalancerState['earlier'] {
  const isMoved = (s: Step) => balanced.includes(s.part) && s.changes.some((c) => c.field === 'command');
  const nodes = differences.filter((d) => d.containers.some(isMoved)).map((d) => d.host);
  if (nodes.length === 0 || !earlierPorts) return undefined;
  const { proxy, tracker, buildIndex } = earlierPorts;
  return { nodes, ports: { proxy, tracker, buildIndex } };
}

function partsAway({ host, differences }: Worked): { host: string; parts: PartName[] } {
  return { host, parts: (differences?.containers ?? []).flatMap((s) => (s.part ? [s.part] : [])) };
}

function replacedParts(nodes: Worked[]): ReplacedParts[] {
  return nodes.map(partsAway).filter(({ parts }) => parts.length > 0);
}

/** What needs no new container, load balancers first: they go on to leave out what is out already. */
function inPlace({ differences }: Rollout, balancers: Balancers, out: string[]): Step[] {
  const files = differences.flatMap((d) => d.files.filter((f) => !isForNewPart(d, f) && !isBalancer(f)));
  const because = (host: string) => {
    const own = differences.find((d) => d.host === host);
    const reasons = own ? [...own.files.filter(isBalancer), ...own.reloads].flatMap((s) => s.because) : [];
    return reasons.length > 0 ? [...new Set(reasons)] : ['its configuration is rewritten'];
  };
  const live = differences.flatMap((d) => d.live);
  return [
    ...files.map(beforeItsReload),
    ...live,
    ...balancers.bring(out, { stage: 'live', summary: 'load balancer', because }),
  ];
}

/** What a load balancer reads when it reloads is written first, in the lane of that. */
function beforeItsReload(file: Step): Step {
  return file.part === 'nginx' ? { ...file, lane: `${file.host} nginx` } : file;
}

/** It is written right before that part's container is made or started. */
export function isForNewPart(d: HostDifferences, file: Step): boolean {
  return d.containers.some((s) => s.part === file.part);
}

function isBalancer(step: Step): boolean {
  return step.part === 'nginx' && step.target.endsWith('/nginx.conf');
}

interface Batch {
  rollout: Rollout;
  balancers: Balancers;
  nodes: Worked[];
  /** Those that were worked on just before. */
  before: Worked[];
  done: ReplacedParts[];
  isFirst: boolean;
  /** Those that are to come. */
  later: Worked[];
}

const nameOf = (nodes: Worked[]) => nodes.map((n) => n.host).join('+');

function batchStages({ rollout, balancers, nodes, before, done, isFirst, later }: Batch): Stage[] {
  const node = nameOf(nodes);
  const served = nodes.filter(servesThroughBalancers);
  const drained = served.map((n) => n.host);
  const replaced = [...done, ...replacedParts(nodes)];
  const { bakeMs = isFirst && replaced.length > 0 ? firstNodeBakeMs : 0 } = rollout.pace;
  const seconds = Math.ceil(bakeMs / 1000);
  // In this order: what the load balancers are to do depends on what they were brought to before.
  // Left out together, they come back one by one, each when it has proven itself.
  const stillOut = rollout.spec.nodes.map((n) => n.id).filter((id) => later.some((n) => n.host === id && n.wasOut));
  const out = rollout.spec.nodes.map((n) => n.id).filter((id) => [...drained, ...stillOut].includes(id));
  const leaving = drained.length > 0 ? balancers.bring(out, leavingOut(node, drained)) : [];
  const parts = nodes.map((n) => partsOf(n, { rollout, balancers, later }));
  const returning = balancers.bring(stillOut, takingBack(node, drained));
  const stage = (id: string, steps: Step[], gates: Gate[]): Stage => ({ id, title: node, node, steps, gates });
  const passing = leaving.length > 0 && { passing: true as const };
  const others = othersServe(rollout, served, later);
  return [
    ...(others ? [stage(`${node}/others`, [], [others])] : []),
    {
      ...stage(`${node}/out`, leaving, [
        ...drained.map((host) => quiet(rollout, host)),
        ...(drained.length > 0 ? takenBack(before) : []),
      ]),
      ...passing,
    },
    ...(parts.some((p) => p.foundation.length > 0)
      ? [
          stage(
            `${node}/foundation`,
            parts.flatMap((p) => p.foundation),
            routerGates(parts.flatMap((p) => p.foundation)),
          ),
        ]
      : []),
    stage(
      node,
      parts.flatMap((p) => p.steps),
      distinct(parts.flatMap((p) => p.gates)),
    ),
    // Beside the canary: the others' rings have the origin again a few seconds after it answers, and who asks it for what it lacks waits for a second.
    stage(
      `${node}/canary`,
      [],
      [...drained.map((host): Gate => ({ kind: 'canary', host })), ...served.map((n) => caughtUp(n))],
    ),
    // When the others have taken its origin back, which is what agents are sent to.
    ...(drained.length > 0
      ? [
          stage(
            `${node}/agent`,
            [],
            served.map((n) => throughAgent(n, rollout.pace)),
          ),
        ]
      : []),
    {
      ...stage(`${node}/back`, returning, [
        // After the last one nobody looks again.
        ...(later.length === 0 ? served.map((n): Gate => ({ ...caughtUp(n), settled: true })) : []),
        ...(replaced.length > 0 ? [{ kind: 'steady' as const, replaced, seconds }] : []),
      ]),
      ...passing,
    },
  ];
}

/** Parts that are of a load balancer's answers, and what they ask. */
const serving: PartName[] = ['origin', 'tracker', 'build-index', 'proxy'];

/** Its turn comes because it does not serve. */
function isUnserving({ isAway, wasOut }: Worked): boolean {
  return isAway || wasOut;
}

/**
 * Who is away already is worked on all the same. Ports tell where a part is asked: one that moves listens elsewhere before its node was worked on. On the
 * way back, what is to be replaced may be what went wrong.
 */
function othersServe({ spec, earlierPorts, pace }: Rollout, served: Worked[], later: Worked[]): Gate | undefined {
  const leaving = served.filter((n) => !n.wasOut).map((n) => n.host);
  const besides = later.filter((n) => pace.back || isUnserving(n)).map((n) => n.host);
  const portOf = (part: PartName, ports = spec.ports) => readinessOf({ ...spec, ports }, part).port;
  const parts = serving.filter((part) => portOf(part) === portOf(part, earlierPorts));
  const isAnyLeft = leaving.length + besides.length < spec.nodes.length;
  if (leaving.length === 0 || parts.length === 0 || !isAnyLeft) return undefined;
  return { kind: 'others', leaving, besides, parts };
}

function quiet(rollout: Rollout, host: string): Gate {
  const { nodes = [], ports } = earlierOf(rollout) ?? {};
  return { kind: 'quiet', host, ...(nodes.includes(host) && { earlier: ports }) };
}

/** What keeps agents from a node may be no part of the change. It fails that, and not the way back too: the node would never serve again. */
function throughAgent({ host, differences }: Worked, { back }: RolloutPace): Gate {
  return { kind: 'agent', host, ...((back || !differences) && { tells: true }) };
}

/** Nobody knows since when a node is out that an earlier operation has left out. */
function caughtUp({ host, wasOut }: Worked): Extract<Gate, { kind: 'caught-up' }> {
  return { kind: 'caught-up', host, ...(wasOut && { hours: longestAwayHours }) };
}

/**
 * For some seconds after a node had caught up, the others still went without it (Kraken's own hysteresis): what they took in then is on them alone,
 * and one of them is about to go.
 */
function takenBack(before: Worked[]): Gate[] {
  const since = nameOf(before);
  return before.filter(servesThroughBalancers).map(({ host }): Gate => ({ kind: 'caught-up', host, since }));
}

function leavingOut(node: string, drained: string[]): BalancerReason {
  const because = () => [`parts of ${node} are replaced`];
  return { stage: `${node}/out`, summary: `leave out ${drained.join(', ')}`, because };
}

function takingBack(node: string, drained: string[]): BalancerReason {
  const because = () => [`an operation that did not come to its end has left ${node} out of the load balancers`];
  return { stage: `${node}/back`, summary: `take back ${drained.join(', ')}`, because };
}

function distinct(gates: Gate[]): Gate[] {
  const known = new Set<string>();
  return gates.filter((gate) => !known.has(JSON.stringify(gate)) && known.add(JSON.stringify(gate)));
}

/** NGINX alone takes nothing from the other load balancers; every other part is behind them. Who is out has to prove itself in any case. */
function servesThroughBalancers({ differences, wasOut }: Worked): boolean {
  return wasOut || !differences || differences.containers.some((s) => s.part !== 'nginx');
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
function partsOf({ host, differences }: Worked, batch: Pick<Batch, 'rollout' | 'balancers' | 'later'>): NodeParts {
  const { balancers } = batch;
  const seesWhole = !isSilentLater(batch);
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
  const canHandOver = seesWhole || !batch.rollout.silent.some((instance) => instance.host === host);
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

/** An instance of a node that is to come is silent: the Redis Cluster is not whole before that one is done, which sees to it. */
function isSilentLater({ rollout: { silent }, later }: Pick<Batch, 'rollout' | 'later'>): boolean {
  return silent.some(({ host }) => later.some((node) => node.host === host));
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
