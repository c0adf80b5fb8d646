import type { ApplicationFailure } from '@temporalio/workflow';
import type { Decision, DecisionRequest, Hold, OperationProgress } from '../contracts/operation';
import type { DecisionUpdate } from '../contracts/queues';
import { final } from './operation-steps';

/** Where an operation stands when a person decides something about it. */
export interface Standing {
  verb: DecisionUpdate;
  request: DecisionRequest;
  operation: string;
  name: string;
  state: OperationProgress['state'];
  /** It is being cancelled. */
  isEnding: boolean;
  paused?: Decision;
  hold?: Hold;
  asking?: { point: string; answered: boolean };
  decisions: Decision[];
}

/** What forbids a decision; undefined: nothing. */
export function refusalOf(standing: Standing): ApplicationFailure | undefined {
  const { verb, name, state, isEnding, paused } = standing;
  const look = `krakenctl op show ${name}`;
  const meant = standing.request.operation ?? standing.operation;
  if (meant !== standing.operation) return final('OPERATION_OVER', `${meant} is over; ${name} runs now`, look);
  if (state !== 'running') return final('OPERATION_OVER', `${name} is over: ${state}`, look);
  if (isEnding) return final('OPERATION_OVER', `${name} is being cancelled`, look);
  if (verb === 'approve' || verb === 'deny') return refusalToAnswer(standing);
  if (verb === 'pause' && paused) {
    const text = `${name} is paused already, by ${paused.actor} since ${momentOf(paused.at)}`;
    return final('ALREADY_PAUSED', text, 'krakenctl op resume');
  }
  if (verb === 'resume' && !paused) return final('NOT_PAUSED', `${name} is not paused${describeHold(standing)}`, look);
  return undefined;
}

/** Two people who look at the same point approve it once, and not the next one besides. */
function refusalToAnswer(standing: Standing): ApplicationFailure | undefined {
  const { request, name, paused, asking, decisions } = standing;
  const point = request.point ?? asking?.point;
  if (asking && !asking.answered && point === asking.point) return undefined;
  const before = decisions.findLast((d) => d.point === point && (d.what === 'approved' || d.what === 'denied'));
  const known = before && point ? `${point} was ${before.what} by ${before.actor} already` : undefined;
  const text = known ?? `${point ? `${point} of ${name} does not wait` : `nothing of ${name} waits`} for approval`;
  const hint = paused ? 'krakenctl op resume' : `krakenctl op show ${name}`;
  return final('NOTHING_TO_APPROVE', `${text}${describeHold(standing)}`, hint);
}

function describeHold({ paused, hold, asking }: Pick<Standing, 'paused' | 'hold' | 'asking'>): string {
  if (paused) return `; it is paused by ${paused.actor}`;
  if (asking && !asking.answered) return `; ${asking.point} waits for approval`;
  return hold?.kind === 'window' ? `; it is outside its window, before ${hold.title}` : '';
}

function momentOf(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}
