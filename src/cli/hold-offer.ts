import type { OperationProgress } from '../contracts/operation';
import type { Temporal } from './connect';
import type { Context } from './context';
import { type DecidedRun, decide, describeResult } from './decisions';
import { CliFailure } from './failure';
import { nameActor } from './operation-identity';
import { canAsk, confirmDoubtful } from './questions';

/** After Ctrl-C has let go of the terminal: a second one offers to hold what goes on without it. */
export interface HoldOffer {
  temporal: Temporal;
  cluster: string;
  run: DecidedRun;
  progress?: OperationProgress;
}

const againWithinMs = 3000;

export async function offerHold(
  context: Context,
  { temporal, cluster, run, progress }: HoldOffer,
  ask: (text: string) => Promise<boolean> = confirmDoubtful,
): Promise<void> {
  const { output } = context;
  if (!canAsk(context) || !output.isLive || !progress?.canHold || progress.state !== 'running') return;
  output.line(` Ctrl-C again within ${againWithinMs / 1000} s: hold it at its next safe point`);
  if (!(await context.again(againWithinMs))) return;
  if (!(await ask(`hold ${cluster}/${run.name ?? run.id} at its next safe point?`).catch(unanswered))) return;
  const request = { actor: nameActor(context.environment) };
  output.line(describeResult(run, await decide(temporal, run, { verb: 'pause', request })));
}

/** Ctrl-C or Ctrl-D in place of an answer. */
function unanswered(error: unknown): boolean {
  if (error instanceof CliFailure && error.code === 'CANCELLED') return false;
  throw error;
}
