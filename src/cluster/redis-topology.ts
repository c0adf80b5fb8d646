import type { DesiredRedisInstance } from './desired';
import type { ObservedRedisInstance, RedisView } from './observed';

/**
 * From any half-made Redis Cluster to the desired one: what can be done now, as data. Called again after each batch, until
 * {@link TopologyStep} is `whole`. Never moves slots between living masters and never takes over: data stays where it is.
 */
export type RedisAction =
  | { kind: 'meet'; at: string; target: string }
  | { kind: 'forget'; at: string; nodeId: string }
  | { kind: 'add-slots'; at: string; range: [number, number] }
  | { kind: 'replicate'; at: string; target: string; masterId: string }
  | { kind: 'failover'; at: string; from: string };

export type TopologyStep =
  | { state: 'whole' }
  | { state: 'act'; actions: RedisAction[] }
  | { state: 'wait'; because: string }
  | { state: 'impossible'; because: string };

/** `node-1/redis`: how actions and messages name an instance. */
export function instanceName(instance: { host: string; part: string }): string {
  return `${instance.host}/${instance.part}`;
}

type Reachable = Extract<ObservedRedisInstance, { reachable: true }>;
interface Pair {
  name: string;
  want: DesiredRedisInstance;
  is: Reachable;
}

export const totalSlots = 16384;

/** Even, contiguous ranges in the order of the masters. */
export function slotRange(index: number, masters: number): [number, number] {
  const start = Math.floor((index * totalSlots) / masters);
  return [start, Math.floor(((index + 1) * totalSlots) / masters) - 1];
}

export function nextTopologyStep(desired: DesiredRedisInstance[], observed: ObservedRedisInstance[]): TopologyStep {
  const pairs = pairUp(desired, observed);
  if ('state' in pairs) return pairs;
  return strangers(pairs) ?? meetings(pairs) ?? shards(pairs) ?? agreement(pairs);
}

/** Wanted instances that say nothing. */
export function silentInstances(desired: DesiredRedisInstance[], observed: ObservedRedisInstance[]) {
  return desired.filter((want) => !observed.some((o) => instanceName(o) === instanceName(want) && o.reachable));
}

function pairUp(desired: DesiredRedisInstance[], observed: ObservedRedisInstance[]): Pair[] | TopologyStep {
  const pairs: Pair[] = [];
  for (const want of desired) {
    const is = observed.find((o) => o.host === want.host && o.part === want.part);
    if (!is?.reachable) {
      return { state: 'wait', because: `${instanceName(want)} does not answer${is ? `: ${is.error}` : ''}` };
    }
    pairs.push({ name: instanceName(want), want, is });
  }
  return pairs;
}

/**
 * Before a host's instances are replaced: its masters hand over to a replica on another host, and only to one whose link is up. `whole` when
 * the host serves no slot and everybody else says so. An instance of the host that is silent for long (`gone`, by name) has nothing to hand over, and need not
 * have been replaced by another one; one that did not answer a look may be a master that is busy.
 */
export function nextHandOverStep(
  desired: DesiredRedisInstance[],
  observed: ObservedRedisInstance[],
  { host, gone = [] }: { host: string; gone?: string[] },
): TopologyStep {
  const silent = desired.filter((want) => want.host === host && gone.includes(instanceName(want)));
  const pairs = pairUp(
    desired.filter((want) => !silent.includes(want)),
    observed,
  );
  if ('state' in pairs) return pairs;
  const leaving = pairs.filter((p) => p.want.host === host);
  const actions: RedisAction[] = [];
  for (const master of leaving.filter((p) => p.is.role === 'master' && ownSlots(p.is) > 0)) {
    const replicas = pairs.filter((p) => p.want.host !== host && p.is.masterId === master.is.id);
    const ready = replicas.find((p) => p.is.linkUp);
    if (!ready) {
      const name = replicas[0]?.name;
      const because = name
        ? `${name} is not in sync with ${master.name}`
        : `${master.name} has no replica on another host`;
      return { state: 'wait', because };
    }
    actions.push({ kind: 'failover', at: ready.name, from: master.name });
  }
  return act(actions) ?? (silent.length > 0 ? { state: 'whole' } : handOverAgreement(pairs, leaving));
}

