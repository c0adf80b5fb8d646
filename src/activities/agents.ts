import { createHash } from 'node:crypto';
import { ClientError, HostRefusedError, RightsError } from '../clients/errors';
import type { AgentHost, HostConnection } from '../clients/host';
import { planAgent, type WantedAgent } from '../cluster/agents/agent-plan';
import type { ObservedAgent } from '../cluster/agents/observed';
import { type AgentRelease, agentImage } from '../cluster/agents/release';
import { type VmAddress, vmHost, vmName } from '../cluster/agents/vm';
import { authorization, vmLogin } from '../cluster/auth/credentials';
import { isImagePresent } from '../cluster/image';
import { hasGateway, loginText, wayPorts } from '../cluster/render/agent/gateway';
import { deactivateProgram } from '../cluster/render/agent/programs';
import type { ClusterSpec } from '../cluster/spec';
import type { Changed } from '../contracts/activities';
import type { AgentActivities, AgentInput, AgentStepInput } from '../contracts/agents';
import { archiveOf, renderRelease } from './agent-release';
import { contentsOf } from './auth-contents';
import { keysOf } from './auth-keys';
import { type ActivityDependencies, underFence } from './dependencies';
import { ActivityError } from './failures';
import { beat, cancellation, pause } from './heartbeat';
import { isReady } from './hosts';
import { tailOf } from './log-tail';
import { eachSeen } from './several';

type Verbs =
  | 'lookAtAgent'
  | 'ensureAgentImage'
  | 'ensureAgentRelease'
  | 'ensureAgentLogin'
  | 'ensureAgentActive'
  | 'putBackAgent'
  | 'ensureAgentAbsent'
  | 'restartAgent'
  | 'proveAgent'
  | 'listAgents'
  | 'pullOnVm';

/** Trackers and build-indexes are asked over the load balancers, whose checks take some seconds. */
const readyWithinMs = 60_000;
/** An image of hundreds of megabytes may fill the line for as long. */
const streamPatienceSeconds = 8;
const looksAtOnce = 64;
/** Of one VM's trouble, in an answer that is told with hundreds of others. */
const longestWord = 600;

