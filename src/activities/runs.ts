import { Context } from '@temporalio/activity';
import { temporal } from '@temporalio/proto';
import type { RunActivities } from '../contracts/activities';
import { wasReset } from './failures';

const { HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT: closeEvent } = temporal.api.enums.v1.HistoryEventFilterType;

/** Temporal alone knows whether a run is the one that another went over into, or was made of that one later by a reset. */
export function runActivities(): RunActivities {
  return {
    async confirmRun({ after }) {
      const { info, client } = Context.current();
      const { workflowId, runId } = info.workflowExecution!;
      const { history } = await client.workflowService.getWorkflowExecutionHistory({
        namespace: info.namespace,
        execution: { workflowId, runId: after },
        historyEventFilterType: closeEvent,
      });
      const ended = history?.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes;
      if (ended?.newExecutionRunId !== runId) throw wasReset();
      return { run: runId };
    },
  };
}
