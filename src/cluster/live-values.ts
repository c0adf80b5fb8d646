import { createHash } from 'node:crypto';
import { sayCores, sayMemory, writeDuration, writeSize } from './amounts';
import type { DesiredContainer } from './desired';
import type { ObservedContainer } from './observed';

/** What changes while a container runs, each by the name that a person reads: its limits, and the settings that its part takes. */
export type LiveValues = Record<string, string>;

export const memoryLimit = 'memory limit';
export const cpuLimit = 'cpu limit';

export function limitValues({ memoryBytes, nanoCpus }: Pick<DesiredContainer, 'memoryBytes' | 'nanoCpus'>): LiveValues {
  return { [memoryLimit]: `${memoryBytes}`, [cpuLimit]: `${nanoCpus}` };
}

/** Without what was not seen, and without a memory limit that the host's kernel does not keep: it cannot be set there. */
export function observedLimits({
  memoryBytes,
  nanoCpus,
}: Pick<ObservedContainer, 'memoryBytes' | 'nanoCpus'>): LiveValues {
  return {
    ...(memoryBytes !== undefined && memoryBytes !== 0 && { [memoryLimit]: `${memoryBytes}` }),
    ...(nanoCpus !== undefined && { [cpuLimit]: `${nanoCpus}` }),
  };
}

export function liveValues(container: DesiredContainer): LiveValues {
  return { ...limitValues(container), ...container.live };
}

/** Names of the values that are seen to be others. */
export function differingNames(now: LiveValues, wanted: LiveValues): string[] {
  return Object.keys(wanted).filter((name) => now[name] !== undefined && now[name] !== wanted[name]);
}

/** Hex SHA-256, so that a step says in a few bytes what must be. */
export function liveSum(values: LiveValues): string {
  return createHash('sha256')
    .update(JSON.stringify(Object.entries(values).sort()))
    .digest('hex');
}

const words: Record<string, (value: number) => string> = {
  [memoryLimit]: sayMemory,
  [cpuLimit]: sayCores,
  maxmemory: writeSize,
  'cluster-node-timeout': writeDuration,
};

/** `1073741824` → `1 GiB`, or `1gb` where Redis and `.env` write it so. */
export function sayLive(name: string, value: string): string {
  const say = words[name];
  return say && value !== '' ? say(Number(value)) : value;
}
