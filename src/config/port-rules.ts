import type { KeyName, Values } from './keys';
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
  const taken = new Map<number, Listener>();
  const blamed = new Set<string>();
  const mistakes: Mistake[] = [];
  for (const listener of listListeners(ruling)) {
    const other = taken.get(listener.port);
    if (other === undefined) taken.set(listener.port, listener);
    if (other === undefined || blamed.has(listener.key) || other.key === listener.key) continue;
    blamed.add(listener.key);
    const expected = 'a port that nothing else on the node uses';
    mistakes.push(blame(ruling, listener.key, { problem: describeClash(listener, other), expected }));
  }
  return mistakes;
}

function describeClash(listener: Listener, other: Listener): string {
  const own = listener.what === listener.key ? '' : `${listener.what} is ${listener.port}, `;
  return `${own}the same port as ${other.what} (${other.port})`;
}

/** Defaults first: of two that clash, the one that a person wrote, and of two written ones the later, is blamed. */
function listListeners(ruling: Ruling): Listener[] {
  const { gathered, resolved } = ruling;
  const rank = (key: string) => {
    const given = gathered.given.get(key);
    return given ? 1 + (given.line ?? Number.MAX_SAFE_INTEGER / 2) : 0;
  };
  const own = (Object.keys(portKeys) as KeyName[]).flatMap((key) => listenersOf(key, resolved.values));
  return [...own, ...sshListeners(ruling)].sort((a, b) => rank(a.key) - rank(b.key));
}

function listenersOf(key: KeyName, values: Values): Listener[] {
  const port = values[key] as number | undefined;
  if (port === undefined) return [];
  const listener = { key, port, what: key };
  // The storage router of a node listens beside its testfs (docs/decisions/0004).
  if (key === 'TESTFS_PORT') return [listener, { key, port: port + 1, what: `the storage router beside ${key}` }];
  if (key !== 'REDIS_PORT' && key !== 'REDIS_REPLICA_PORT') return [listener];
  return [listener, { key, port: port + busOffset, what: `the cluster bus of ${key}` }];
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