function handOverAgreement(pairs: Pair[], leaving: Pair[]): TopologyStep {
  const gone = new Set(leaving.map((p) => p.is.id));
  for (const pair of pairs) {
    if (pair.is.clusterState !== 'ok') return { state: 'wait', because: `${pair.name} says cluster_state:fail` };
    const stale = pair.is.view.find((v) => gone.has(v.id) && seenRole(v) === 'master' && v.slots.length > 0);
    if (stale) return { state: 'wait', because: `${pair.name} still sees ${stale.address}:${stale.port} as a master` };
  }
  return { state: 'whole' };
}

function act(actions: RedisAction[]): TopologyStep | undefined {
  return actions.length > 0 ? { state: 'act', actions } : undefined;
}

/** Node ids that are none of ours: dead ones (an instance came back empty, under a new id) are forgotten, living ones refused. */
function strangers(pairs: Pair[]): TopologyStep | undefined {
  const ours = new Set(pairs.map((p) => p.is.id));
  const addresses = new Set(pairs.map((p) => `${p.want.address}:${p.want.port}`));
  const actions: RedisAction[] = [];
  for (const pair of pairs) {
    for (const seen of pair.is.view) {
      if (ours.has(seen.id) || seen.flags.includes('handshake')) continue;
      const gone = seen.flags.some((flag) => flag === 'fail' || flag === 'fail?' || flag === 'noaddr');
      if (!gone && !addresses.has(`${seen.address}:${seen.port}`)) {
        return {
          state: 'impossible',
          because: `${pair.name} is in one Redis Cluster with ${seen.address}:${seen.port}, which is none of ours`,
        };
      }
      actions.push({ kind: 'forget', at: pair.name, nodeId: seen.id });
    }
  }
  return act(actions);
}

/** Everybody is introduced to everybody through one anchor: the instance that serves most slots, else the first. */
function meetings(pairs: Pair[]): TopologyStep | undefined {
  const anchor = pairs.reduce((best, p) => (ownSlots(p.is) > ownSlots(best.is) ? p : best));
  const known = (view: RedisView[], id: string) => view.some((v) => v.id === id && !v.flags.includes('handshake'));
  const missing = pairs.filter(
    (p) => p !== anchor && !(known(anchor.is.view, p.is.id) && known(p.is.view, anchor.is.id)),
  );
  if (missing.length > 0) {
    return { state: 'act', actions: missing.map((p) => ({ kind: 'meet', at: anchor.name, target: p.name })) };
  }
  for (const pair of pairs) {
    const unmet = pairs.find((other) => !known(pair.is.view, other.is.id));
    if (unmet) return { state: 'wait', because: `${pair.name} has not met ${unmet.name} yet` };
  }
  return undefined;
}

function ownSlots(instance: Reachable): number {
  return ranges(instance).reduce((sum, [from, to]) => sum + to - from + 1, 0);
}

function ranges(instance: Reachable): [number, number][] {
  return instance.view.find((v) => v.id === instance.id)?.slots ?? [];
}

/** The instance that serves a slot now, by its own word. */
function ownerOf(pairs: Pair[], slot: number): Pair | undefined {
  return pairs.find((p) => p.is.role === 'master' && ranges(p.is).some(([from, to]) => from <= slot && slot <= to));
}

function shards(pairs: Pair[]): TopologyStep | undefined {
  const additions: RedisAction[] = [];
  const moves: RedisAction[] = [];
  for (const master of pairs.filter((p) => p.want.role === 'master')) {
    const [from, to] = master.want.slots ?? [0, -1];
    const owners = new Set<Pair>();
    for (const piece of pieces(pairs, from, to)) {
      if (piece.owner) owners.add(piece.owner);
      else additions.push({ kind: 'add-slots', at: keeperOf(pairs, master).name, range: piece.range });
    }
    if (owners.size > 1) return foreignLayout(master, [...owners]);
    const owner = [...owners][0] ?? keeperOf(pairs, master);
    if (owner !== master && !belongsTo(owner, master)) return foreignLayout(master, [owner]);
    moves.push(...shardMoves(pairs, master, owner));
  }
  return act(additions) ?? act(moves);
}

