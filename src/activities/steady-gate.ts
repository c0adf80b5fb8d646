import { readinessOf } from '../cluster/component';
import { containerName } from '../cluster/names';
import type { ClusterSpec, PartName } from '../cluster/spec';
import type { GateActivities } from '../contracts/activities';
import type { GateBeat } from '../contracts/gate-beat';
import { type ActivityDependencies, connectTo } from './dependencies';
import { beat, pause } from './heartbeat';
import { probeOnce } from './hosts';
import { notReady } from './not-ready';

/** As Kraken's own parts judge each other (decisions 18). */
const lookEveryMs = 2000;
const failsThatAreEnough = 3;

/** New parts have never been started again by the Engine, changed ones not since the first look, and they answer. One look, or looks for as long as asked. */
export async function awaitSteady(
  deps: ActivityDependencies,
  { spec, gate }: Parameters<GateActivities['awaitSteady']>[0],
): Promise<void> {
  const until = deps.now() + gate.seconds * 1000;
  const seen: Look['seen'] = { fails: new Map(), restarts: new Map() };
  const all = gate.replaced.flatMap(({ host, parts }) => parts.map((part) => ({ host, part })));
  for (;;) {
    await Promise.all(all.map((one) => lookAt(deps, { spec, ...one, seen, inPlace: gate.inPlace })));
    const secondsLeft = Math.max(0, Math.round((until - deps.now()) / 1000));
    const failing = all.filter(({ host, part }) => (seen.fails.get(containerName(spec.name, host, part)) ?? 0) > 0);
    beat({ gate: 'steady', secondsLeft, failing: failing.map(nameOf) } satisfies GateBeat);
    // A part that does not answer now is asked until it does, or is given up.
    if (deps.now() >= until && [...seen.fails.values()].every((n) => n === 0)) return;
    await pause(lookEveryMs);
  }
}

function nameOf({ host, part }: { host: string; part: PartName }): string {
  return `${host} ${part}`;
}

interface Look {
  spec: ClusterSpec;
  host: string;
  part: PartName;
  inPlace?: true;
  /** By container: how often in a row it did not answer, and how often it had been started again at first. */
  seen: { fails: Map<string, number>; restarts: Map<string, number> };
}

async function lookAt(deps: ActivityDependencies, { spec, host, part, inPlace, seen }: Look): Promise<void> {
  const connection = await connectTo(deps, spec, host);
  const name = containerName(spec.name, host, part);
  const container = await connection.engine.inspect(name);
  const gate = { host, part };
  const unsteady = (how: string, answer: string) =>
    notReady({ deps, code: 'PART_UNSTEADY', connection, gate, name, how, answer });
  if (!container) throw await unsteady('its container is gone', 'not asked');
  const before = seen.restarts.get(name) ?? (inPlace ? container.restartCount : 0);
  seen.restarts.set(name, before);
  const restarts = container.restartCount - before;
  if (restarts > 0) {
    const how = `exited (${container.exitCode}) and was started again ${restarts} times after it had been ready`;
    throw await unsteady(how, container.state);
  }
  const answer = await probeOnce(connection, readinessOf(spec, part));
  const count = answer === 'ready' ? 0 : (seen.fails.get(name) ?? 0) + 1;
  seen.fails.set(name, count);
  if (count >= failsThatAreEnough) throw await unsteady(`stopped being ready (${container.state})`, answer);
}
