import { type BalancerReason, Balancers, outNodes } from './balancers';
import { type Batches, batchesOf } from './batches';
import { routerGates } from './foundation';
import { goingBalancers, withoutGoing } from './going-balancers';
import { liveStages } from './live-stage';
import { isBalancer, isForNewPart, partsOf } from './node-parts';
import type { Gate, ReplacedParts, Stage, Step } from './plan';
import { type Batch, nameOf, type Rollout, servesThroughBalancers } from './rollout';
import { caughtUp, earlierOf, isUnserving, othersServe, quiet, takenBack, throughAgent } from './rollout-gates';
import type { PartName } from './spec';
import { isBrought, type Silent, type Worked, workedNodes } from './worked-nodes';

/** Longer than the minute after which a version that leaks or loses its connections likes to end. */
const firstNodeBakeMs = 75_000;
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

function batchStages({ rollout, balancers, nodes, before, done, isFirst, later }: Batch): Stage[] {
  const node = nameOf(nodes);
  const served = nodes.filter(servesThroughBalancers);
  const drained = served.map((n) => n.host);
  const replaced = [...done, ...replacedParts(nodes)];
  const { bakeMs = isFirst && replaced.length > 0 ? firstNodeBakeMs : 0 } = rollout.pace;
  const seconds = Math.ceil(bakeMs / 1000);
  // Left out together, they come back one by one, each when it has proven itself.
  const stillOut = rollout.spec.nodes.map((n) => n.id).filter((id) => later.some((n) => n.host === id && n.wasOut));
  const out = rollout.spec.nodes.map((n) => n.id).filter((id) => [...drained, ...stillOut].includes(id));
  // In this order: what the load balancers are to do depends on what they were brought to before.
  const leaving = drained.length > 0 ? balancers.bring(out, leavingOut(node, drained)) : [];
  const parts = nodes.map((n) => partsOf(n, { rollout, balancers, nodes, later }));
  const returning = balancers.bring(stillOut, takingBack(node, drained));
  const stage = (id: string, steps: Step[], gates: Gate[]): Stage => ({ id, title: node, node, steps, gates });
  const passing = leaving.length > 0 && { passing: true as const };
  const others = othersServe({ rollout, nodes, later });
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
