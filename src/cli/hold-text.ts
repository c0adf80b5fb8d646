import type { Decision, Hold, OperationProgress } from '../contracts/operation';
import { showDuration, showMoment } from './time-text';

/** What holds an operation, and what people decided about it, as lines. */

/** One line of what is waited for and what to type; undefined where nothing holds. */
export function holdLine({ hold, state, decisions }: OperationProgress, now: Date): string | undefined {
  if (state !== 'running') return undefined;
  if (hold) return describeHold(hold, now);
  const last = decisions?.findLast(({ what }) => what === 'paused' || what === 'resumed');
  if (last?.what !== 'paused') return undefined;
  return `holds at its next safe point: asked for by ${last.actor}${because(last)} · krakenctl op resume`;
}

export function describeHold({ kind, title, since, until, by, reason }: Hold, now: Date): string {
  const began = `since ${showMoment(new Date(since), now)}`;
  if (kind === 'approval') return `waiting: approval for ${title} ${began} · krakenctl op approve`;
  if (kind === 'paused') return `paused by ${by} before ${title} ${began}${because({ reason })} · krakenctl op resume`;
  const opens = until === undefined ? '' : `, opens in ${showDuration(until - now.getTime())}`;
  return `outside its window${opens} · before ${title}`;
}

export function describeDecision({ at, actor, what, point, reason }: Decision, now: Date): string {
  const about = point === undefined ? '' : ` ${what === 'approved' || what === 'denied' ? point : `before ${point}`}`;
  return `${showMoment(new Date(at), now)}  ${what}${about} by ${actor}${because({ reason })}`;
}

function because({ reason }: { reason?: string }): string {
  return reason ? `: ${reason}` : '';
}
