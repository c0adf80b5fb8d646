import type { Gate, Stage, Step } from '../cluster/plan';
import type { Position } from '../contracts/carried';
import type { FurtherRuns } from './further-runs';

/** Where a plan may be gone on with by a further run of its operation. */
export interface Onward {
  further: FurtherRuns;
  /** Where an earlier run came to. */
  from?: Position;
  /** Told once, before anything is begun. */
  tell: (course: Course) => void;
}

/** How far a plan has come. Its stages follow each other, so that one number and the rest of one stage say it all. */
export class Course {
  readonly begun: Map<string, number>;
  private readonly done = new Set<Step | Gate>();
  private readonly begin: number;
  private entered = -1;
  private started?: { stage: number; at: number };

  constructor(
    private readonly stages: Stage[],
    private readonly onward?: Onward,
  ) {
    const { stage = 0, steps = [], gates = [], entered = false, startedAt, begun = [] } = onward?.from ?? {};
    this.begin = stage;
    if (startedAt !== undefined) this.started = { stage, at: startedAt };
    this.begun = new Map(begun);
    if (entered) this.entered = stage;
    const at = stages[stage];
    for (const index of steps) this.done.add(at!.steps[index]!);
    for (const index of gates) this.done.add(at!.gates[index]!);
    onward?.tell(this);
  }

  /** An earlier run came to its end. */
  isPast(stage: Stage): boolean {
    return this.stages.indexOf(stage) < this.begin;
  }

  /** Of stages that belong together, the first was allowed to begin. */
  isEntered([first]: Stage[]): boolean {
    return this.isPast(first!) || this.stages[this.entered] === first;
  }

  enter([first]: Stage[]): void {
    this.entered = this.stages.indexOf(first!);
  }

  /** When it began, in whichever run. */
  startOf(stage: Stage): number {
    const index = this.stages.indexOf(stage);
    if (this.started?.stage !== index) this.started = { stage: index, at: Date.now() };
    return this.started.at;
  }

  /** An earlier run did all of these, and what is left of their stage is more. */
  isLeftBehind(stage: Stage, parts: (Step | Gate)[]): boolean {
    const { stage: at, startedAt } = this.onward?.from ?? {};
    return startedAt !== undefined && this.stages.indexOf(stage) === at && parts.every((one) => this.done.has(one));
  }

  isDone(what: Step | Gate): boolean {
    return this.done.has(what);
  }

  did(what: Step | Gate): void {
    this.done.add(what);
  }

  get isDue(): boolean {
    return this.onward?.further.isDue ?? false;
  }

  /** Nothing is under way. */
  async safePlace(): Promise<void> {
    await this.onward?.further.here();
  }

  get position(): Position {
    const isOver = ({ steps, gates }: Stage) => [...steps, ...gates].every((one) => this.done.has(one));
    const next = this.stages.findIndex((one, index) => index >= this.begin && !isOver(one));
    const stage = next < 0 ? this.stages.length : next;
    const doneOf = (all: (Step | Gate)[] = []) => all.flatMap((one, index) => (this.done.has(one) ? [index] : []));
    const at = this.stages[stage];
    return {
      ...{ stage, steps: doneOf(at?.steps), gates: doneOf(at?.gates) },
      entered: this.entered === stage,
      ...(this.started?.stage === stage && { startedAt: this.started.at }),
      begun: [...this.begun],
    };
  }
}
