import type { WorkflowHandle } from '@temporalio/client';
import type { OperationProgress } from '../contracts/operation';
import { progressQuery } from '../contracts/queues';
import type { Temporal } from './connect';

/** A run of an operation, as it was begun or listed. The operation may have gone on in further runs since, under the same workflow id. */
export interface KnownRun {
  /** Of the operation. */
  id: string;
  workflowId: string;
  runId?: string;
  /** It is the last one. */
  isOver?: boolean;
}

/** What history events are asked for: the one that closed a run. */
const closeEvent = 2;

/** One operation, through all its runs; the next operation has the same workflow id, and is never taken for it. */
export class OperationHandle {
  constructor(
    private readonly temporal: Temporal,
    private readonly run: KnownRun,
  ) {}

  get workflowId(): string {
    return this.run.workflowId;
  }

  /** Whatever runs under its workflow id now, or the run that is over. */
  get newest(): WorkflowHandle {
    const { workflowId, runId, isOver } = this.run;
    return this.handle(workflowId, isOver ? runId : undefined);
  }

  /** @throws where no worker answers. */
  async progress(): Promise<OperationProgress> {
    const progress = await this.newest.query<OperationProgress>(progressQuery);
    if (this.run.isOver || progress.operation.id === this.run.id) return progress;
    return this.handle(this.workflowId, await this.lastRunId()).query<OperationProgress>(progressQuery);
  }

  /** Temporal's id of the last of its runs so far. */
  async lastRunId(): Promise<string | undefined> {
    let { runId } = this.run;
    for (let next = runId; next && !this.run.isOver; next = await this.runAfter(next)) runId = next;
    return runId;
  }

  /** Of its last run. */
  result(): Promise<unknown> {
    return this.handle(this.run.workflowId, this.run.runId).result();
  }

  private handle(workflowId: string, runId?: string): WorkflowHandle {
    return this.temporal.client.workflow.getHandle(workflowId, runId);
  }

  private async runAfter(runId: string): Promise<string | undefined> {
    const { client, namespace } = this.temporal;
    const { history } = await client.workflowService.getWorkflowExecutionHistory({
      namespace,
      execution: { workflowId: this.workflowId, runId },
      historyEventFilterType: closeEvent,
    });
    const { workflowExecutionContinuedAsNewEventAttributes: ended } = history?.events?.at(-1) ?? {};
    return ended?.newExecutionRunId ?? undefined;
  }
}
