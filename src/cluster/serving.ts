import { withoutCredentials } from './auth/credential-stage';
import { leftOut } from './balancers';
import type { Observed, ObservedHost, SeenHost } from './observed';
import { isSeen } from './observed';
import { highestRecord } from './record';
import type { Finding } from './serving-findings';
import { judgeRedis } from './serving-redis';
import { judgeTls, type StewardState } from './serving-tls';
import { type ClusterSpec, type PartName, partNames } from './spec';

/**
 * Does the cluster serve? From one look with probes, and nothing else. `unknown`: what was seen is not enough to serve, and the rest
 * may be on hosts that were not seen.
 */
export type ServingState = 'serving' | 'degraded' | 'unknown' | 'down';

export interface Serving {
  state: ServingState;
  findings: Finding[];
}

/** `absent`: no container; `stopped`: it does not run; `unready`: it runs and its probe fails; `unseen`: host not seen. */
export type PartState = 'ready' | 'unready' | 'stopped' | 'absent' | 'unseen' | 'not here';

export interface ServingInput {
  spec: ClusterSpec;
  observed: Observed;
  /** Absent: nothing is said of what ends. */
  nowMs?: number;
  /** Absent: Temporal was not asked for it. */
  steward?: StewardState;
}

type UnseenHost = Extract<ObservedHost, { reachable: false }>;

const warnedDiskPercent = 90;
/** As in a preflight. */
const fullDiskPercent = 95;

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
  const unseen = observed.hosts.filter((h): h is UnseenHost => !h.reachable);
  if (seen.every((h) => h.containers.every((c) => c.cluster === undefined)))
    return conclude([describeNothing(observed), ...unseen.map(describeUnseen)]);
  const findings = [
    ...essential.flatMap((part) => judgeEssential(input, part)),
    ...Object.entries(leaning).flatMap(([part, loss]) => judgeLeaning(input, part as PartName, loss)),
    ...judgeRedis(observed),
    ...unseen.map(describeUnseen),
    ...seen.flatMap((host) => judgeHost(input, host)),
    ...judgeCopies(input),
    ...judgeOut(input),
    ...judgeLogins(input),
    ...judgeTls({ tls: highestRecord(seen)?.spec.tls, nowMs: input.nowMs, steward: input.steward }),
  ];
  if (spec.storage.backend === 'testfs') {
    const text = 'blobs lie in testfs, the embedded storage; S3 is the production backend (not built yet)';
    findings.push({ code: 'STORAGE_TESTFS', severity: 'note', part: 'testfs', text });
  }
  return conclude(findings);
}

function conclude(findings: Finding[]): Serving {
  const worst = (['down', 'unknown', 'degraded'] as const).find((s) => findings.some((f) => f.severity === s));
  return { state: worst ?? 'serving', findings };
}

function describeNothing({ hosts }: Observed): Finding {
  const seen = hosts.filter(isSeen);
  if (seen.length === 0)
    return { code: 'NOTHING_SEEN', severity: 'unknown', text: 'no host could be seen: whether it serves is unknown' };
  const destroyed = highestRecord(seen)?.destroyed;
  const kept = destroyed?.dataKept ? ', its data is kept' : '';
  const text = destroyed ? `the cluster was destroyed${kept}` : 'nothing is deployed';
  const code = destroyed ? 'DESTROYED' : 'NOT_DEPLOYED';
  if (seen.length === hosts.length) return { code, severity: 'down', text, hint: 'krakenctl deploy' };
  return { code, severity: 'unknown', text: `${text} on the hosts that were seen` };
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
  const found = { code: 'PART_NOWHERE', part };
  const text = `no ${part} ${is} on any host`;
  if (!mayBeUnseen(input, part)) return { ...found, severity: 'down', text: `${text}: ${loss}` };
  return { ...found, severity: 'unknown', text: `${text} that was seen: unless one of the others has it, ${loss}` };
}

function judgeLeaning(input: ServingInput, part: PartName, loss: string): Finding[] {
  if (countReady(input, part) > 0) return [];
  const runs = input.observed.hosts.some((host) => partState(input, host, part) === 'unready');
  if (!runs) return [describeLack(input, part, { is: 'runs', loss })];
  const where = mayBeUnseen(input, part) ? ' where it was asked' : '';
  const text = `no ${part} says that it is ready${where}; it asks an origin, and leaves a dead one out after about 30 s`;
  return [{ code: 'GATE_NOT_READY', severity: 'degraded', part, text }];
}

function describeUnseen({ host, code = 'HOST_UNREACHABLE', error }: UnseenHost): Finding {
  const text = `cannot be seen: ${error}`;
  return { code, severity: 'degraded', host, text, hint: 'what runs there is unknown' };
}

const partCodes = { absent: 'PART_MISSING', stopped: 'PART_STOPPED', unready: 'GATE_NOT_READY' } as const;

function judgeHost(input: ServingInput, host: SeenHost): Finding[] {
  const findings = partNames.flatMap((part): Finding[] => {
    const state = partState(input, host, part);
    if (state === 'ready' || state === 'not here' || state === 'unseen') return [];
    const hint = state === 'unready' ? `krakenctl logs ${host.host} ${part}` : 'krakenctl plan';
    const text = `${part} ${inWords(host, part, state)}`;
    return [{ code: partCodes[state], severity: 'degraded', host: host.host, part, text, hint }];
  });
  const used = host.diskUsedPercent;
  if (used >= warnedDiskPercent) {
    const code = used >= fullDiskPercent ? 'DISK_FULL' : 'DISK_NEARLY_FULL';
    const text = `the disk is ${Math.round(used)}% full`;
    findings.push({ code, severity: 'degraded', host: host.host, text, hint: 'lower CACHE_TTI, or add disk' });
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
  const text = `${away} origins ${are} and each blob has ${copies} copies: ${loss}`;
  return [{ code: 'ORIGINS_AWAY', severity: 'degraded', part: 'origin', text }];
}

/** While an operation runs that is its work; after it, what it left. */
function judgeOut({ spec, observed }: ServingInput): Finding[] {
  const seen = observed.hosts.filter(isSeen);
  return leftOut(spec, seen, highestRecord(seen)?.operation.id).map(({ host, operation }) => {
    const text = 'is left out by the load balancers';
    const hint = operation
      ? `${operation} works on it, or has ended there: krakenctl op show ${operation}; krakenctl deploy takes it back`
      : 'an operation works on it, or one has ended there: krakenctl op list; then krakenctl deploy takes it back';
    return { code: 'LEFT_OUT', severity: 'degraded', host, text, hint };
  });
}

/** Once it asks, it goes by what it has: a user who was removed comes in there, one who was added does not. */
function judgeLogins({ spec, observed }: ServingInput): Finding[] {
  const seen = observed.hosts.filter(isSeen);
  if (!highestRecord(seen)?.spec.auth) return [];
  return withoutCredentials(spec, seen).map((host) => {
    const text = 'its load balancer lets in others than are known now';
    return { code: 'LOGINS_OLD', severity: 'degraded', host, part: 'nginx', text, hint: 'krakenctl deploy' };
  });
}
