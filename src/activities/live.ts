import { EngineError, RedisReplyError } from '../clients/errors';
import type { ContainerInfo, HostConnection, RedisInstance } from '../clients/host';
import type { DesiredContainer } from '../cluster/desired';
import {
  cpuLimit,
  differingNames,
  type LiveValues,
  limitValues,
  memoryLimit,
  observedLimits,
  sayLive,
} from '../cluster/live-values';
import type { Changed, ResourceActivities, StepInput } from '../contracts/activities';
import { refuseForeign } from './containers';
import { type ActivityDependencies, fenced } from './dependencies';
import { ActivityError } from './failures';
import { settingsOf } from './hosts';
import { wantedContainer } from './rendering';

/** What changes in place: nothing here ends a process. */
export function liveActivities(
  deps: ActivityDependencies,
): Pick<ResourceActivities, 'ensureLimits' | 'ensureRedisSettings'> {
  const scopeOf = ({ spec, step, epoch }: StepInput) => ({ spec, host: step.host, epoch });
  return {
    async ensureLimits(input) {
      const want = wantedContainer(input, deps);
      return fenced(deps, scopeOf(input), (connection) => bringLimits(connection, want, input));
    },
    async ensureRedisSettings(input) {
      const want = wantedContainer(input, deps);
      const { readiness } = want;
      if (readiness.kind !== 'redis') throw new Error(`${want.name} is no Redis`);
      return fenced(deps, scopeOf(input), (connection) => bringSettings(connection.redis(readiness.port), want));
    },
  };
}

async function bringLimits(connection: HostConnection, want: DesiredContainer, input: StepInput): Promise<Changed> {
  const wanted = limitValues(want);
  const found = await ownContainer(connection, want, input);
  const now = observedLimits(found);
  const names = differingNames(now, wanted);
  if (names.length === 0) return { changed: false };
  const limits = {
    ...(names.includes(memoryLimit) && { memoryBytes: want.memoryBytes }),
    ...(names.includes(cpuLimit) && { nanoCpus: want.nanoCpus }),
  };
  const refusal = { want, asked: names.map((name) => sayChange(name, now, wanted)).join(', ') };
  await connection.engine.update(found.id, limits).catch((error) => {
    // Without a status nobody has answered; that is tried again.
    if (error instanceof EngineError && error.statusCode > 0) throw limitRefused(refusal, error.message);
    throw error;
  });
  const after = observedLimits(await ownContainer(connection, want, input));
  const [still] = differingNames(after, wanted);
  if (still)
    throw limitRefused(refusal, `the Engine took it, and still says ${still} ${sayLive(still, after[still]!)}`);
  return { changed: true };
}

async function ownContainer(
  connection: HostConnection,
  want: DesiredContainer,
  input: StepInput,
): Promise<ContainerInfo> {
  const found = await connection.engine.inspect(want.name);
  if (!found) throw new ActivityError('ENGINE_ERROR', `${want.name} is gone`, { host: want.host, final: true });
  refuseForeign(found, input);
  return found;
}

function limitRefused({ want, asked }: { want: DesiredContainer; asked: string }, why: string): ActivityError {
  // What the kernel said comes on lines of its own.
  const words = why.replace(/\s+/g, ' ').trim();
  return new ActivityError('LIMIT_REFUSED', `${want.part} on ${want.host} cannot get its ${asked}: ${words}`, {
    host: want.host,
    final: true,
    hint: `it goes on with what it has; choose another limit in .env, or see what it needs: docker stats ${want.name}`,
  });
}

/** `memory limit 256 MiB (now 1 GiB)` */
function sayChange(name: string, now: LiveValues, wanted: LiveValues): string {
  return `${name} ${sayLive(name, wanted[name]!)} (now ${sayLive(name, now[name]!)})`;
}

async function bringSettings(redis: RedisInstance, want: DesiredContainer): Promise<Changed> {
  const wanted = want.live ?? {};
  const now = await settingsOf(redis, Object.keys(wanted));
  const names = differingNames(now, wanted);
  const refused = (name: string, why: string) =>
    new ActivityError(
      'REDIS_ERROR',
      `${want.part} on ${want.host} cannot get its ${sayChange(name, now, wanted)}: ${why}`,
      {
        host: want.host,
        final: true,
        hint: 'its file has the new value, and the next start of the container takes it',
      },
    );
  for (const name of names) {
    await redis.configSet(name, wanted[name]!).catch((error) => {
      throw error instanceof RedisReplyError ? refused(name, error.message) : error;
    });
  }
  const after = await settingsOf(redis, Object.keys(wanted));
  const [still] = differingNames(after, wanted);
  if (still) throw refused(still, `Redis took it, and still says ${still} ${sayLive(still, after[still]!)}`);
  return { changed: names.length > 0 };
}
