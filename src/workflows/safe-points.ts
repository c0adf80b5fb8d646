import { type ApplicationFailure, CancellationScope, condition, defineUpdate, setHandler } from '@temporalio/workflow';
import {
  type Decision,
  type DecisionRequest,
  type DecisionResult,
  defaultRollout,
  type Hold,
  type RolloutPolicy,
} from '../contracts/operation';
import { type DecisionUpdate, decisionUpdates } from '../contracts/queues';
import { planners } from './activities';
import { final } from './operation-steps';
import type { Progress } from './progress';
import { refusalOf } from './refused-decisions';

export interface SafePoint {
  /** `node-2`; what is shown, and what an approval names. */
  id: string;
  title: string;
  /** Goes on when a person has approved it. */
  approve?: boolean;
}

interface Asking {
  point: SafePoint;
  answer?: Decision;
}

const whats: Record<DecisionUpdate, Decision['what']> = {
  pause: 'paused',
  resume: 'resumed',
  approve: 'approved',
  deny: 'denied',
};

/**
 * Where an operation may be held without harm, by a person or by its window. Made before a workflow's first await, so that what a
 * person asks finds its handler. A point that nothing holds adds nothing to a history.
 */
export class SafePoints {
  private readonly whole = CancellationScope.current();
  private readonly queue: SafePoint[] = [];
  private readonly policy: RolloutPolicy;
  private asking?: Asking;
  private denied?: Decision;

  constructor(
    private readonly progress: Progress,
    policy?: RolloutPolicy,
    private paused?: Decision,
  ) {
    this.policy = policy ?? defaultRollout;
    progress.mayBeHeld();
    for (const verb of Object.keys(decisionUpdates) as DecisionUpdate[]) {
      const update = defineUpdate<DecisionResult, [DecisionRequest]>(decisionUpdates[verb]);
      const validator = (request: DecisionRequest) => {
        const refusal = this.refusal(verb, request);
        if (refusal) throw refusal;
      };
      setHandler(update, (request) => this.decide(verb, request), { validator });
    }
  }

  /** Who holds it now; to be carried into a further run of the same operation. */
  get pausedBy(): Decision | undefined {
    return this.paused;
  }

  /** Goes on at once, or when it is neither paused nor outside its window and, where asked for, approved. One point at a time. */
  async pass(point: SafePoint): Promise<void> {
    const own = { ...point };
    this.queue.push(own);
    try {
      await condition(() => this.queue[0] === own);
      await this.holdAt(own);
    } finally {
      this.queue.splice(this.queue.indexOf(own), 1);
    }
  }

  decide(verb: DecisionUpdate, { actor, reason }: DecisionRequest): DecisionResult {
    const point = this.asking?.point ?? this.queue[0];
    const decision: Decision = {
      at: Date.now(),
      actor,
      what: whats[verb],
      ...(point && { point: point.id }),
      ...(reason && { reason }),
    };
    if (verb === 'pause') this.paused = decision;
    if (verb === 'resume') this.paused = undefined;
    if (this.asking && (verb === 'approve' || verb === 'deny')) this.asking.answer = decision;
    this.progress.decided(decision);
    return { what: decision.what, name: this.progress.name, ...(point && { point: point.id, title: point.title }) };
  }

  refusal(verb: DecisionUpdate, request: DecisionRequest): ApplicationFailure | undefined {
    const { operation, name, state, hold, decisions } = this.progress;
    const asking = this.asking && { point: this.asking.point.id, answered: this.asking.answer !== undefined };
    const isEnding = this.whole.consideredCancelled;
    return refusalOf({ verb, request, operation, name, state, isEnding, paused: this.paused, hold, asking, decisions });
  }

  private async holdAt(point: SafePoint): Promise<void> {
    for (let approved = !point.approve; ; ) {
      if (this.denied) throw deniedBy(this.denied);
      if (this.paused) {
        await this.untilResumed(point, this.paused);
        continue;
      }
      const opensIn = await this.opensIn();
      // While that was asked, somebody may have paused it.
      if (this.paused) continue;
      if (opensIn > 0) await this.untilOpen(point, opensIn);
      else if (approved) return;
      else approved = await this.isApproved(point);
    }
  }

  private async untilResumed(point: SafePoint, { actor, reason }: Decision): Promise<void> {
    const why = { by: actor, ...(reason && { reason }) };
    await this.holding(point, { kind: 'paused', ...why }, () => condition(() => this.paused === undefined));
  }

  private async opensIn(): Promise<number> {
    const { window } = this.policy;
    if (!window) return 0;
    return planners.windowOpensIn.executeWithOptions({ summary: 'is the window open?' }, [
      { window, nowMs: Date.now() },
    ]);
  }

  private async untilOpen(point: SafePoint, opensIn: number): Promise<void> {
    const summary = `before ${point.title}: the window opens`;
    const until = Date.now() + opensIn;
    await this.holding(point, { kind: 'window', until }, () =>
      condition(() => this.paused !== undefined, opensIn, { summary }),
    );
  }

  /** False when it was paused meanwhile: resumed, it waits for its approval anew. */
  private async isApproved(point: SafePoint): Promise<boolean> {
    const asking: Asking = { point };
    const { approveWithinMs } = this.policy;
    const until = Date.now() + approveWithinMs;
    const isAnswered = () => asking.answer !== undefined || this.paused !== undefined;
    this.asking = asking;
    try {
      const summary = `before ${point.title}: the approval expires`;
      const inTime = await this.holding(point, { kind: 'approval', until }, () =>
        condition(isAnswered, approveWithinMs, { summary }),
      );
      if (!inTime) throw expired(point, approveWithinMs);
    } finally {
      this.asking = undefined;
    }
    if (asking.answer?.what === 'denied') {
      this.denied = asking.answer;
      throw deniedBy(asking.answer);
    }
    return asking.answer !== undefined;
  }

  private holding<T>(
    { id, title }: SafePoint,
    why: Pick<Hold, 'kind' | 'until' | 'by' | 'reason'>,
    wait: () => Promise<T>,
  ) {
    return this.progress.holding({ ...why, point: id, title, since: Date.now() }, wait);
  }
}

const goOn = 'krakenctl plan shows what is left, krakenctl deploy goes on from there';

function deniedBy({ actor, point, reason }: Decision): ApplicationFailure {
  return final('APPROVAL_DENIED', `${point} was denied by ${actor}${reason ? `: ${reason}` : ''}`, goOn);
}

function expired({ title }: SafePoint, withinMs: number): ApplicationFailure {
  const days = Math.round(withinMs / (24 * 3_600_000));
  return final('APPROVAL_EXPIRED', `nobody approved ${title} within ${days} days`, goOn);
}
