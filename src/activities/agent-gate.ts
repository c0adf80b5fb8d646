import { createHash } from 'node:crypto';
import { WrongContentError } from '../clients/errors';
import type { HostConnection } from '../clients/host';
import { verifyContent } from '../clients/registry';
import {
  type AgentTry,
  canaryAgents,
  controlNamespace,
  judgeAgentCanary,
  throughNamespace,
} from '../cluster/agents/canary-agent';
import { type VmAddress, vmHost, vmName } from '../cluster/agents/vm';
import type { ClusterSpec } from '../cluster/spec';
import type { GateActivities, NextCanaryAgent } from '../contracts/activities';
import type { AgentActivities } from '../contracts/agents';
import type { GateBeat } from '../contracts/gate-beat';
import { deadlineOf } from './deadline';
import { type ActivityDependencies, connectTo } from './dependencies';
import { ActivityError } from './failures';
import { beat, cancellation, pause } from './heartbeat';
import { probeOnce } from './hosts';
import { type LoneBlob, putLoneBlob, removeLoneBlob } from './lone-blob';

const lookAgainMs = 500;
/** Its load balancers were reloaded a moment ago: an agent that is well may say otherwise. */
const readyWithinMs = 10_000;
/** A blob of a hundred bytes; rings settle meanwhile, and an agent announces itself again every few seconds. */
const pullWithinMs = 20_000;
const longestTold = 200;

type Input = Parameters<GateActivities['tryThroughAgent']>[0];

/** Of the record alone: VMs that installed themselves are logged in to by nobody. */
export async function nextCanaryAgent(
  deps: ActivityDependencies,
  { readFleet }: Pick<AgentActivities, 'readFleet'>,
  { spec, gate, tries }: Parameters<GateActivities['nextCanaryAgent']>[0],
): Promise<NextCanaryAgent> {
  const verdict = (none: string) => ({ verdict: judgeAgentCanary(tries, none) });
  if (tries.some(({ state }) => state === 'came')) return verdict('');
  const { record, unseen } = await readFleet({ spec, enrolled: 'addresses' });
  if (!record) return verdict(unseen.length > 0 ? 'nobody could say which there are' : 'none is looked after');
  const candidates = canaryAgents(
    record.agents,
    gate.host,
    tries.map(({ vm }) => vm),
  );
  const deadline = deadlineOf(deps, deps.agentPatienceMs ?? readyWithinMs);
  for (;;) {
    const answers = await Promise.all(candidates.map((vm) => readinessOfAgent(deps, spec, vm)));
    const ready = candidates.find((_, index) => answers[index] === 'ready');
    if (ready) return { vm: ready };
    const told = candidates.map((vm, index) => `${vmName(vm)}: ${cut(answers[index]!)}`).join('; ');
    if (candidates.length === 0 || deps.now() > deadline) return verdict(told || 'none is looked after');
    beat({ gate: 'agent', host: gate.host, because: `no agent is ready: ${told}` } satisfies GateBeat);
    await pause(lookAgainMs);
  }
}

async function readinessOfAgent(deps: ActivityDependencies, spec: ClusterSpec, vm: VmAddress): Promise<string> {
  const readiness = { kind: 'http', port: spec.agents.ports.server, path: '/readiness' } as const;
  return onVm(deps, { spec, vm }, (connection) => probeOnce(connection, readiness)).catch(describe);
}

function onVm<T>(
  deps: ActivityDependencies,
  { spec, vm }: { spec: ClusterSpec; vm: VmAddress },
  work: (connection: HostConnection) => Promise<T>,
): Promise<T> {
  return deps.hostsFor(spec, 'vm').use(vmHost(vm), work);
}

/**
 * One agent asks for a blob that the node alone has: over the load balancers, the node's own tracker, the peers that trackers of others name, and the node's
 * peer port, which nothing else tries. Where nothing comes, another node's blob says whether this agent gets any.
 */
export async function tryThroughAgent(deps: ActivityDependencies, input: Input): Promise<AgentTry> {
  const { spec, gate, vm, seed, timeoutMs } = input;
  const deadline = deadlineOf(deps, timeoutMs);
  const node = await connectTo(deps, spec, gate.host);
  const say = (because: string) => beat({ gate: 'agent', host: gate.host, vm: vmName(vm), because } satisfies GateBeat);
  const until = async <T>(part: 'origin' | 'tracker', work: () => Promise<T>): Promise<T> => {
    for (;;) {
      const result = await work().catch((error) => failed(gate.host, part, describe(error)));
      if (!(result instanceof ActivityError)) return result;
      say(cut(result.message.replace(/^gate agent: /, '')));
      if (deps.now() > deadline) throw result;
      await pause(lookAgainMs);
    }
  };
  const blob = await until('origin', () => putLoneBlob(node, spec, seed));
  try {
    await until('tracker', () => expectSentThere(deps, spec, { host: gate.host, blob, seed }));
    const asked: Asked = { deps, spec, vm, say };
    const failure = await pull(asked, { blob, namespace: throughNamespace(gate.host) });
    if (typeof failure === 'number') return { vm, state: 'came', why: `${(failure / 1000).toFixed(1)}s` };
    return { vm, ...(await blame(asked, gate.host, { seed, failure })) };
  } finally {
    await removeLoneBlob(node, spec, blob).catch(() => undefined);
  }
}

function failed(host: string, part: 'origin' | 'tracker', what: string): ActivityError {
  return new ActivityError('CANARY_FAILED', `gate agent: ${part} of ${host}: ${what}`, {
    host,
    part,
    final: true,
    hint: `krakenctl logs ${host} ${part}`,
  });
}

