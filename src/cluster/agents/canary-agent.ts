import { createHash } from 'node:crypto';
import { type VmAddress, vmName } from './vm';

/** How a node is tried through an agent: which agent is asked, under which names, and what its answers come to. */

/**
 * Load balancers lead what is asked under this name to this node's own tracker, which they leave out otherwise (`render/nginx.ts`): an agent knows no
 * other way to a node.
 */
export function throughNamespace(host: string): string {
  return `krakenctl-canary/through-${host}`;
}

/** The same by the usual way, of a node that serves. */
export const controlNamespace = 'krakenctl-canary/control';

/** So many of thousands are looked at: who is silent costs ten seconds. */
const lookedAt = 5;
/** What so many agents could not do, no further one is asked for. */
const agentsAsked = 3;

/**
 * Those that may be asked next, the best first. Which one that is is a matter of the names alone, so that an operation that looks again finds the same, and
 * nodes are not all tried through one VM.
 */
export function canaryAgents(agents: VmAddress[], host: string, tried: VmAddress[]): VmAddress[] {
  if (tried.length >= agentsAsked) return [];
  const rank = (vm: VmAddress) => createHash('sha256').update(`${host} ${vm}`).digest('hex');
  return agents
    .filter((vm) => !tried.includes(vm))
    .map((vm) => ({ vm, rank: rank(vm) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .slice(0, lookedAt)
    .map(({ vm }) => vm);
}

/**
 * `came`: the node served this agent. `agent`: this agent gets nothing from anybody, which says nothing of the node. `node`: it gets what another node
 * has, and not what this one has.
 */
export interface AgentTry {
  vm: VmAddress;
  state: 'came' | 'agent' | 'node';
  /** What was seen last; of one that came, how long it took. */
  why: string;
}

export type CanaryVerdict =
  | { state: 'passed' | 'unknown'; told: string }
  /** No agent got anything from the node, and one of them could have. */
  | { state: 'failed'; told: string };

/** An agent that is broken or silent is no reason to take a change back, and one that came is enough. */
export function judgeAgentCanary(tries: AgentTry[], none: string): CanaryVerdict {
  const of = (state: AgentTry['state']) => tries.filter((one) => one.state === state);
  const told = (those: AgentTry[]) => those.map(({ vm, why }) => `${vmName(vm)}: ${why}`).join('; ');
  const [came] = of('came');
  if (came) {
    const others = tries.filter((one) => one !== came);
    return {
      state: 'passed',
      told: `through agent ${vmName(came.vm)}${others.length > 0 ? ` (${told(others)})` : ''}`,
    };
  }
  if (of('node').length > 0) return { state: 'failed', told: told(of('node')) };
  if (tries.length === 0) return { state: 'unknown', told: `through no agent (${none})` };
  return { state: 'unknown', told: `through no agent (${told(tries)})` };
}
