import type { ObservedHost } from '../cluster/observed';

/** What was seen of a host, as it crosses (`packed.ts`). */
export type CrossedHost = ObservedHost | { host: string; reachable: true; platform: string; packed: string };

export interface CrossedObserved {
  cluster: string;
  hosts: CrossedHost[];
}
