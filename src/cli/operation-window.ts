import type { Configuration } from './configuration';
import type { Context } from './context';
import { findKnown, gatherOperations, noSuchOperation } from './operation-sources';

export interface Window {
  from: Date;
  /** Absent while it runs. */
  to?: Date;
}

const lookedAtRuns = 50;

/** When an operation ran, from whoever knows it. */
export async function findOperationWindow(
  context: Context,
  configuration: Configuration,
  wanted: string,
): Promise<Window> {
  const known = await gatherOperations(context, configuration, lookedAtRuns);
  const found = await findKnown(context, configuration, { runs: known.operations, wanted });
  if (!found) throw noSuchOperation(configuration.spec.name, known, wanted);
  return { from: new Date(found.startedAt), to: found.endedAt ? new Date(found.endedAt) : undefined };
}
