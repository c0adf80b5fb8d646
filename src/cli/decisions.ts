import type { WorkflowHandle } from '@temporalio/client';
import type { DecisionRequest, DecisionResult } from '../contracts/operation';
import { cancellingSignal, type DecisionUpdate, decisionUpdates } from '../contracts/queues';
import type { Temporal } from './connect';
import { CliFailure } from './failure';
import { findOperation, listRuns, type OperationSummary } from './operation-list';
import { memoOf } from './operations';
import { findPollers, requireSomeWorker } from './pollers';

/** What a person decides about an operation that runs. */

/** A worker answers within milliseconds; one that reads a long history again within seconds. */
const answerWithinMs = 15_000;
const lookedAtRuns = 20;

/** The one that is named, or the only one. @throws {CliFailure} NO_OPERATION, or USAGE where several run and none is named. */
export async function findRunning(temporal: Temporal, cluster: string, wanted?: string): Promise<OperationSummary> {
  const runs = await listRuns(temporal, cluster, lookedAtRuns);
  if (wanted === undefined) return pickOnly(runs, cluster);
  const found = await findOperation(temporal, cluster, { runs, wanted });
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

/** @throws {CliFailure} with the workflow's own refusal, or why there was no answer. */
export async function decide(
  temporal: Temporal,
  run: DecidedRun,
  { verb, request }: { verb: DecisionUpdate; request: DecisionRequest },
): Promise<DecisionResult> {
  requireSomeWorker(await findPollers(temporal));
  try {
    return await temporal.connection.withDeadline(Date.now() + answerWithinMs, () =>
      // By whichever of its runs is under way; another operation refuses what is meant for this one.
      temporal.client.workflow
        .getHandle(run.workflowId!)
        .executeUpdate<DecisionResult, [DecisionRequest]>(decisionUpdates[verb], {
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
  if (name === 'WorkflowNotFoundError') return overBy(run, error);
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
  try {
    const handle = await handleToCancel(temporal, run);
    await handle.signal<[DecisionRequest]>(cancellingSignal, { ...request, operation: run.id });
    await handle.cancel();
  } catch (error) {
    throw explain(error, run) ?? error;
  }
}

/** Whichever of its runs is under way, and no other operation's: Temporal compares the run that all of them began with. */
async function handleToCancel({ client }: Temporal, { id, workflowId, ...run }: DecidedRun): Promise<WorkflowHandle> {
  const { memo, raw } = await client.workflow.getHandle(workflowId!).describe();
  const { operation } = memoOf({ memo });
  // One without a memo was not begun by the command line.
  if (operation !== undefined && operation !== id) throw overBy({ id, ...run });
  const firstExecutionRunId = raw.workflowExecutionInfo?.firstRunId || undefined;
  return client.workflow.getHandle(workflowId!, undefined, { firstExecutionRunId });
}

function overBy(run: Pick<DecidedRun, 'id' | 'name'>, cause?: unknown): CliFailure {
  const hint = `krakenctl op show ${nameOf(run)}`;
  return new CliFailure('OPERATION_OVER', `${nameOf(run)} is over`, { hint, cause });
}