/** Slots that nobody serves go to the desired master, or, while that one follows another, to the one it follows. */
function keeperOf(pairs: Pair[], master: Pair): Pair {
  if (master.is.role === 'master') return master;
  return pairs.find((p) => p.is.id === master.is.masterId) ?? master;
}

function belongsTo(owner: Pair, master: Pair): boolean {
  return owner.want.follows === master.want.host;
}

function foreignLayout(master: Pair, owners: Pair[]): TopologyStep {
  const [from, to] = master.want.slots ?? [0, 0];
  return {
    state: 'impossible',
    because: `slots ${from}-${to} belong to ${master.name} but are served by ${owners.map((o) => o.name).join(', ')}; moving slots is not built yet`,
  };
}

/** Who serves changes only where a range begins or has ended. */
function pieces(pairs: Pair[], from: number, to: number): { range: [number, number]; owner?: Pair }[] {
  if (from > to) return [];
  const edges = pairs.flatMap((p) => ranges(p.is).flatMap(([first, last]) => [first, last + 1]));
  const starts = [...new Set([from, ...edges.filter((slot) => from < slot && slot <= to)])].sort((a, b) => a - b);
  const found: { range: [number, number]; owner?: Pair }[] = [];
  for (const [at, start] of starts.entries()) {
    const end = (starts[at + 1] ?? to + 1) - 1;
    const owner = ownerOf(pairs, start);
    const last = found.at(-1);
    if (last && last.owner === owner) last.range[1] = end;
    else found.push({ range: [start, end], owner });
  }
  return found;
}

/** Replicas first, the hand-back only when the desired master follows with its link up. */
function shardMoves(pairs: Pair[], master: Pair, owner: Pair): RedisAction[] {
  const moves: RedisAction[] = [];
  const members = pairs.filter((p) => p === master || p.want.follows === master.want.host);
  for (const member of members) {
    if (member === owner) continue;
    const follows = member.is.role === 'replica' && member.is.masterId === owner.is.id;
    if (!follows) moves.push({ kind: 'replicate', at: member.name, target: owner.name, masterId: owner.is.id });
    else if (member === master && member.is.linkUp) moves.push({ kind: 'failover', at: master.name, from: owner.name });
  }
  return moves;
}

/** All roles are as desired; now everybody must say so, with every link up. */
function agreement(pairs: Pair[]): TopologyStep {
  for (const pair of pairs) {
    if (pair.is.role !== pair.want.role) return { state: 'wait', because: `${pair.name} is still ${pair.is.role}` };
    if (pair.is.role === 'replica' && !pair.is.linkUp) {
      return { state: 'wait', because: `${pair.name} is not in sync with its master` };
    }
    if (pair.is.clusterState !== 'ok') return { state: 'wait', because: `${pair.name} says cluster_state:fail` };
    for (const other of pairs) {
      const seen = pair.is.view.find((v) => v.id === other.is.id);
      const agrees = seen && seenRole(seen) === other.is.role && !seen.flags.some((f) => f.startsWith('fail'));
      if (!agrees) return { state: 'wait', because: `${pair.name} does not see ${other.name} as ${other.is.role} yet` };
    }
  }
  return { state: 'whole' };
}

function seenRole(view: RedisView): 'master' | 'replica' {
  return view.flags.includes('master') ? 'master' : 'replica';
}

/** For a person: `hand the master of slots 0-5460 back to node-1/redis`. */
export function describeRedisAction(action: RedisAction): string {
  switch (action.kind) {
    case 'meet':
      return `introduce ${action.target}`;
    case 'forget':
      return `forget the dead node ${action.nodeId.slice(0, 8)} on ${action.at}`;
    case 'add-slots':
      return `give slots ${action.range[0]}-${action.range[1]} to ${action.at}`;
    case 'replicate':
      return `make ${action.at} a replica of ${action.target}`;
    case 'failover':
      return `hand the master back to ${action.at} (now ${action.from})`;
  }
}
