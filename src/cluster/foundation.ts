import type { Gate, Step } from './plan';
import type { PartName } from './spec';

/** What Kraken's own parts stand on: they are started after it. */
const foundation: PartName[] = ['redis', 'redis-replica', 'redis-router', 'testfs'];

export function isFoundation({ part }: Step): boolean {
  return part !== undefined && foundation.includes(part);
}

export function isRedis(part: PartName | undefined): boolean {
  return part === 'redis' || part === 'redis-replica';
}

/** One for each container that is made or started. */
export function readyGates(steps: Step[]): Gate[] {
  return steps.flatMap((s) =>
    s.part && s.kind === 'container' ? [{ kind: 'ready' as const, host: s.host, part: s.part }] : [],
  );
}

/** A tracker dials its router once when it starts, and ends when nothing listens there. */
export function routerGates(steps: Step[]): Gate[] {
  return readyGates(steps.filter((s) => s.part === 'redis-router'));
}
