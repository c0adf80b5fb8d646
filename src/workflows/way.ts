import { CancellationScope, isCancellation, patched, workflowInfo } from '@temporalio/workflow';
import type { OpenedOperation } from '../contracts/activities';
import type { Carried, Position, Underway } from '../contracts/carried';
import { lookers } from './activities';
import type { Course, Onward } from './course';
import { describeFailure } from './describe-failure';
import type { FurtherRuns } from './further-runs';
import { final } from './operation-steps';

/** An operation on its way: what is carried from run to run, and how far this run has come. */
export interface Way extends Omit<Underway, 'position'> {
  /** Of an earlier run. */
  from?: Position;
  /** Of the plan that is carried out now. */
  course?: Course;
}

export const atBeginning: Position = { stage: 0, steps: [], gates: [], entered: false, begun: [] };

export function wayOf({ shown: _, paused: __, position, ...underway }: Carried): Way {
  return { ...underway, from: position };
}

/** How its plan goes over into further runs. */
export function onwardOf(way: Way, further: FurtherRuns): Onward {
  const tell = (course: Course) => {
    way.course = course;
  };
  return { further, from: way.from, tell };
}

/**
 * The operation under the name of this run. A cancellation does not cut it: what an earlier run began on a node, or began to take back, is brought to its
 * end first.
 * @throws OPERATION_RESET where this run was reset to its beginning: what it carries is where things stood then; RUN_UNCONFIRMED where Temporal does not
 * tell.
 */
export async function openFurther(opened: OpenedOperation): Promise<OpenedOperation> {
  const confirm = () => lookers.confirmRun({ after: workflowInfo().continuedFromExecutionRunId! });
  const asked = patched('confirmed-to-its-end') ? CancellationScope.nonCancellable(confirm) : confirm();
  const { run } = await asked.catch((error) => {
    throw unconfirmed(error);
  });
  return { ...opened, run };
}

function unconfirmed(error: unknown): unknown {
  const { code, message } = describeFailure(error);
  if (isCancellation(error) || code === 'OPERATION_RESET' || !patched('unconfirmed-stays')) return error;
  const text = `Temporal does not tell whether this run goes on from the one before, so nothing further was changed: ${message}`;
  return final('RUN_UNCONFIRMED', text, 'krakenctl plan shows what is left, krakenctl deploy goes on from there');
}
