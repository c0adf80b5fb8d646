import type { DestroyPlan } from '../cluster/destroy-plan';
import type { DestroyChoice } from '../contracts/operation';
import { lookForRemains } from './destroy-cluster';

/** What a destroy would remove, for a person to read before it is confirmed. Changes nothing. */
export async function inspectRemains(choice: DestroyChoice): Promise<DestroyPlan> {
  return (await lookForRemains(choice)).plan;
}
