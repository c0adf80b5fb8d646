import type { HostDifferences } from './differences';
import type { SeenHost } from './observed';
import type { Plan, Step } from './plan';
import type { ClusterSpec } from './spec';

/** Load balancers that nobody wants any more. They are not told which node is left out, so they go before any is. */
export interface Going {
  steps: Step[];
  /** None of those that are wanted runs, so that until then nobody else would serve. */
  areAll: boolean;
}

export function goingBalancers(spec: ClusterSpec, seen: SeenHost[], differences: HostDifferences[]): Going {
  const steps = differences.flatMap((d) => d.removals.filter(isGoing));
  const runs = ({ host, containers }: SeenHost) =>
    spec.loadBalancers.includes(host) && containers.some((c) => c.part === 'nginx' && c.state === 'running');
  return { steps, areAll: steps.length > 0 && !seen.some(runs) };
}

export function withoutGoing(differences: HostDifferences[]): HostDifferences[] {
  return differences.map((d) => ({ ...d, removals: d.removals.filter((step) => !isGoing(step)) }));
}

function isGoing({ kind, part }: Step): boolean {
  return kind === 'remove' && part === 'nginx';
}

/** Either nobody would serve for as long as nodes are replaced, or requests would go to nodes that are away. */
export function strandedClients({ areAll }: Going): Plan['conflicts'] {
  if (!areAll) return [];
  const why = 'every load balancer would go while parts are replaced: change LB_NODES by a deploy of its own';
  return [{ host: 'cluster', what: 'LB_NODES', why, notBuilt: true }];
}
