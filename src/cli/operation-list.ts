import type { WorkflowExecutionInfo } from '@temporalio/client';
import { operationWorkflowId } from '../cluster/names';
import type { OperationLine } from '../contracts/activities';
import type { Decision, DeployReport, Hold } from '../contracts/operation';
import { fleetWorkflowId } from '../contracts/queues';
import type { Temporal } from './connect';
import { askProgress } from './follow';
import { OperationHandle } from './operation-handle';
import { begunAt, describeRun, memoOf } from './operations';

/** A list is not worth a longer wait for a worker that is not there. */
const nameTimeoutMs = 1500;

/** One operation, from Temporal, from the record on the nodes, or from both. */
export interface OperationSummary {
  id: string;
  /** `deploy-2`; absent while it runs, and where neither the record nor the result tells. */
  name?: string;
  verb: string;
  actor: string;
  startedAt: string;
  endedAt?: string;
  result: 'running' | 'done' | 'failed' | 'cancelled' | 'terminated' | 'rolled-back';
  /** In Temporal, as long as it keeps the history. */
  runId?: string;
  workflowId?: string;
  generation?: number;
  /** Why it was begun. */
  reason?: string;
  /** What holds it now. */
  hold?: Hold;
  decisions?: Decision[];
}

/** Newest first. What both know comes from Temporal; what Temporal has forgotten comes from the record. */
export function mergeOperations(runs: OperationSummary[], lines: OperationLine[]): OperationSummary[] {
  const known = new Map(lines.map((line) => [line.id, line]));
  const merged = runs.map((run) => {
    const line = known.get(run.id);
    known.delete(run.id);
    if (!line) return run;
    const { name, generation, reason = run.reason, decisions = run.decisions } = line;
    return { ...run, name, generation, ...(reason && { reason }), ...(decisions && { decisions }) };
  });
  const forgotten = [...known.values()].map(({ planHash: _, ...line }): OperationSummary => line);
  return [...merged, ...forgotten].sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
}

/** By id, short name, run id, or the beginning of one of these where only one fits; without any, the newest. */
export function pickOperation(operations: OperationSummary[], wanted?: string): OperationSummary | undefined {
  if (wanted === undefined) return operations[0];
  const names = (o: OperationSummary) => [o.id, o.name, o.runId].filter((n): n is string => n !== undefined);
  const exact = operations.find((o) => names(o).includes(wanted));
  // What an unset variable gives begins every name.
  if (exact || wanted === '') return exact;
  const begun = operations.filter((o) => names(o).some((n) => n.startsWith(wanted)));
  return begun.length === 1 ? begun[0] : undefined;
}

/** More than these Temporal does not give at once. */
const largestPage = 1000;

/** Those that an operation went over into another from are none of a list. */
export const lastRuns = "ExecutionStatus != 'ContinuedAsNew'";

const workflowIdsOf = (cluster: string) => [operationWorkflowId(cluster), fleetWorkflowId(cluster)];

/** The last run of each operation, first those that run. */
export async function listRuns(temporal: Temporal, cluster: string, limit: number): Promise<OperationSummary[]> {
  const [running, listed] = await Promise.all([
    describeRunning(temporal, cluster),
    queryRuns(temporal, cluster, limit),
  ]);
  const isKnown = ({ id, result }: OperationSummary) => result === 'running' && running.some((one) => one.id === id);
  const runs = [...running, ...listed.filter((run) => !isKnown(run))].slice(0, limit);
  await Promise.all(runs.map((run) => addName(temporal, run)));
  return runs;
}

async function queryRuns(temporal: Temporal, cluster: string, limit: number): Promise<OperationSummary[]> {
  const runs: OperationSummary[] = [];
  const ids = workflowIdsOf(cluster).map((id) => `WorkflowId = '${id}'`);
  const query = `(${ids.join(' OR ')}) AND ${lastRuns}`;
  for await (const run of temporal.client.workflow.list({ query, pageSize: Math.min(limit, largestPage) })) {
    runs.push(toSummary(run));
    if (runs.length >= limit) break;
  }
  return runs;
}

/** What runs now: what Temporal lists is behind by a moment, and has nothing of an operation that has just gone over into another run. */
async function describeRunning(temporal: Temporal, cluster: string): Promise<OperationSummary[]> {
  const last = await Promise.all(workflowIdsOf(cluster).map((id) => describeRun(temporal, id)));
  return last.flatMap((run) => (run ? [toSummary(run)] : [])).filter(({ result }) => result === 'running');
}

/** As {@link pickOperation}, and by the id of a run that its operation has left. */
export async function findOperation(
  temporal: Temporal,
  cluster: string,
  { runs, wanted }: { runs: OperationSummary[]; wanted?: string },
): Promise<OperationSummary | undefined> {
  const found = pickOperation(runs, wanted);
  if (found || wanted === undefined || !isRunId(wanted)) return found;
  const left = await Promise.all(workflowIdsOf(cluster).map((id) => describeRun(temporal, id, wanted)));
  const operation = left.map((run) => memoOf(run).operation).find((id) => id !== undefined);
  return operation === undefined ? undefined : pickOperation(runs, operation);
}

/** Of Temporal. */
export const isRunId = (text: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);

export function toSummary(run: Omit<WorkflowExecutionInfo, 'raw'>): OperationSummary {
  const { operation = run.runId, verb = run.type, actor = 'unknown', reason } = memoOf(run);
  return {
    id: operation,
    verb,
    actor,
    ...(reason && { reason }),
    startedAt: begunAt(run).toISOString(),
    endedAt: run.closeTime?.toISOString(),
    result: resultOf(run.status.name),
    runId: run.runId,
    workflowId: run.workflowId,
  };
}

function resultOf(status: string): OperationSummary['result'] {
  if (status === 'RUNNING' || status === 'PAUSED') return 'running';
  if (status === 'COMPLETED') return 'done';
  if (status === 'CANCELLED') return 'cancelled';
  return status === 'TERMINATED' ? 'terminated' : 'failed';
}

/** As it was listed. */
export function handleOf(temporal: Temporal, { id, workflowId, runId, result }: OperationSummary): OperationHandle {
  return new OperationHandle(temporal, { id, workflowId: workflowId!, runId, isOver: result !== 'running' });
}

/** The record knows only what changed something: the report has the name, and where there is none, the workflow itself. */
async function addName(temporal: Temporal, run: OperationSummary): Promise<void> {
  const handle = handleOf(temporal, run);
  if (run.result !== 'done') {
    const progress = await askProgress(temporal, handle, nameTimeoutMs);
    run.name = progress?.name;
    if (run.result === 'running' && progress?.hold) run.hold = progress.hold;
    return;
  }
  const report = (await handle.result().catch(() => undefined)) as Partial<DeployReport> | undefined;
  run.name = report?.name;
  run.generation = report?.generation;
}