export function agentActivities(deps: ActivityDependencies): Pick<AgentActivities, Verbs> {
  return {
    async lookAtAgent(input) {
      const release = renderRelease(input, deps);
      const is = await observe(deps, input.spec, { vm: input.vm, release });
      return {
        release: release.id,
        plan: planAgent(is, wantedOf(input.spec, release, loginFileOf(deps, input)), deps.ownerId),
        installed: is.reachable && is.current !== undefined,
        ...(is.reachable && is.current !== undefined && { current: is.current }),
        ready: is.reachable && is.ready,
      };
    },
    async ensureAgentImage(input) {
      fresh(input, deps);
      return fencedVm(deps, { ...input, patienceSeconds: streamPatienceSeconds }, (c) =>
        bringAgentImage(deps, c, input),
      );
    },
    async ensureAgentRelease(input) {
      const release = fresh(input, deps);
      const archive = await archiveOf(release);
      return fencedVm(deps, input, (connection) => connection.agent.install(input.spec.name, archive));
    },
    async ensureAgentLogin(input) {
      const file = loginFileOf(deps, input);
      return fencedVm(deps, input, ({ agent }) => agent.giveLogin(input.spec.name, file));
    },
    async ensureAgentActive(input) {
      const { spec, before } = input;
      const { id } = fresh(input, deps);
      const the = { release: id, owner: deps.ownerId, before };
      return fencedVm(deps, input, ({ agent }) => agent.activate(spec.name, the));
    },
    async putBackAgent({ release, before, wasActivated, ...input }) {
      const owner = deps.ownerId;
      return fencedVm(deps, input, ({ agent }) => {
        if (wasActivated && before.release === undefined) return leave(agent, input.spec, owner);
        return agent.putBack(input.spec.name, { release, owner, before: wasActivated ? before.release : undefined });
      });
    },
    async ensureAgentAbsent(input) {
      return fencedVm(deps, input, ({ agent }) => leave(agent, input.spec, deps.ownerId));
    },
    async restartAgent(input) {
      return fencedVm(deps, input, async (connection) => {
        await connection.agent.restart(input.spec.name);
        return { changed: true };
      });
    },
    async proveAgent(input) {
      return useVm(deps, input, (connection) => prove(deps, connection, input));
    },
    async listAgents({ spec, vms, digest }) {
      const release = renderRelease({ spec, digest: digest ?? '' }, deps);
      const credentials = spec.auth ? (await contentsOf(deps, spec, spec.auth.key)).vms : {};
      return eachSeen(vms, looksAtOnce, async (vm) => {
        const seen = await observe(deps, spec, { vm, release }).catch(
          (error): ObservedAgent => ({ vm, reachable: false, error: error.message }),
        );
        const told = seen.reachable ? seen : { ...seen, error: seen.error.slice(0, longestWord) };
        const { serial, revoked } = credentials[vmName(vm)] ?? {};
        const wanted = wantedOf(spec, release, loginFileOf(deps, { spec, vm, serial }));
        const plan = planAgent(told, wanted, deps.ownerId);
        return { vm, seen: told, wanted: release.id, plan, ...(revoked && { revoked }) };
      });
    },
    async pullOnVm({ spec, vm, image }) {
      try {
        const report = await useVm(deps, { spec, vm }, ({ agent }) => agent.pull(image));
        const { ok, digest, via, seconds, error } = report;
        return { vm, ok, digest, via, seconds, error: error?.message.slice(0, longestWord), hint: error?.hint };
      } catch (error) {
        if (error instanceof ClientError) return { vm, ok: false, error: error.message.slice(0, longestWord) };
        throw error;
      }
    },
  };
}

/** The one file that is a VM's own; undefined where nobody needs a login. */
function loginFileOf(
  deps: ActivityDependencies,
  { spec, vm, serial }: Pick<AgentInput, 'spec' | 'vm' | 'serial'>,
): string | undefined {
  if (!spec.auth) return undefined;
  return loginText(authorization(vmLogin(keysOf(deps, spec, spec.auth.key), vmName(vm), serial)));
}

function wantedOf(spec: ClusterSpec, { id }: AgentRelease, login: string | undefined): WantedAgent {
  return { id, hasWays: hasGateway(spec), ...(login && { login: createHash('sha256').update(login).digest('hex') }) };
}

function useVm<T>(
  deps: ActivityDependencies,
  { spec, vm }: Pick<VmScope, 'spec' | 'vm'>,
  work: (connection: HostConnection) => Promise<T>,
): Promise<T> {
  return deps.hostsFor(spec, 'vm').use(vmHost(vm), work);
}

interface VmScope {
  spec: ClusterSpec;
  vm: VmAddress;
  epoch: number;
  patienceSeconds?: number;
}

/** As `fenced`, on a VM. */
async function fencedVm<T>(
  deps: ActivityDependencies,
  { spec, vm, epoch, patienceSeconds }: VmScope,
  work: (connection: HostConnection) => Promise<T>,
): Promise<T> {
  const scope = { cluster: spec.name, realm: 'agents', epoch, patienceSeconds } as const;
  return useVm(deps, { spec, vm }, (connection) => underFence(connection, scope, work));
}

interface Wanted {
  vm: VmAddress;
  release: AgentRelease;
}

