import { outNodes } from './balancers';
import type { HostDifferences } from './differences';
import type { SeenHost } from './observed';
import type { ClusterSpec } from './spec';

/** A node that a rollout works on. */
export interface Worked {
  host: string;
  /** Undefined: nothing differs there, but the load balancers leave it out. */
  differences?: HostDifferences;
  wasOut: boolean;
  /** A part of it is missing, does not run or says nothing: it does not serve as a whole before it was worked on. */
  isAway: boolean;
}

/** A Redis instance that says nothing. */
export interface Silent {
  host: string;
  part: 'redis' | 'redis-replica';
}

interface Looked {
  spec: ClusterSpec;
  seen: SeenHost[];
  differences: HostDifferences[];
  silent: Silent[];
}

/** What is away already comes first, so that no other node is while one is: what the load balancers leave out, then what does not run. */
export function workedNodes({ spec, seen, differences, silent }: Looked): Worked[] {
  const out = outNodes(spec, seen);
  const nodes = spec.nodes.flatMap(({ id: host }): Worked[] => {
    const found = differences.find((d) => d.host === host && d.containers.length + d.removals.length > 0);
    const wasOut = out.includes(host);
    if (!found && !wasOut) return [];
    const isAway = found !== undefined && (isAnyDown(found, seen) || isAnySilent(found, silent));
    return [{ host, wasOut, isAway, ...(found && { differences: found }) }];
  });
  const rank = ({ wasOut, isAway }: Worked) => (wasOut ? 0 : 2) + (isAway ? 0 : 1);
  return nodes.sort((a, b) => rank(a) - rank(b));
}

function isAnyDown({ host, containers }: HostDifferences, seen: SeenHost[]): boolean {
  const running = (seen.find((h) => h.host === host)?.containers ?? []).filter((c) => c.state === 'running');
  // Without its load balancer a node still gives the others all that they ask for.
  return containers.some((step) => step.part !== 'nginx' && !running.some((c) => c.name === step.target));
}

function isAnySilent(differences: HostDifferences, silent: Silent[]): boolean {
  return silent.some((instance) => isBrought(instance, [differences]));
}

/** Its container is made, made anew or started. */
export function isBrought({ host, part }: Silent, differences: HostDifferences[]): boolean {
  return differences.some((d) => d.host === host && d.containers.some((step) => step.part === part));
}
