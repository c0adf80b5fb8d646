import type { ObservedAgent } from './observed';

/** What one VM needs, or why nothing may be done there. */
export type AgentPlan =
  | { kind: 'unreachable'; why: string }
  | {
      kind: 'refused';
      code: 'FOREIGN_RESOURCE' | 'FOREIGN_OWNER' | 'RIGHTS_MISSING' | 'HOST_FULL';
      why: string;
      hint: string;
    }
  | {
      kind: 'work';
      image: boolean;
      release: boolean;
      /** Its credential is given, renewed or taken. */
      login?: true;
      activate: boolean;
      because: string[];
    };

export interface WantedAgent {
  /** Of the release. */
  id: string;
  /** Hex SHA-256 of the file with its credential; undefined where nobody needs a login. */
  login?: string;
  /** It reaches the load balancers through ways of its own. */
  hasWays?: boolean;
}

/** Engine, layers and a copy of the image while it is being unpacked. */
const leastFreeBytes = 500 * 2 ** 20;

export function planAgent(is: ObservedAgent, want: WantedAgent, owner: string): AgentPlan {
  if (!is.reachable) return { kind: 'unreachable', why: is.error };
  const refusal = refuse(is, owner);
  if (refusal) return refusal;
  const because: string[] = [];
  if (!is.image) because.push('the image is not there');
  if (!is.complete) because.push('the release is not there');
  if (is.current !== want.id)
    because.push(is.current ? `release ${is.current} is the current one` : 'no agent is there');
  else if (is.unit !== 'active') because.push(`the unit is ${is.unit}`);
  else if (is.container?.release !== want.id) because.push('the container is of another release');
  else if (!is.container.isWanted) because.push(`it runs from another image, ${is.container.image}`);
  if (is.unit !== 'absent' && !is.enabled) because.push('the unit does not start with the VM');
  const isKnown = is.login === want.login;
  if (!isKnown) because.push(whyLogin(is.login, want.login));
  const hasWays = !want.hasWays || is.gateway === want.id;
  if (!hasWays && is.current === want.id) because.push('its ways to the load balancers do not run');
  const runs = is.current === want.id && is.unit === 'active' && is.enabled && is.container?.release === want.id;
  const isRight = runs && is.complete && is.container?.state === 'running' && is.container.isWanted && hasWays;
  return {
    kind: 'work',
    image: !is.image && !isRight,
    release: !is.complete,
    ...(!isKnown && { login: true as const }),
    activate: !isRight,
    because,
  };
}

function whyLogin(has: string | undefined, wanted: string | undefined): string {
  if (wanted === undefined) return 'it has a credential, and nobody needs one';
  if (has === undefined) return 'it has no credential';
  return has === 'unread' ? 'its ways may not have read its credential' : 'its credential is another one';
}

type Seen = Extract<ObservedAgent, { reachable: true }>;

function refuse(is: Seen, owner: string): AgentPlan | undefined {
  if (is.missing.length > 0) {
    const why = `${is.missing.join(', ')} ${is.missing.length > 1 ? 'are' : 'is'} missing on the VM`;
    return { kind: 'refused', code: 'RIGHTS_MISSING', why, hint: `install ${is.missing.join(' ')} there` };
  }
  if (is.nodeOf !== undefined) {
    const why = `it is a node of cluster ${is.nodeOf}: an agent would want its ports`;
    return { kind: 'refused', code: 'FOREIGN_RESOURCE', why, hint: 'an agent runs on machines that carry no part' };
  }
  if (is.owner !== undefined && is.owner !== owner) {
    const why = `its agent belongs to another krakenctl (cluster ${is.cluster ?? 'unknown'}, owner ${is.owner})`;
    return { kind: 'refused', code: 'FOREIGN_OWNER', why, hint: 'remove it through that one: krakenctl agent remove' };
  }
  if (is.takenPorts.length > 0) {
    const why = is.takenPorts.map(({ port, program }) => `port ${port} is held by ${program}`).join(', ');
    return {
      kind: 'refused',
      code: 'FOREIGN_RESOURCE',
      why,
      hint: 'AGENT_PORT, AGENT_PEER_PORT, AGENT_SERVER_PORT and AGENT_RELAY_PORT choose others',
    };
  }
  if (!is.image && is.freeBytes < leastFreeBytes) {
    const why = `only ${Math.round(is.freeBytes / 2 ** 20)} MiB are free where Docker keeps its images`;
    return { kind: 'refused', code: 'HOST_FULL', why, hint: 'docker system prune on the VM, or a larger disk' };
  }
  return undefined;
}
