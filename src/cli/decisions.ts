import type { DecisionRequest, DecisionResult } from '../contracts/operation';
import { cancellingSignal, type DecisionUpdate, decisionUpdates } from '../contracts/queues';
import type { Temporal } from './connect';
import { CliFailure } from './failure';
import { listRuns, type OperationSummary, pickOperation } from './operation-list';
import { findPollers, requireSomeWorker } from './pollers';

/** What a person decides about an operation that runs. */

/** A worker answers within milliseconds; one that reads a long history again within seconds. */
const answerWithinMs = 15_000;
const lookedAtRuns = 20;

/** The one that is named, or the only one. @throws {CliFailure} NO_OPERATION, or USAGE where several run and none is named. */
export async function findRunning(temporal: Temporal, cluster: string, wanted?: string): Promise<OperationSummary> {
  const runs = await listRuns(temporal, cluster, lookedAtRuns);
  if (wanted === undefined) return pickOnly(runs, cluster);
  const found = pickOperation(runs, wanted);
  if (!found) {
    throw new CliFailure('NO_OPERATION', `Temporal knows no operation "${wanted}"`, { hint: 'krakenctl op list' });
  }
  if (found.result === 'running') return found;
  const name = nameOf(found);
  throw new CliFailure('NO_OPERATION', `${name} does not run, it is ${found.result}`, {
    hint: `krakenctl op show ${name}`,
  });
}

function pickOnly(runs: OperationSummary[], cluster: string): OperationSummary {
  const [only, ...others] = runs.filter((r) => r.result === 'running');
  if (!only) throw new CliFailure('NO_OPERATION', `no operation of ${cluster} runs`, { hint: 'krakenctl op list' });
  if (others.length === 0) return only;
  const names = [only, ...others].map(nameOf).join(', ');
  throw new CliFailure('USAGE', `several operations run: ${names}; expected the name of one`, {
    hint: 'krakenctl op list',
  });
}

export function nameOf({ name, id }: Pick<OperationSummary, 'name' | 'id'>): string {
  return name ?? id;
}

export type DecidedRun = Pick<OperationSummary, 'id' | 'name' | 'verb' | 'workflowId' | 'runId'>;

/** By its very run, since the next operation has the same workflow id. A fleet's operation goes on in further runs. */
function handleOf(temporal: Temporal, { workflowId, runId }: DecidedRun) {
  const goesOn = workflowId!.endsWith('-agents');
  return temporal.client.workflow.getHandle(workflowId!, goesOn ? undefined : runId);
}

/** @throws {CliFailure} with the workflow's own refusal, or why there was no answer. */
export async function decide(
  temporal: Temporal,
  run: DecidedRun,
  { verb, request }: { verb: DecisionUpdate; request: DecisionRequest },
): Promise<DecisionResult> {
  requireSomeWorker(await findPollers(temporal));
  try {
    return await temporal.connection.withDeadline(Date.now() + answerWithinMs, () =>
      handleOf(temporal, run).executeUpdate<DecisionResult, [DecisionRequest]>(decisionUpdates[verb], {
        args: [{ ...request, operation: run.id }],
      }),
    );
  } catch (error) {
    throw explain(error, run) ?? error;
  }
}

/** What the workflow itself did not refuse. */
function explain(error: unknown, run: DecidedRun): CliFailure | undefined {
  const { name, cause } = error as Error;
  const hint = `krakenctl op show ${nameOf(run)}`;
  if (name === 'WorkflowNotFoundError')
    return new CliFailure('OPERATION_OVER', `${nameOf(run)} is over`, { hint, cause: error });
  if (name === 'WorkflowUpdateRPCTimeoutOrCancelledError') {
    const message = `no worker answered for ${nameOf(run)} within ${answerWithinMs / 1000} s; it may still hear of it`;
    return new CliFailure('WORKER_MISSING', message, {
      hint: 'krakenctl worker status',
      retryable: true,
      cause: error,
    });
  }
  if (cause instanceof Error && cause.message.startsWith('No registered handler')) {
    const message = `${nameOf(run)} is a ${run.verb}, which has no safe points: it cannot be held`;
    return new CliFailure('NOT_BUILT', message, { hint: `stop it: krakenctl op cancel ${nameOf(run)}`, cause: error });
  }
  return undefined;
}

export function describeResult({ verb }: DecidedRun, { what, name, title }: DecisionResult): string {
  if (what === 'approved') return `approved: ${name} goes on with ${title}`;
  if (what === 'denied')
    return `denied: ${name} ends before ${title} and touches nothing further · what is left: krakenctl plan`;
  if (what === 'resumed') return `${name} goes on`;
  const goOn = 'go on: krakenctl op resume';
  if (title !== undefined) return `${name} is held before ${title} · ${goOn}`;
  const where = verb === 'agents' ? 'begins no further VM' : 'holds at its next safe point';
  return `${name} ${where}; where none is left it comes to its end · ${goOn}`;
}

/** The signal says who and why; both are kept for a worker that is not there. */
export async function cancelRun(temporal: Temporal, run: DecidedRun, request: DecisionRequest): Promise<void> {
  const handle = handleOf(temporal, run);
  try {
    await handle.signal<[DecisionRequest]>(cancellingSignal, request);
    await handle.cancel();
  } catch (error) {
    throw explain(error, run) ?? error;
  }
}
