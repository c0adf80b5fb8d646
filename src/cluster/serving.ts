import { leftOut } from './balancers';
import type { Observed, ObservedHost, ObservedRedisInstance, SeenHost } from './observed';
import { isSeen } from './observed';
import { highestRecord } from './record';
import { totalSlots } from './redis-topology';
import { type ClusterSpec, type PartName, partNames } from './spec';

/**
 * Does the cluster serve? From one look with probes, and nothing else. `unknown`: what was seen is not enough to serve, and the rest
 * may be on hosts that were not seen.
 */
export type ServingState = 'serving' | 'degraded' | 'unknown' | 'down';

export interface Finding {
  severity: 'down' | 'unknown' | 'degraded' | 'note';
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
  const seen = observed.hosts.filter(isSeen);
  const unseen = observed.hosts.filter((h) => !h.reachable);
  if (seen.every((h) => h.containers.every((c) => c.cluster === undefined)))
    return conclude([describeNothing(observed), ...unseen.map(describeUnseen)]);
  const findings = [
    ...essential.flatMap((part) => judgeEssential(input, part)),
    ...Object.entries(leaning).flatMap(([part, loss]) => judgeLeaning(input, part as PartName, loss)),
    ...judgeRedis(input),
    ...unseen.map(describeUnseen),
    ...seen.flatMap((host) => judgeHost(input, host)),
    ...judgeCopies(input),
    ...judgeOut(input),
  ];
  if (spec.storage.backend === 'testfs') {
    const text = 'blobs lie in testfs, the embedded storage; S3 is the production backend (not built yet)';
    findings.push({ severity: 'note', text });
  }
  return conclude(findings);
}

function conclude(findings: Finding[]): Serving {
  const worst = (['down', 'unknown', 'degraded'] as const).find((s) => findings.some((f) => f.severity === s));
  return { state: worst ?? 'serving', findings };
}

function describeNothing({ hosts }: Observed): Finding {
  const seen = hosts.filter(isSeen);
  if (seen.length === 0) return { severity: 'unknown', text: 'no host could be seen: whether it serves is unknown' };
  const destroyed = highestRecord(seen)?.destroyed;
  const kept = destroyed?.dataKept ? ', its data is kept' : '';
  const text = destroyed ? `the cluster was destroyed${kept}` : 'nothing is deployed';
  if (seen.length === hosts.length) return { severity: 'down', text, hint: 'krakenctl deploy' };
  return { severity: 'unknown', text: `${text} on the hosts that were seen` };
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

/** Whether a host that was not seen carries one. */
function mayBeUnseen(input: ServingInput, part: PartName): boolean {
  return input.observed.hosts.some((host) => partState(input, host, part) === 'unseen');
}

function judgeEssential(input: ServingInput, part: PartName): Finding[] {
  if (countReady(input, part) > 0) return [];
  return [describeLack(input, part, { is: 'is ready', loss: 'images are neither pushed nor pulled' })];
}

function describeLack(input: ServingInput, part: PartName, { is, loss }: { is: string; loss: string }): Finding {
  const text = `no ${part} ${is} on any host`;
  if (!mayBeUnseen(input, part)) return { severity: 'down', text: `${text}: ${loss}` };
  return { severity: 'unknown', text: `${text} that was seen: unless one of the others has it, ${loss}` };
}

function judgeLeaning(input: ServingInput, part: PartName, loss: string): Finding[] {
  if (countReady(input, part) > 0) return [];
  const runs = input.observed.hosts.some((host) => partState(input, host, part) === 'unready');
  if (!runs) return [describeLack(input, part, { is: 'runs', loss })];
  const where = mayBeUnseen(input, part) ? ' where it was asked' : '';
  const text = `no ${part} says that it is ready${where}; it asks an origin, and leaves a dead one out after about 30 s`;
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
  const [are, loss] = mayBeUnseen(input, 'origin')
    ? ['are away or were not seen', 'some blobs may be on none that is left']
    : ['are away', 'some blobs cannot be pulled'];
  return [{ severity: 'degraded', text: `${away} origins ${are} and each blob has ${copies} copies: ${loss}` }];
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
  const isWhole = observed.hosts.every(isSeen);
  const there = isWhole ? '' : ' on a host that was seen';
  if (served < totalSlots) {
    const text = isWhole
      ? `Redis serves ${served} of ${totalSlots} slots: announces of the other blobs are lost`
      : `Redis masters on the hosts that were seen serve ${served} of ${totalSlots} slots`;
    findings.push({ severity: 'degraded', text, hint: 'krakenctl plan' });
  }
  for (const shard of shards) {
    const range = showSlots(shard.slots);
    if (!shard.replica) {
      findings.push({
        severity: 'degraded',
        host: shard.host,
        text: `Redis master of ${range} has no replica${there}`,
      });
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
