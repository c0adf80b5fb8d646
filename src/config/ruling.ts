import type { Mistake } from './mistakes';
import { placeOfKey, type Resolved } from './resolve';
import type { Gathered } from './sources';

/** What rules over several keys look at, and how they blame one. */

export interface Ruling {
  resolved: Resolved;
  gathered: Gathered;
}

/** `mistake('LB_NODES', {problem, expected})` at the place where the key was written. */
export function blame(
  { gathered }: Ruling,
  key: string,
  what: Pick<Mistake, 'problem' | 'expected' | 'hint'>,
): Mistake {
  return { ...placeOfKey(gathered, key), key, ...what };
}
