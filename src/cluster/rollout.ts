import type { Balancers } from './balancers';
import type { HostDifferences } from './differences';
import type { SeenHost } from './observed';
import type { RolloutPace } from './pace';
import type { ReplacedParts, Step } from './plan';
import type { ClusterSpec } from './spec';
import type { Silent, Worked } from './worked-nodes';

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

/** Nodes that are worked on at once. */
export interface Batch {
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

export const nameOf = (nodes: Worked[]) => nodes.map((n) => n.host).join('+');

/** NGINX alone takes nothing from the other load balancers; every other part is behind them. Who is out has to prove itself in any case. */
export function servesThroughBalancers({ differences, wasOut }: Worked): boolean {
  return wasOut || !differences || differences.containers.some((s) => s.part !== 'nginx');
}
