import { readinessOf } from '../cluster/component';
import { desiredRedis } from '../cluster/desired-state';
import { containerName } from '../cluster/names';
import type { Gate } from '../cluster/plan';
import { nextTopologyStep, silentInstances } from '../cluster/redis-topology';
import type { ClusterSpec } from '../cluster/spec';
import type { GateActivities } from '../contracts/activities';
import type { GateBeat } from '../contracts/gate-beat';
import { nextCanaryAgent, tryThroughAgent } from './agent-gate';
import { awaitCanary } from './canary-gate';
import { awaitCaughtUp } from './caught-up-gate';
import { deadlineOf } from './deadline';
import { type ActivityDependencies, connectTo } from './dependencies';
import { ActivityError } from './failures';
import { fleetActivities } from './fleet';
import { beat, pause } from './heartbeat';
import { probeOnce } from './hosts';
import { notReady } from './not-ready';
import { awaitOthers } from './others-gate';
import { awaitQuiet } from './quiet-gate';
import { observeRedis, whoIsSilent } from './redis-cluster';
import { awaitSteady } from './steady-gate';

const lookAgainMs = 150;
/** A part that ended so often while it was waited for will not get ready by waiting. */
const endsThatAreEnough = 3;

export function gateActivities(deps: ActivityDependencies): GateActivities {
  return {
    async awaitGate({ spec, gate, timeoutMs }) {
      if (gate.kind === 'ready') return awaitReady(deps, { spec, gate, timeoutMs });
      return awaitRedisWhole(deps, spec, timeoutMs);
    },
    awaitOthers: (input) => awaitOthers(deps, input),
    awaitQuiet: (input) => awaitQuiet(deps, input),
    awaitCanary: (input) => awaitCanary(deps, input),
    nextCanaryAgent: (input) => nextCanaryAgent(deps, fleetActivities(deps), input),
    tryThroughAgent: (input) => tryThroughAgent(deps, input),
    awaitCaughtUp: (input) => awaitCaughtUp(deps, input),
    awaitSteady: (input) => awaitSteady(deps, input),
  };
}

interface ReadyGate {
  spec: ClusterSpec;
  gate: Extract<Gate, { kind: 'ready' }>;
  timeoutMs: number;
}

async function awaitReady(deps: ActivityDependencies, { spec, gate, timeoutMs }: ReadyGate): Promise<void> {
  const connection = await connectTo(deps, spec, gate.host);
  const name = containerName(spec.name, gate.host, gate.part);
  const deadline = deadlineOf(deps, timeoutMs);
  let endsBefore: number | undefined;
  for (;;) {
    const answer = await probeOnce(connection, readinessOf(spec, gate.part));
    if (answer === 'ready') return;
    beat({ gate: 'ready', host: gate.host, part: gate.part, answer } satisfies GateBeat);
    const container = await connection.engine.inspect(name);
    endsBefore ??= container?.restartCount ?? 0;
    const ends = (container?.restartCount ?? 0) - endsBefore;
    const left = deadline - deps.now();
    if (left < 0 || ends >= endsThatAreEnough || container === undefined) {
      const seconds = Math.round((timeoutMs - left) / 1000);
      const how = container
        ? ends > 0
          ? `exited (${container.exitCode}) ${ends} times in ${seconds}s`
          : `not ready after ${seconds}s (${container.state})`
        : 'its container is gone';
      throw await notReady({ deps, connection, gate, name, how, answer });
    }
    await pause(lookAgainMs);
  }
}

async function awaitRedisWhole(deps: ActivityDependencies, spec: ClusterSpec, timeoutMs: number): Promise<void> {
  const deadline = deadlineOf(deps, timeoutMs);
  const desired = desiredRedis(spec);
  for (;;) {
    const observed = await observeRedis(deps, spec);
    const next = nextTopologyStep(desired, observed);
    if (next.state === 'whole') return;
    const because = next.state === 'act' ? 'it is not laid out as wanted' : next.because;
    beat({ gate: 'redis-whole', because } satisfies GateBeat);
    if (deps.now() > deadline) {
      throw new ActivityError('GATE_NOT_READY', `gate redis-whole: ${because}`, {
        final: true,
        ...whoIsSilent(silentInstances(desired, observed)[0]),
      });
    }
    await pause(lookAgainMs);
  }
}
