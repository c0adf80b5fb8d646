import { fatal } from './log';

/** How versions that are bad on purpose go wrong. All other versions behave. */
const untilReadyMs: Record<string, number> = {
  'v0.1.28-rc2': Number.POSITIVE_INFINITY,
  'v0.1.28-slow': 8_000,
};
const crashAfterMs = 5_000;
const startedAt = Date.now();

export const version = process.env.STAND_IN_VERSION ?? 'unknown';

/** Faults that the contract suite must find: it proves by them that it can fail. */
export type Plant = 'ignores-tls' | 'loses-replicas' | 'peers-in-memory' | 'relative-location' | 'forgets-queue';

export function isPlanted(plant: Plant): boolean {
  return (process.env.STAND_IN_PLANT ?? '').split(',').includes(plant);
}

/** Ends the part at once or later, when its version is one of those. */
export function misbehave(part: string): void {
  if (version === 'v0.1.28-rc1' && part === 'origin') {
    setTimeout(() => fatal('invalid TLS config: stat : no such file or directory'), 5);
  }
  if (version === 'v0.1.28-rc3') setTimeout(() => fatal('unexpected fault address 0x0'), crashAfterMs);
}

/** True while the version's fault keeps the part from being ready. */
export function isHeldBack(): boolean {
  return Date.now() - startedAt < (untilReadyMs[version] ?? 0);
}
