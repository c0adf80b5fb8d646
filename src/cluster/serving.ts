import { leftOut } from './balancers';
import type { Observed, ObservedHost, ObservedRedisInstance, SeenHost } from './observed';
import { isSeen } from './observed';
import { highestRecord } from './record';
import { totalSlots } from './redis-topology';
import { type ClusterSpec, type PartName, partNames } from './spec';

/**
 * Does the cluster serve? From one look with probes, and nothing else: what could not be seen counts as not there for
 * serving, and is said to be unknown, not dead.
 */
export type ServingState = 'serving' | 'degraded' | 'down';

export interface Finding {
  severity: 'down' | 'degraded' | 'note';
  host?: string;
  text: string;
  /** The command that shows more or mends it. */
  hint?: string;
}

export interface Serving {
  state: ServingState;
  findings: Finding[];
}

/** `absent`: no container; `stopped`: it does not run; `unready`: it runs and its probe fails; `unseen`: host not seen. */
export type PartState = 'ready' | 'unready' | 'stopped' | 'absent' | 'unseen' | 'not here';

export interface ServingInput {
  spec: ClusterSpec;
  observed: Observed;
}

/** Without one of each of these no image is pushed or pulled (kraken.md). */
const essential: PartName[] = ['nginx', 'proxy', 'origin'];
/**
 * Their readiness asks an origin, and takes a dead one for its answer until it is left out, some 30 s later. So "not ready
 * anywhere" is a warning while they run, and only "runs nowhere" is the end.
 */
const leaning: Partial<Record<PartName, string>> = {
  'build-index': 'images are neither pushed nor pulled',
  tracker: 'agents pull nothing',
};

export function judgeServing(input: ServingInput): Serving {
  const { spec, observed } = input;
  const unseen = observed.hosts.filter((h) => !h.reachable);
  const nothing = observed.hosts.every((h) => isSeen(h) && h.containers.every((c) => c.cluster === undefined));
  if (nothing) {
    return {
      state: 'down',
      findings: [{ severity: 'down', text: describeNothing(observed), hint: 'krakenctl deploy' }],
    };
  }
  const findings = [
    ...essential.flatMap((part) => judgeEssential(input, part)),
    ...Object.entries(leaning).flatMap(([part, loss]) => judgeLeaning(input, part as PartName, loss)),
    ...judgeRedis(input),
    ...unseen.map(describeUnseen),
    ...observed.hosts.filter(isSeen).flatMap((host) => judgeHost(input, host)),
    ...judgeCopies(input),
    ...judgeOut(input),
  ];
  if (spec.storage.backend === 'testfs') {
    const text = 'blobs lie in testfs, the embedded storage; S3 is the production backend (not built yet)';
    findings.push({ severity: 'note', text });
  }
  return { state: worst(findings), findings };
}

function describeNothing(observed: Observed): string {
  const destroyed = highestRecord(observed.hosts.filter(isSeen))?.destroyed;
  if (!destroyed) return 'nothing is deployed';
  return destroyed.dataKept ? 'the cluster was destroyed, its data is kept' : 'the cluster was destroyed';
}

function worst(findings: Finding[]): ServingState {
  if (findings.some((f) => f.severity === 'down')) return 'down';
  return findings.some((f) => f.severity === 'degraded') ? 'degraded' : 'serving';
}

export function partState({ spec }: ServingInput, host: ObservedHost, part: PartName): PartState {
  if (part === 'nginx' && !spec.loadBalancers.includes(host.host)) return 'not here';
  if (!isSeen(host)) return 'unseen';
  const container = host.containers.find((c) => c.part === part && c.cluster === spec.name);
  if (!container) return 'absent';
  if (container.state !== 'running') return 'stopped';
  return host.ready?.[part] === false ? 'unready' : 'ready';
}

function countReady(input: ServingInput, part: PartName): number {
  return input.observed.hosts.filter((host) => partState(input, host, part) === 'ready').length;
}

function judgeEssential(input: ServingInput, part: PartName): Finding[] {
  if (countReady(input, part) > 0) return [];
  return [{ severity: 'down', text: `no ${part} is ready on any host: images are neither pushed nor pulled` }];
}

function judgeLeaning(input: ServingInput, part: PartName, loss: string): Finding[] {
  if (countReady(input, part) > 0) return [];
  const runs = input.observed.hosts.some((host) => partState(input, host, part) === 'unready');
  if (!runs) return [{ severity: 'down', text: `no ${part} runs on any host: ${loss}` }];
  const text = `no ${part} says that it is ready; it asks an origin, and leaves a dead one out after about 30 s`;
  return [{ severity: 'degraded', text }];
}

