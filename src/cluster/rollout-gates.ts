import { readinessOf } from './component';
import type { RolloutPace } from './pace';
import type { BalancerState, Gate, Step } from './plan';
import { type Batch, nameOf, type Rollout, servesThroughBalancers } from './rollout';
import type { PartName } from './spec';
import type { Worked } from './worked-nodes';

/** What a node must have been seen to be before it goes, and before it comes back. */

/** What is older is in the backend, if anywhere. */
const longestAwayHours = 24;

/** What stands behind a load balancer. */
const balanced: (PartName | undefined)[] = ['proxy', 'tracker', 'build-index'];

/** Nodes whose parts will listen elsewhere once they are replaced: until then the load balancers must find them where they are. */
export function earlierOf({ differences, earlierPorts }: Rollout): BalancerState['earlier'] {
  const isMoved = (s: Step) => balanced.includes(s.part) && s.changes.some((c) => c.field === 'command');
  const nodes = differences.filter((d) => d.containers.some(isMoved)).map((d) => d.host);
  if (nodes.length === 0 || !earlierPorts) return undefined;
  const { proxy, tracker, buildIndex } = earlierPorts;
  return { nodes, ports: { proxy, tracker, buildIndex } };
}

/** Parts that are of a load balancer's answers, and what they ask. */
const serving: PartName[] = ['origin', 'tracker', 'build-index', 'proxy'];

/** Its turn comes because it does not serve. */
export function isUnserving({ isAway, wasOut }: Worked): boolean {
  return isAway || wasOut;
}

/**
 * Who is away already is worked on all the same. Ports tell where a part is asked: one that moves listens elsewhere before its node was worked on. On the
 * way back, what is to be replaced may be what went wrong.
 */
export function othersServe({ rollout, nodes, later }: Pick<Batch, 'rollout' | 'nodes' | 'later'>): Gate | undefined {
  const { spec, earlierPorts, pace } = rollout;
  const leaving = nodes.filter((n) => !n.wasOut && servesThroughBalancers(n)).map((n) => n.host);
  const outOrLater = [...nodes.filter((n) => n.wasOut), ...later.filter((n) => pace.back || isUnserving(n))];
  const besides = outOrLater.map((n) => n.host);
  const portOf = (part: PartName, ports = spec.ports) => readinessOf({ ...spec, ports }, part).port;
  const parts = serving.filter((part) => portOf(part) === portOf(part, earlierPorts));
  const isAnyLeft = leaving.length + besides.length < spec.nodes.length;
  if (leaving.length === 0 || parts.length === 0 || !isAnyLeft) return undefined;
  return { kind: 'others', leaving, besides, parts };
}

export function quiet(rollout: Rollout, host: string): Gate {
  const { nodes = [], ports } = earlierOf(rollout) ?? {};
  return { kind: 'quiet', host, ...(nodes.includes(host) && { earlier: ports }) };
}

/** What keeps agents from a node may be no part of the change. It fails that, and not the way back too: the node would never serve again. */
export function throughAgent({ host, differences }: Worked, { back }: RolloutPace): Gate {
  return { kind: 'agent', host, ...((back || !differences) && { tells: true }) };
}

/** Nobody knows since when a node is out that an earlier operation has left out. */
export function caughtUp({ host, wasOut }: Worked): Extract<Gate, { kind: 'caught-up' }> {
  return { kind: 'caught-up', host, ...(wasOut && { hours: longestAwayHours }) };
}

/**
 * For some seconds after a node had caught up, the others still went without it (Kraken's own hysteresis): what they took in then is on them alone,
 * and one of them is about to go.
 */
export function takenBack(before: Worked[]): Gate[] {
  const since = nameOf(before);
  return before.filter(servesThroughBalancers).map(({ host }): Gate => ({ kind: 'caught-up', host, since }));
}
