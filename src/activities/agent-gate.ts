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
import { type ActivityDependencies, connectTo, connectToOther } from './dependencies';
import { ActivityError } from './failures';
import { attempts, beat, cancellation, pause } from './heartbeat';
import { probeOnce } from './hosts';
import { type LoneBlob, putLoneBlob, removeLoneBlob, removeLoneBlobOf } from './lone-blob';
import { trackersNaming } from './named-origins';

const lookAgainMs = 500;
/** Its load balancers were reloaded a moment ago: an agent that is well may say otherwise. */
const readyWithinMs = 10_000;
/** A blob of a hundred bytes; rings settle meanwhile, and an agent announces itself again every few seconds. */
const pullWithinMs = 20_000;
const longestTold = 200;
/** Other nodes, from which nothing came to an agent either, before that is taken for the agent's own fault. */
const controlsAsked = 2;

const controlSeed = (seed: string) => `${seed} control`;

type Input = Parameters<GateActivities['tryThroughAgent']>[0];

/** Of the record alone: VMs that installed themselves are logged in to by nobody. */
export async function nextCanaryAgent(
  deps: ActivityDependencies,
  { readFleet }: Pick<AgentActivities, 'readFleet'>,
  { spec, gate, tries }: Parameters<GateActivities['nextCanaryAgent']>[0],
): Promise<NextCanaryAgent> {
  const verdict = (none: string) => ({ verdict: judgeAgentCanary(tries, none) });
  if (tries.some(({ state }) => state === 'came')) return verdict('');
  const fleet = await readFleet({ spec, enrolled: 'addresses' }).catch(describe);
  // A damaged list of agents is a matter of the fleet, not of this node.
  if (typeof fleet === 'string') return verdict(cut(fleet));
  const { record, unseen } = fleet;
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

/** No VM holds a node up: neither one that drops packets, nor a hundred others that are dialled before it. */
async function onVm<T>(
  deps: ActivityDependencies,
  { spec, vm, withinMs = readyWithinMs }: { spec: ClusterSpec; vm: VmAddress; withinMs?: number },
  work: (connection: HostConnection) => Promise<T>,
): Promise<T> {
  const answer = deps.hostsFor(spec, 'vm').use(vmHost(vm), work);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${Math.round(withinMs / 1000)}s`)), withinMs);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

/**
 * One agent asks for a blob that the node alone has: over the load balancers, the node's own tracker, the peers that trackers of others name, and the node's
 * peer port, which nothing else tries. Where nothing comes, another node's blob says whether this agent gets any.
 */
export async function tryThroughAgent(deps: ActivityDependencies, input: Input): Promise<AgentTry> {
  const { spec, gate, vm, timeoutMs } = input;
  // A blob of its own for each attempt: one that was given up may thaw, and removes what it had put.
  const seeds = attempts().map((attempt) => `${input.seed} ${attempt}`);
  const seed = seeds.at(-1)!;
  const deadline = deadlineOf(deps, timeoutMs);
  const node = await connectTo(deps, spec, gate.host);
  const say = (because: string) => beat({ gate: 'agent', host: gate.host, vm: vmName(vm), because } satisfies GateBeat);
  const again = async (because: string) => {
    say(cut(because));
    if (deps.now() > deadline) throw failed(gate.host, cut(because));
    await pause(lookAgainMs);
  };
  let blob: LoneBlob | undefined;
  while (blob === undefined) {
    const put = await putLoneBlob(node, spec, seed).catch(describe);
    if (typeof put === 'string') await again(put);
    else blob = put;
  }
  try {
    for (;;) {
      const { by, without } = await trackersNaming(deps, spec, { host: gate.host, digest: blob.digest, seed });
      // One tracker that is itself not well is no reason to wait for ever: load balancers have others.
      if (by.length > 0 && (without.length === 0 || deps.now() > deadline)) break;
      await again(`no agent is sent there by the tracker of ${without.join(', ') || 'any other node'}`);
    }
    const asked: Asked = { deps, spec, vm, say };
    const failure = await pull(asked, { blob, namespace: throughNamespace(gate.host) });
    if (typeof failure === 'number') return { vm, state: 'came', why: `${(failure / 1000).toFixed(1)}s` };
    return { vm, ...(await blame(asked, gate.host, { seed, failure })) };
  } finally {
    await removeLoneBlob(node, spec, blob).catch(() => undefined);
    await removeLeft(deps, spec, { host: gate.host, seeds: seeds.slice(0, -1) });
  }
}

/** What attempts before this one have put may be there still, where their worker ended. Hosts that are away keep nobody waiting for each of them. */
async function removeLeft(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  { host, seeds }: { host: string; seeds: string[] },
): Promise<void> {
  if (seeds.length === 0) return;
  const removeFrom = async (id: string, of: (seed: string) => string) => {
    const node = await connectToOther(deps, spec, id);
    for (const seed of seeds) await removeLoneBlobOf(node, spec, of(seed));
  };
  const others = controlHosts(spec, host).slice(0, controlsAsked);
  await Promise.allSettled([removeFrom(host, (seed) => seed), ...others.map((id) => removeFrom(id, controlSeed))]);
}

function failed(host: string, what: string): ActivityError {
  const text = `gate agent: origin of ${host}: ${what}`;
  const hint = `krakenctl logs ${host} origin`;
  return new ActivityError('CANARY_FAILED', text, { host, part: 'origin', final: true, hint });
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
    const timeoutMs = Math.max(1_000, startedAt + patienceMs - deps.now());
    // The time limit of the request says more than that of the connection.
    const within = { spec, vm, withinMs: timeoutMs + 1_000 };
    const what = await onVm(deps, within, async (connection) => {
      const { status, body } = await connection.http({ port, path, timeoutMs });
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
  const silent: string[] = [];
  for (const other of controlHosts(spec, host)) {
    const result = await pullControl(asked, { host: other, seed });
    if (result === undefined) continue;
    if (typeof result === 'number')
      return { state: 'node', why: `what ${host} alone has did not come, what ${other} has did: ${failure}` };
    if (silent.push(`what ${other} has: ${result}`) === controlsAsked) break;
  }
  if (silent.length > 0) return { state: 'agent', why: `neither what ${host} has came nor ${silent.join('; nor ')}` };
  return { state: 'agent', why: `it got nothing, and no other node took what would tell whose fault that is` };
}

/** From both ends of the list: what was replaced just before may have the same fault, and what is replaced last has not been yet. */
function controlHosts({ nodes }: ClusterSpec, host: string): string[] {
  const [first, ...others] = nodes.map(({ id }) => id).filter((id) => id !== host);
  return [first!, ...others.reverse()];
}

/** As `pull`; undefined where that node takes no blob. */
async function pullControl(
  asked: Asked,
  { host, seed }: { host: string; seed: string },
): Promise<number | string | undefined> {
  const { deps, spec } = asked;
  const control = await controlOn(deps, spec, { host, seed });
  if (!control) return undefined;
  try {
    return await pull(asked, { blob: control.blob, namespace: controlNamespace });
  } finally {
    await removeLoneBlob(control.node, spec, control.blob).catch(() => undefined);
  }
}

async function controlOn(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  { host, seed }: { host: string; seed: string },
): Promise<{ node: HostConnection; blob: LoneBlob } | undefined> {
  try {
    const node = await connectToOther(deps, spec, host);
    return { node, blob: await putLoneBlob(node, spec, controlSeed(seed)) };
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