/**
 * Agents announce themselves to trackers that are in the load balancers. Each of those has to name the node's origin: their rings take it back after some
 * seconds, and one that did not find it a moment ago does not ask again for a while.
 */
async function expectSentThere(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  { host, blob, seed }: { host: string; blob: LoneBlob; seed: string },
): Promise<void> {
  const { address } = spec.nodes.find(({ id }) => id === host)!;
  const others = spec.nodes.filter(({ id }) => id !== host);
  const answers = await Promise.all(
    others.map(async ({ id }) => ({ id, peers: await peersFor(deps, spec, { host: id, blob, seed }) })),
  );
  // One that does not answer is asked by no load balancer either; that all are silent is another matter.
  const sends = answers.filter(({ peers }) => peers !== undefined);
  const without = sends.find(({ peers }) => !peers!.includes(address));
  if (without) throw new Error(`the tracker of ${without.id} sends no agent to its origin`);
  if (sends.length === 0) throw new Error('no tracker of another node answers');
}

/** Addresses of the origins that a tracker names to who asks for a blob; undefined where it does not answer. */
async function peersFor(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  { host, blob, seed }: { host: string; blob: LoneBlob; seed: string },
): Promise<string[] | undefined> {
  // Under an info hash of its own: nobody is ever sent to this peer.
  const hash = createHash('sha1').update(`krakenctl-canary ${seed}`).digest();
  const name = blob.digest.slice('sha256:'.length);
  const peer = { peer_id: [...hash], ip: '127.0.0.1', port: 9, origin: false, complete: false };
  const body = Buffer.from(JSON.stringify({ name, digest: blob.digest, info_hash: [...hash], peer }));
  const path = `/announce/${hash.toString('hex')}`;
  const headers = { 'content-type': 'application/json' };
  try {
    const connection = await connectTo(deps, spec, host);
    const answer = await connection.http({ port: spec.ports.tracker, path, method: 'POST', headers, body });
    if (answer.status !== 200) return [];
    const { peers } = JSON.parse(answer.body.toString()) as { peers: { ip: string; origin: boolean }[] | null };
    return (peers ?? []).filter(({ origin }) => origin).map(({ ip }) => ip);
  } catch {
    cancellation()?.throwIfAborted();
    return undefined;
  }
}

interface Asked {
  deps: ActivityDependencies;
  spec: ClusterSpec;
  vm: VmAddress;
  say: (because: string) => void;
}

interface Wanted {
  blob: LoneBlob;
  namespace: string;
}

/** Milliseconds that it took; what was seen last where it did not come. */
async function pull({ deps, spec, vm, say }: Asked, { blob, namespace }: Wanted): Promise<number | string> {
  const startedAt = deps.now();
  const patienceMs = deps.agentPatienceMs ?? pullWithinMs;
  const port = spec.agents.ports.server;
  const path = `/namespace/${encodeURIComponent(namespace)}/blobs/${blob.digest}`;
  for (;;) {
    const left = startedAt + patienceMs - deps.now();
    const what = await onVm(deps, { spec, vm }, async (connection) => {
      const { status, body } = await connection.http({ port, path, timeoutMs: Math.max(1_000, left) });
      if (status !== 200) throw new Error(`HTTP ${status} ${body.toString().trim()}`);
      verifyContent(vmName(vm), body, blob.digest);
    }).then(() => undefined, describe);
    const tookMs = deps.now() - startedAt;
    if (what === undefined) {
      await forget({ deps, spec, vm }, blob);
      return tookMs;
    }
    if (tookMs >= patienceMs) return cut(what);
    say(cut(what));
    await pause(lookAgainMs);
  }
}

/** It is of no use to anybody. */
async function forget({ deps, spec, vm }: Omit<Asked, 'say'>, { digest }: LoneBlob): Promise<void> {
  const request = { port: spec.agents.ports.server, path: `/blobs/${digest}`, method: 'DELETE', timeoutMs: 5_000 };
  await onVm(deps, { spec, vm }, (connection) => connection.http(request)).catch(() => undefined);
}

/** @returns whose fault it is that nothing came from the node. */
async function blame(
  asked: Asked,
  host: string,
  { seed, failure }: { seed: string; failure: string },
): Promise<Pick<AgentTry, 'state' | 'why'>> {
  const { deps, spec, vm } = asked;
  const answer = await readinessOfAgent(deps, spec, vm);
  if (answer !== 'ready') return { state: 'agent', why: `it is not ready: ${cut(answer)}` };
  asked.say(`asked for what another node has, since this one gave nothing: ${failure}`);
  for (const other of spec.nodes.filter(({ id }) => id !== host)) {
    const control = await controlOn(deps, spec, { host: other.id, seed });
    if (!control) continue;
    const result = await pull(asked, { blob: control.blob, namespace: controlNamespace });
    await removeLoneBlob(control.node, spec, control.blob).catch(() => undefined);
    if (typeof result === 'number')
      return { state: 'node', why: `what ${host} alone has did not come, what ${other.id} has did: ${failure}` };
    return { state: 'agent', why: `neither what ${host} has came nor what ${other.id} has: ${result}` };
  }
  return { state: 'agent', why: `it got nothing, and no other node took what would tell whose fault that is` };
}

async function controlOn(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  { host, seed }: { host: string; seed: string },
): Promise<{ node: HostConnection; blob: LoneBlob } | undefined> {
  try {
    const node = await connectTo(deps, spec, host);
    return { node, blob: await putLoneBlob(node, spec, `${seed} control`) };
  } catch {
    cancellation()?.throwIfAborted();
    return undefined;
  }
}

/** What stops an activity is no finding. */
function describe(error: unknown): string {
  cancellation()?.throwIfAborted();
  if (error instanceof WrongContentError) return `other bytes came: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

function cut(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, longestTold);
}
