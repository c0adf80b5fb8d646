import { redisTlsOffset } from '../cluster/tls/languages';
import type { KeyName, Values } from './keys';
import { agentKeys } from './keys/agents';
import { portKeys } from './keys/ports';
import type { Mistake } from './mistakes';
import { blame, type Ruling } from './ruling';

/** All parts of a node listen in one network, with sshd among them: no port may be taken twice. */

interface Listener {
  key: string;
  port: number;
  what: string;
}

const busOffset = 10_000;

export function findPortMistakes(ruling: Ruling): Mistake[] {
  return findClashes(ruling, listListeners(ruling), 'node');
}

/** A VM carries an agent and no part of the cluster; a relay for each load balancer lies after AGENT_RELAY_PORT. */
export function findAgentPortMistakes(ruling: Ruling): Mistake[] {
  const { values, nodes } = ruling.resolved;
  // Where logins or TLS are needed, agents reach trackers through ports behind those.
  const relays = (values.LB_NODES ?? nodes).length * (values.ENABLE_AUTH || values.ENABLE_TLS ? 2 : 1);
  const own = (Object.keys(agentKeys) as KeyName[]).flatMap((key): Listener[] => {
    const port = key.endsWith('_PORT') ? (values[key] as number | undefined) : undefined;
    if (port === undefined) return [];
    if (key !== 'AGENT_RELAY_PORT') return [{ key, port, what: key }];
    return Array.from({ length: relays }, (_, i) => ({ key, port: port + i, what: i === 0 ? key : `relay ${i + 1}` }));
  });
  const beyond = own.find(({ port }) => port > 65535);
  if (beyond) {
    const expected = `a port with room for ${relays} load balancers after it`;
    return [blame(ruling, beyond.key, { problem: `${beyond.what} would be ${beyond.port}`, expected })];
  }
  return findClashes(ruling, sorted(ruling, own), 'VM');
}

function findClashes(ruling: Ruling, listeners: Listener[], where: 'node' | 'VM'): Mistake[] {
  const taken = new Map<number, Listener>();
  const blamed = new Set<string>();
  const mistakes: Mistake[] = [];
  for (const listener of listeners) {
    const other = taken.get(listener.port);
    if (other === undefined) taken.set(listener.port, listener);
    if (other === undefined || blamed.has(listener.key) || other.key === listener.key) continue;
    blamed.add(listener.key);
    const expected = `a port that nothing else on the ${where} uses`;
    mistakes.push(blame(ruling, listener.key, { problem: describeClash(listener, other), expected }));
  }
  return mistakes;
}

function describeClash(listener: Listener, other: Listener): string {
  const own = listener.what === listener.key ? '' : `${listener.what} is ${listener.port}, `;
  return `${own}the same port as ${other.what} (${other.port})`;
}

/** Defaults first: of two that clash, the one that a person wrote, and of two written ones the later, is blamed. */
function sorted({ gathered }: Ruling, listeners: Listener[]): Listener[] {
  const rank = (key: string) => {
    const given = gathered.given.get(key);
    return given ? 1 + (given.line ?? Number.MAX_SAFE_INTEGER / 2) : 0;
  };
  return [...listeners].sort((a, b) => rank(a.key) - rank(b.key));
}

function listListeners(ruling: Ruling): Listener[] {
  const own = (Object.keys(portKeys) as KeyName[]).flatMap((key) => listenersOf(key, ruling.resolved.values));
  return sorted(ruling, [...own, ...sshListeners(ruling)]);
}

function listenersOf(key: KeyName, values: Values): Listener[] {
  const port = values[key] as number | undefined;
  if (port === undefined) return [];
  const listener = { key, port, what: key };
  // The storage router of a node listens beside its testfs (docs/decisions/0004).
  if (key === 'TESTFS_PORT') return [listener, { key, port: port + 1, what: `the storage router beside ${key}` }];
  if (key !== 'REDIS_PORT' && key !== 'REDIS_REPLICA_PORT') return [listener];
  const bus = { key, port: port + busOffset, what: `the cluster bus of ${key}` };
  const tls = { key, port: port + redisTlsOffset, what: `TLS of ${key}` };
  return [listener, bus, ...(values.ENABLE_TLS ? [tls] : [])];
}

function sshListeners({ resolved: { nodes, values } }: Ruling): Listener[] {
  const seen = new Set<number>();
  const fromKey = values.SSH_PORT === undefined ? [] : [{ key: 'SSH_PORT', port: values.SSH_PORT, what: 'SSH_PORT' }];
  if (values.SSH_PORT !== undefined && nodes.some(({ port }) => port === undefined)) seen.add(values.SSH_PORT);
  const fromNodes = nodes.flatMap(({ port, key }) => {
    if (port === undefined || seen.has(port)) return [];
    seen.add(port);
    return [{ key, port, what: `sshd of ${key}` }];
  });
  return [...(nodes.every(({ port }) => port !== undefined) && nodes.length > 0 ? [] : fromKey), ...fromNodes];
}
