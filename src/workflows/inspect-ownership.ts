import type { ClusterSpec } from '../cluster/spec';
import type { TakeOverPlan } from '../contracts/activities';
import { planners } from './activities';
import { observe } from './operation-steps';

/** Whose a cluster is, for a person to read before a take-over is confirmed. Changes nothing. */
export async function inspectOwnership({ spec }: { spec: ClusterSpec }): Promise<TakeOverPlan> {
  return planners.planTakeOver({ observed: await observe(spec) });
}
