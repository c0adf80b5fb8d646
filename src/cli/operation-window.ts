import type { Configuration } from './configuration';
import { withTemporal } from './connect';
import type { Context } from './context';
import { CliFailure } from './failure';
import { readOperationLines } from './local';
import { listRuns, mergeOperations, pickOperation } from './operation-list';

export interface Window {
  from: Date;
  /** Absent while it runs. */
  to?: Date;
}

/** When an operation ran, from whoever knows it. */
export async function findOperationWindow(context: Context, { spec }: Configuration, wanted: string): Promise<Window> {
  const [runs, lines] = await Promise.all([
    withTemporal({ environment: context.environment, timeoutMs: 1500 }, (t) => listRuns(t, spec.name, 50)).catch(
      () => [],
    ),
    readOperationLines(spec).catch(() => []),
  ]);
  const found = pickOperation(mergeOperations(runs, lines), wanted);
  if (!found) throw new CliFailure('NO_OPERATION', `no operation ${wanted}`, { hint: 'krakenctl op list' });
  return { from: new Date(found.startedAt), to: found.endedAt ? new Date(found.endedAt) : undefined };
}