async function observe(deps: ActivityDependencies, spec: ClusterSpec, { vm, release }: Wanted): Promise<ObservedAgent> {
  const startedAt = deps.now();
  try {
    const { ports } = spec.agents;
    const [facts, ready] = await useVm(deps, { spec, vm }, (connection) =>
      Promise.all([
        connection.agent.observe({
          cluster: spec.name,
          release: release.id,
          image: release.image.runnable,
          ports: [ports.registry, ports.peer, ports.server],
          ways: wayPorts(spec),
        }),
        isReady(connection, { kind: 'http', port: ports.server, path: '/readiness' }),
      ]),
    );
    return { vm, reachable: true, ready, tookMs: deps.now() - startedAt, ...facts };
  } catch (error) {
    if (error instanceof HostRefusedError || error instanceof RightsError) throw error;
    if (error instanceof ClientError) return { vm, reachable: false, error: error.message };
    throw error;
  }
}

function fresh(input: AgentStepInput, deps: ActivityDependencies): AgentRelease {
  const release = renderRelease(input, deps);
  if (release.id === input.release) return release;
  throw new ActivityError('PLAN_STALE', 'this worker renders another agent than the one that was planned', {
    host: input.vm,
    final: true,
    hint: 'run it again with this version',
  });
}

async function leave(agent: AgentHost, spec: ClusterSpec, owner: string): Promise<Changed> {
  const { changed } = await agent.deactivate(deactivateProgram(spec, true), owner);
  return { changed };
}

export async function bringAgentImage(
  deps: ActivityDependencies,
  { engine, host }: HostConnection,
  { spec, digest }: Pick<AgentInput, 'spec' | 'digest'>,
): Promise<Changed> {
  const image = agentImage(spec, digest);
  const isThere = async () => isImagePresent(await engine.images(), image.reference, digest);
  if (await isThere()) return { changed: false };
  if (spec.images.source === 'load') {
    const archive = await deps.archives.open(image.reference, spec.images.archiveDir);
    try {
      await engine.load(archive.stream, (p) => beat({ ...p, totalBytes: archive.bytes }), cancellation());
    } finally {
      // A VM that goes off in the middle reads no further, and whoever keeps the archive waits for its readers.
      archive.stream.destroy();
    }
  } else {
    await engine.pull(image.reference, beat, cancellation());
  }
  if (await isThere()) return { changed: true };
  throw new ActivityError('IMAGE_MOVED', `${image.reference} is another image now than when it was resolved`, {
    host: host.id,
    final: true,
    hint: 'the tag was moved in the meantime; run it again',
  });
}

/** Through this agent and no other way, by digest, and read back from the VM's engine. */
async function prove(deps: ActivityDependencies, connection: HostConnection, { spec, vm, sentinel }: AgentStepInput) {
  const until = Date.now() + readyWithinMs;
  const readiness = { kind: 'http', port: spec.agents.ports.server, path: '/readiness' } as const;
  while (!(await isReady(connection, readiness))) {
    if (Date.now() >= until) throw await notReady(deps, connection, vm);
    await pause(200);
  }
  if (!sentinel) return { digest: '', seconds: 0 };
  const image = `${sentinel.repository}@${sentinel.digest}`;
  const report = await connection.agent.pull(image);
  await connection.agent.forget(report.reference ?? image);
  if (report.ok && report.via === 'agent' && report.digest === sentinel.digest) {
    return { digest: sentinel.digest, seconds: report.seconds ?? 0 };
  }
  const why = report.error?.message ?? report.warning ?? `it came as ${report.digest} by ${report.via}`;
  throw new ActivityError('PROOF_FAILED', `${vm}: the sentinel did not come through the agent: ${why}`, {
    host: vm,
    final: false,
    hint: `krakenctl agent logs ${vm}`,
  });
}

async function notReady(deps: ActivityDependencies, connection: HostConnection, vm: VmAddress): Promise<Error> {
  const tail = tailOf(await connection.agent.tail(1).catch(() => ''), deps.redact);
  const last = tail.length === 0 ? '' : `; its log ends: ${tail.at(-1)!.slice(0, 300)}`;
  return new ActivityError('GATE_NOT_READY', `${vm}: the agent was not ready within ${readyWithinMs / 1000} s${last}`, {
    host: vm,
    final: true,
    hint: `krakenctl agent logs ${vm}`,
  });
}
