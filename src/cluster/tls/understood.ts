import type { ClusterSpec, TlsState } from '../spec';
import { languagesOf, stateOf } from './languages';

type Tls = Pick<ClusterSpec, 'tls'>;

/** How an agent asks the load balancers, and by whose certificates it believes them. */
type Manner = 'plain' | { believes: string[] };

/** Of a VM that has the release of this state. */
function mannerOf(at: Tls): Manner {
  return languagesOf(at).asks === 'plain' ? 'plain' : { believes: stateOf(at)!.trusts };
}

function isUnderstood(manner: Manner, at: Tls): boolean {
  const { serves } = languagesOf(at);
  if (manner === 'plain') return serves !== 'tls';
  return serves !== 'plain' && manner.believes.includes(stateOf(at)!.signer);
}

/** Where nobody has seen to it that VMs have that state's release: all that its load balancers understand. */
function mannersOf(at: Tls): Manner[] {
  const least = (state: TlsState | undefined): Manner[] => (state ? [{ believes: [state.signer] }] : []);
  return (['plain', ...least(stateOf(at))] as Manner[]).filter((manner) => isUnderstood(manner, at));
}

export interface AgentsWay {
  /** States to be gone through, in order. */
  specs: Tls[];
  /** As recorded: in it agents are understood, whatever release of before they have. */
  recorded: Tls;
  /** An operation on agents has brought them to the release of what is recorded. */
  areThere: boolean;
}

/** How many of the states, from the first on, agents that stay as they are go through without a request that is not understood. */
export function understoodByAgents({ specs, recorded, areThere }: AgentsWay): number {
  const manners = areThere ? [mannerOf(recorded)] : mannersOf(recorded);
  const first = specs.findIndex((at) => !manners.every((manner) => isUnderstood(manner, at)));
  return first < 0 ? specs.length : first;
}
