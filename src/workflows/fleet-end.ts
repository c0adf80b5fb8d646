import { CancellationScope, isCancellation, patched, TemporalFailure } from '@temporalio/workflow';
import type { OperationLine } from '../contracts/activities';
import type { FleetInput, UnseenHost } from '../contracts/agents';
import type { Decision } from '../contracts/operation';
import { effects } from './activities';
import { oneOfSeveral } from './activity-options';
import { seenOf } from './fleet-hosts';
import { spokenOf } from './operation-steps';

/** How an operation on agents ends on the nodes: who is gone, and a line in `operations.jsonl`. */

export interface FleetEnd {
  input: FleetInput;
  name: string;
  epoch: number;
  startedAt: number;
  unseen: UnseenHost[];
  decisions: Decision[];
  /** Of a removal. */
  gone?: string[];
}

/** Also where it failed or was cancelled: who is gone is gone, and the others stay on the list. */
export async function conclude(end: FleetEnd, result: OperationLine['result']): Promise<void> {
  await forgetGone(end);
  await note(end, result);
}

/** Other errors end no operation: Temporal tries the same moment again. */
export async function concludeFailure(end: FleetEnd, error: unknown): Promise<void> {
  if (!(error instanceof TemporalFailure)) return;
  if (isCancellation(error)) await CancellationScope.nonCancellable(() => conclude(end, 'cancelled'));
  else await conclude(end, 'failed');
}

async function forgetGone({ input, epoch, unseen, gone = [] }: FleetEnd): Promise<void> {
  if (gone.length === 0 || !patched('removed-are-forgotten')) return;
  const { spec } = input;
  const forget = (host: string) =>
    effects.forgetRemoved.executeWithOptions({ ...oneOfSeveral, summary: `${host}: ${gone.length} VMs are gone` }, [
      { spec, host, epoch, vms: gone },
    ]);
  await Promise.allSettled(nodesOf(input, unseen).map(forget));
}

/** A line on every node that takes it. */
async function note(end: FleetEnd, result: OperationLine['result']): Promise<void> {
  const { input, name, epoch, startedAt, unseen, decisions } = end;
  const { spec, operation } = input;
  const line: OperationLine = {
    id: operation.id,
    name,
    verb: operation.verb,
    actor: operation.actor,
    startedAt: new Date(startedAt).toISOString(),
    endedAt: new Date().toISOString(),
    result,
    planHash: '',
    generation: 0,
    ...spokenOf({ input, decisions }),
  };
  const append = (host: string) =>
    effects.appendOperation.executeWithOptions({ ...oneOfSeveral, summary: `${host}: note the end` }, [
      { spec, host, epoch, realm: 'agents', line },
    ]);
  await Promise.allSettled(nodesOf(input, unseen).map(append));
}

function nodesOf({ spec }: FleetInput, unseen: UnseenHost[]): string[] {
  return seenOf(
    spec.nodes.map(({ id }) => id),
    unseen,
  );
}
