import type { WorkflowExecutionDescription } from '@temporalio/client';
import { operationWorkflowId } from '../cluster/names';
import type { OperationIdentity } from '../contracts/operation';
import { type OperationMemo, searchAttributes, taskQueues } from '../contracts/queues';
import type { Temporal } from './connect';
import { CliFailure } from './failure';
import { OperationHandle } from './operation-handle';
import { addSearchAttributes, lacksSearchAttributes, missingSearchAttributes } from './temporal/search-attributes';
import { showDuration, showMoment } from './time-text';

/** Operations of a cluster in Temporal. One workflow id per cluster is the lock (decisions 5). */
export interface OperationStart {
  type: string;
  cluster: string;
  /** The lock; the cluster's own where nothing is said. */
  workflowId?: string;
  operation: OperationIdentity;
  input: unknown;
}

export interface StartedOperation {
  handle: OperationHandle;
  workflowId: string;
  runId: string;
  operation: string;
}

/** A server knows of an attribute that was just added after some seconds. */
const attributesWithinMs = 30_000;

/**
 * @throws {CliFailure} OPERATION_RUNNING: who holds the cluster, since when, and what can be done; SEARCH_ATTRIBUTES_MISSING where the
 * namespace has none and this login may not add them.
 */
export async function startOperation(temporal: Temporal, start: OperationStart): Promise<StartedOperation> {
  let added = false;
  for (const until = Date.now() + attributesWithinMs; ; ) {
    try {
      return await startOnce(temporal, start);
    } catch (error) {
      if (!lacksSearchAttributes(error)) throw error;
      if (Date.now() >= until) throw missingSearchAttributes(temporal, error);
      if (!added) await addSearchAttributes(temporal);
      added = true;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

async function startOnce(temporal: Temporal, start: OperationStart): Promise<StartedOperation> {
  const { WorkflowExecutionAlreadyStartedError } = await import('@temporalio/client');
  const { TypedSearchAttributes, SearchAttributeType } = await import('@temporalio/common');
  const { cluster, operation } = start;
  const workflowId = start.workflowId ?? operationWorkflowId(cluster);
  const keyword = (name: string, value: string) => ({ key: { name, type: SearchAttributeType.KEYWORD }, value });
  const { id, verb, actor, reason } = operation;
  const memo: OperationMemo = { cluster, operation: id, verb, actor, ...(reason && { reason }) };
  try {
    const { firstExecutionRunId: runId } = await temporal.client.workflow.start(start.type, {
      taskQueue: taskQueues.main,
      workflowId,
      workflowIdConflictPolicy: 'FAIL',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      args: [start.input],
      memo,
      typedSearchAttributes: new TypedSearchAttributes([
        keyword(searchAttributes.cluster, cluster),
        keyword(searchAttributes.operation, id),
        keyword(searchAttributes.verb, verb),
      ]),
      staticSummary: `${verb} ${cluster} by ${actor}`,
      staticDetails: reason,
    });
    const handle = new OperationHandle(temporal, { id, workflowId, runId });
    return { handle, workflowId, runId, operation: id };
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError)
      throw await describeHolder(temporal, cluster, { workflowId });
    throw error;
  }
}

/** Waits for the holder to end, up to a limit, and then starts; somebody else may be quicker, then it waits again. */
export async function startWhenFree(
  temporal: Temporal,
  start: OperationStart,
  wait: { limitMs: number; note: (text: string) => void },
): Promise<StartedOperation> {
  const until = Date.now() + wait.limitMs;
  for (let said = false; ; said = true) {
    try {
      return await startOperation(temporal, start);
    } catch (error) {
      if (!(error instanceof CliFailure) || error.code !== 'OPERATION_RUNNING' || Date.now() >= until) throw error;
      if (!said) wait.note(`${error.message} · waiting up to ${showDuration(wait.limitMs)}`);
      await new Promise((resolve) => setTimeout(resolve, Math.min(500, Math.max(0, until - Date.now()))));
    }
  }
}

export async function describeHolder(
  temporal: Temporal,
  cluster: string,
  { workflowId = operationWorkflowId(cluster), now = new Date() } = {},
): Promise<CliFailure> {
  const running = await temporal.client.workflow
    .getHandle(workflowId)
    .describe()
    .catch(() => undefined);
  const memo = memoOf(running);
  const startedAt = running && begunAt(running);
  const since = startedAt ? ` since ${showMoment(startedAt, now)}` : '';
  const who = memo.actor ? ` by ${memo.actor}` : '';
  const message = `${memo.operation ?? 'another operation'}${who} holds ${workflowId.endsWith('-agents') ? 'the agents of ' : ''}cluster ${cluster}${since}`;
  const id = memo.operation ? ` ${memo.operation}` : '';
  return new CliFailure('OPERATION_RUNNING', message, {
    retryable: true,
    hint: `watch: krakenctl op attach${id} · stop it safely: krakenctl op cancel${id} · wait for its end: --wait-lock=60s`,
    data: { cluster, ...memo, startedAt: startedAt?.toISOString() ?? null },
  });
}

/** The newest run under a workflow's id, ended or not, or the one that is named; undefined where there is none. */
export async function describeRun(
  temporal: Temporal,
  workflowId: string,
  runId?: string,
): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await temporal.client.workflow.getHandle(workflowId, runId).describe();
  } catch (error) {
    if (error instanceof Error && error.name === 'WorkflowNotFoundError') return undefined;
    throw error;
  }
}

/** When the operation began, in whichever of its runs. */
export function begunAt(run: { memo?: Record<string, unknown>; startTime: Date }): Date {
  const { begunAt: text } = memoOf(run);
  return text === undefined ? run.startTime : new Date(text);
}

export function memoOf(description: { memo?: Record<string, unknown> } | undefined): Partial<OperationMemo> {
  return (description?.memo ?? {}) as Partial<OperationMemo>;
}