function describeUnseen(host: ObservedHost): Finding {
  const error = isSeen(host) ? '' : host.error;
  return {
    severity: 'degraded',
    host: host.host,
    text: `cannot be seen: ${error}`,
    hint: 'what runs there is unknown',
  };
}

function judgeHost(input: ServingInput, host: SeenHost): Finding[] {
  const findings = partNames.flatMap((part): Finding[] => {
    const state = partState(input, host, part);
    if (state === 'ready' || state === 'not here') return [];
    const hint = state === 'unready' ? `krakenctl logs ${host.host} ${part}` : 'krakenctl plan';
    return [{ severity: 'degraded', host: host.host, text: `${part} ${inWords(host, part, state)}`, hint }];
  });
  if (host.diskUsedPercent >= 90) {
    const text = `the disk is ${Math.round(host.diskUsedPercent)}% full`;
    findings.push({ severity: 'degraded', host: host.host, text, hint: `lower CACHE_TTI, or add disk` });
  }
  return findings;
}

function inWords(host: SeenHost, part: PartName, state: PartState): string {
  const container = host.containers.find((c) => c.part === part);
  if (state === 'absent') return 'has no container';
  if (state === 'unready') return 'runs and is not ready';
  const exit = container?.state === 'exited' ? ` (exit code ${container.exitCode})` : '';
  return `is ${container?.state ?? 'stopped'}${exit}`;
}

/** With as many origins away as there are copies, some blobs may be on none that is left. */
function judgeCopies(input: ServingInput): Finding[] {
  const away = input.spec.nodes.length - countReady(input, 'origin');
  const copies = input.spec.kraken.maxReplica;
  if (away < copies || away === input.spec.nodes.length) return [];
  const text = `${away} origins are away and each blob has ${copies} copies: some blobs cannot be pulled`;
  return [{ severity: 'degraded', text }];
}

/** While an operation runs that is its work; after it, what it left. */
function judgeOut({ spec, observed }: ServingInput): Finding[] {
  const seen = observed.hosts.filter(isSeen);
  return leftOut(spec, seen, highestRecord(seen)?.operation.id).map(({ host, operation }) => {
    const text = 'is left out by the load balancers';
    const hint = operation
      ? `${operation} works on it, or has ended there: krakenctl op show ${operation}; krakenctl deploy takes it back`
      : 'an operation works on it, or one has ended there: krakenctl op list; then krakenctl deploy takes it back';
    return { severity: 'degraded', host, text, hint };
  });
}

export interface RedisShard {
  /** Where its master runs now. */
  host: string;
  slots: [number, number][];
  replica?: { host: string; linkUp: boolean };
}

/** Masters that serve slots, each with the best replica that follows it; by their own words. */
export function redisShards(observed: Observed): RedisShard[] {
  const instances = observed.hosts.filter(isSeen).flatMap((h) => h.redis);
  const reachable = instances.filter((i): i is Extract<ObservedRedisInstance, { reachable: true }> => i.reachable);
  const masters = reachable.filter((i) => i.role === 'master');
  return masters.flatMap((master) => {
    const slots = master.view.find((v) => v.id === master.id)?.slots ?? [];
    if (slots.length === 0) return [];
    const followers = reachable.filter((i) => i.role === 'replica' && i.masterId === master.id);
    const replica = followers.find((i) => i.linkUp) ?? followers[0];
    return [{ host: master.host, slots, replica: replica && { host: replica.host, linkUp: replica.linkUp } }];
  });
}

function judgeRedis({ observed }: ServingInput): Finding[] {
  const shards = redisShards(observed);
  const served = shards.flatMap((s) => s.slots).reduce((sum, [from, to]) => sum + to - from + 1, 0);
  const findings: Finding[] = [];
  if (served < totalSlots) {
    const text = `Redis serves ${served} of ${totalSlots} slots: announces of the other blobs are lost`;
    findings.push({ severity: 'degraded', text, hint: 'krakenctl plan' });
  }
  for (const shard of shards) {
    const range = showSlots(shard.slots);
    if (!shard.replica) {
      findings.push({ severity: 'degraded', host: shard.host, text: `Redis master of ${range} has no replica` });
    } else if (!shard.replica.linkUp) {
      const text = `Redis replica of ${range} on ${shard.replica.host} is not in sync`;
      findings.push({ severity: 'degraded', host: shard.host, text });
    }
  }
  const hosts = shards.map((s) => s.host);
  for (const host of new Set(hosts.filter((h, i) => hosts.indexOf(h) !== i))) {
    const text = 'carries two Redis masters: with it Redis would lose its majority';
    findings.push({ severity: 'degraded', host, text, hint: 'krakenctl deploy hands one back' });
  }
  return findings;
}

export function showSlots(slots: [number, number][]): string {
  return slots.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}
