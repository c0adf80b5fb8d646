import { NameTakenError } from '../clients/errors';
import type { ContainerInfo, HostConnection } from '../clients/host';
import { components } from '../cluster/component';
import type { DesiredContainer } from '../cluster/desired';
import { labels } from '../cluster/names';
import type { PartName } from '../cluster/spec';
import type { Changed, ResourceActivities, StepInput } from '../contracts/activities';
import { type ActivityDependencies, fenced } from './dependencies';
import { ActivityError } from './failures';
import { beat, pause } from './heartbeat';
import { wantedContainer } from './rendering';

/** Grace for a part to end by itself before it is killed, seconds. */
const stopGraceSeconds = 10;
/** Rounds of look-and-act; a name that is still another's after them is not going to be ours. */
const maxRounds = 20;

export function containerActivities(
  deps: ActivityDependencies,
): Pick<ResourceActivities, 'ensureContainer' | 'removeContainer'> {
  return {
    async ensureContainer(input) {
      const want = wantedContainer(input, deps);
      const scope = { spec: input.spec, host: input.step.host, epoch: input.epoch };
      return fenced(deps, scope, (connection) => bringToRun(connection, want, input));
    },
    async removeContainer(input) {
      const scope = { spec: input.spec, host: input.step.host, epoch: input.epoch };
      return fenced(deps, scope, (connection) => bringAway(connection, input));
    },
  };
}

/** Looks, acts on what it saw, and looks again, until what it sees is the wanted container, running. */
async function bringToRun(connection: HostConnection, want: DesiredContainer, input: StepInput): Promise<Changed> {
  let changed = false;
  for (let round = 0; round < maxRounds; round += 1) {
    beat({ container: want.name, round });
    const found = await connection.engine.inspect(want.name);
    if (found && !mustGo(found, want, input)) {
      if (found.state === 'running') return { changed };
      await connection.engine.start(found.id);
      changed = true;
      continue;
    }
    if (found) await replaceAway(connection, found);
    else await create(connection, want, input);
    changed = true;
  }
  throw new ActivityError('ENGINE_ERROR', `${want.name} did not come to run`, {
    host: want.host,
    part: want.part,
    final: false,
  });
}

function mustGo(found: ContainerInfo, want: DesiredContainer, input: StepInput): boolean {
  refuseForeign(found, input);
  if (found.labels[labels.fingerprint] !== want.fingerprint) return true;
  return input.step.action === 'replace' && found.id === input.step.seen;
}

export function refuseForeign(found: ContainerInfo, input: StepInput): void {
  if (found.labels[labels.cluster] === input.spec.name) return;
  throw new ActivityError('FOREIGN_RESOURCE', `a container named ${found.name} exists and does not carry our label`, {
    host: input.step.host,
    final: true,
    hint: `look at it on the host: docker inspect ${found.name}; rename or remove it, then deploy again`,
  });
}

async function replaceAway(connection: HostConnection, found: ContainerInfo): Promise<void> {
  const part = found.labels[labels.part] as PartName | undefined;
  if (found.state === 'running' && part && components[part]?.hasInnerNginx) await endQuietly(connection, found);
  if (found.state === 'running' || found.state === 'restarting' || found.state === 'paused') {
    await connection.engine.stop(found.id, stopGraceSeconds);
  }
  await connection.engine.remove(found.id);
}

const nobody = 3;

/** Tells the nginx that the part has started to answer what it has and to take nothing new. Exits with {@link nobody} where there is none. */
const quitInnerNginx = `told=${nobody}; for p in /proc/[0-9]*; do
  [ "$(cat "$p/comm" 2>/dev/null)" = nginx ] && grep -q '^PPid:[[:space:]]*1$' "$p/status" 2>/dev/null && kill -QUIT "\${p#/proc/}" && told=0
done; exit $told`;

/**
 * Kraken's parts end at once, and cut what they are answering. Other nodes' parts still ask this one: a refused connection makes them ask the next, a
 * cut answer is lost. So its nginx is told to finish; the part ends with it.
 */
async function endQuietly({ engine }: HostConnection, { id, name }: ContainerInfo): Promise<void> {
  await engine.keepEnded(id);
  // The part may end with its nginx before the program says that it told it.
  const { exitCode } = await engine.exec(id, ['sh', '-c', quitInnerNginx]);
  if (exitCode === nobody) return;
  const deadline = Date.now() + stopGraceSeconds * 1000;
  while (Date.now() < deadline) {
    beat({ container: name, gate: 'finishes what it has' });
    if ((await engine.inspect(id))?.state !== 'running') return;
    await pause(50);
  }
}

async function create(connection: HostConnection, want: DesiredContainer, input: StepInput): Promise<void> {
  const image = await connection.engine.image(want.image);
  const isRight =
    image && (image.id === want.imageDigest || image.references.some((r) => r.endsWith(`@${want.imageDigest}`)));
  if (!isRight) {
    const message = image
      ? `${want.image} on ${want.host} is not the image of the plan (${want.imageDigest})`
      : `${want.image} is not on ${want.host} any more`;
    throw new ActivityError('IMAGE_MOVED', message, {
      host: want.host,
      final: true,
      hint: 'deploy again: krakenctl deploy',
    });
  }
  try {
    await connection.engine.create({ ...want, labels: labelsOf(want, input) });
  } catch (error) {
    // Taken: by an attempt of ours whose end was not seen, or by another hand. The next look tells; until the name's
    // reservation is visible as a container there is a moment in which neither works.
    if (!(error instanceof NameTakenError)) throw error;
    await pause(100);
  }
}

function labelsOf(want: DesiredContainer, input: StepInput): Record<string, string> {
  return {
    [labels.cluster]: input.spec.name,
    [labels.part]: want.part,
    [labels.host]: want.host,
    [labels.fingerprint]: want.fingerprint,
    [labels.ingredients]: JSON.stringify(want.ingredients),
    [labels.operation]: input.operation.id,
  };
}

/** By the id that the plan saw, and only with our label. */
async function bringAway(connection: HostConnection, input: StepInput): Promise<Changed> {
  const id = input.step.seen ?? '';
  const found = await connection.engine.inspect(id);
  if (!found) return { changed: false };
  refuseForeign(found, input);
  await replaceAway(connection, found);
  const still = await connection.engine.inspect(id);
  if (still) {
    throw new ActivityError('ENGINE_ERROR', `${found.name} is still there after its removal`, {
      host: input.step.host,
      final: false,
    });
  }
  return { changed: true };
}
