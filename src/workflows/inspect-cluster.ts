import type { CrossedInspection, InspectInput } from '../contracts/operation';
import { lookers } from './activities';

/** `plan` and `status` through the worker, which may be nearer to the hosts than the person is. Changes nothing. */
export async function inspectCluster(input: InspectInput): Promise<CrossedInspection> {
  return lookers.inspectCluster(input);
}
