import {
  ContinueAsNew,
  defineQuery,
  defineSignal,
  isCancellation,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import type { Plan } from '../cluster/plan';
import { unfoldStages } from '../contracts/folded-plan';
import type {
  Decision,
  DecisionRequest,
  Hold,
  OperationFailure,
  OperationIdentity,
  OperationProgress,
  StageProgress,
} from '../contracts/operation';
import { cancellingSignal, progressQuery } from '../contracts/queues';
import { describeFailure } from './describe-failure';
import { groupsOf } from './stage-groups';

/** What a person watching sees: kept by the workflow, read by the `progress` query and shown as Temporal's current details. */
export class Progress {
  private readonly shown: OperationProgress;

  constructor(
    operation: OperationIdentity,
    carried?: Pick<OperationProgress, 'name' | 'startedAt' | 'stages' | 'decisions'> & { version?: number },
    plan?: Plan,
  ) {
    const { version = 0, name, startedAt = Date.now(), stages = [], decisions = [] } = carried ?? {};
    this.shown = { version, operation, name, state: 'running', startedAt, stages, decisions, ...(plan && { plan }) };
    setHandler(defineQuery<OperationProgress>(progressQuery), () => this.shown);
    setHandler(defineSignal<[DecisionRequest]>(cancellingSignal), ({ actor, reason, operation: meant }) => {
      if (meant !== undefined && meant !== operation.id) return;
      this.decided({ at: Date.now(), actor, what: 'cancelled', ...(reason && { reason }) });
    });
  }

  named(name: string): void {
    this.shown.name = name;
    this.touch();
  }

  planned(plan: Plan): void {
    this.shown.plan = plan;
    if (!plan.empty) this.stage('claim', 'claim the hosts', 0);
    for (const group of groupsOf(unfoldStages(plan))) {
      const { id, node, title } = group[0]!;
      if (id === 'record' && !plan.recordOnly) this.stage('proof', 'proof', 0);
      const total = group.reduce((sum, stage) => sum + stage.steps.length, 0);
      this.stage(node ?? id, title, total);
    }
    this.touch();
  }

  /** Stages that are to come, so that a person sees what is waited for. */
  expect(stages: { id: string; title: string; steps: unknown[] }[]): void {
    for (const { id, title, steps } of stages) this.stage(id, title, steps.length);
    this.touch();
  }

  /** The whole operation: whatever it ends with is what a person sees. */
  async whole<T>(work: () => Promise<T>): Promise<T> {
    try {
      const report = await work();
      this.ended('done');
      return report;
    } catch (error) {
      if (error instanceof ContinueAsNew) throw error;
      this.ended(isCancellation(error) ? 'cancelled' : 'failed', describeFailure(error));
      throw error;
    }
  }

  /** Runs work as a named stage with a beginning and an end. */
  async during<T>(id: string, title: string, work: (stage: StageProgress) => Promise<T>): Promise<T> {
    const stage = this.stage(id, title, 0);
    stage.state = 'running';
    stage.startedAt ??= Date.now();
    this.touch();
    try {
      const result = await work(stage);
      stage.state = 'done';
      return result;
    } catch (error) {
      if (!(error instanceof ContinueAsNew)) stage.state = 'failed';
      throw error;
    } finally {
      stage.endedAt = Date.now();
      stage.now = [];
      this.touch();
    }
  }

  /** One step inside a stage, counted when done. */
  async step<T>(stage: StageProgress, label: string, work: () => Promise<T>): Promise<T> {
    const result = await this.wait(stage, label, work);
    stage.done += 1;
    this.touch();
    return result;
  }

  /** Something that is waited for and shown meanwhile. */
  async wait<T>(stage: StageProgress, label: string, work: () => Promise<T>): Promise<T> {
    stage.now.push(label);
    this.touch();
    try {
      return await work();
    } finally {
      stage.now.splice(stage.now.indexOf(label), 1);
      this.touch();
    }
  }

  /** A wait that a person or a clock ends, shown as long as it lasts. */
  async holding<T>(hold: Hold, wait: () => Promise<T>): Promise<T> {
    this.shown.hold = hold;
    this.touch();
    try {
      return await wait();
    } finally {
      this.shown.hold = undefined;
      this.touch();
    }
  }

  mayBeHeld(): void {
    this.shown.canHold = true;
  }

  decided(decision: Decision): void {
    this.decisions.push(decision);
    this.touch();
  }

  private ended(state: OperationProgress['state'], failure?: OperationFailure): void {
    this.shown.state = state;
    this.shown.failure = failure;
    this.shown.endedAt = Date.now();
    this.touch();
  }

  /** What a further run of the operation shows too. */
  get carried(): Pick<OperationProgress, 'version' | 'name' | 'startedAt' | 'stages' | 'decisions'> {
    const { version, name, startedAt, stages, decisions } = this.shown;
    return { version, name, startedAt, stages, decisions };
  }

  get operation(): string {
    return this.shown.operation.id;
  }

  get stages(): StageProgress[] {
    return this.shown.stages;
  }

  get state(): OperationProgress['state'] {
    return this.shown.state;
  }

  get hold(): Hold | undefined {
    return this.shown.hold;
  }

  get decisions(): Decision[] {
    this.shown.decisions ??= [];
    return this.shown.decisions;
  }

  get startedAt(): number {
    return this.shown.startedAt;
  }

  get name(): string {
    return this.shown.name ?? this.shown.operation.id;
  }

  private stage(id: string, title: string, total: number): StageProgress {
    const known = this.shown.stages.find((s) => s.id === id);
    if (known) return known;
    const stage: StageProgress = { id, title, state: 'waiting', total, done: 0, now: [] };
    this.shown.stages.push(stage);
    return stage;
  }

  private touch(): void {
    this.shown.version += 1;
    const lines = this.shown.stages.map(
      (s) => `- ${s.state} **${s.title}** ${s.total > 0 ? `${s.done}/${s.total} ` : ''}${s.now.join('; ')}`,
    );
    const held = this.hold ? [`- ${describeHold(this.hold)}`] : [];
    const decided = this.decisions.map(({ at, what, ...d }) => `- ${isoOf(at)} ${what} ${describeWho(d)}`);
    setCurrentDetails(`${this.name}: ${this.state}\n\n${[...held, ...lines, ...decided].join('\n')}`);
  }
}

function describeHold({ kind, title, until, by, reason }: Hold): string {
  if (kind === 'paused') return `**paused** before ${title} by ${by}${reason ? `: ${reason}` : ''}`;
  const end = until === undefined ? '' : ` until ${isoOf(until)}`;
  return kind === 'approval'
    ? `**waiting for approval** for ${title}${end}`
    : `**outside its window** before ${title}${end}`;
}

function describeWho({ actor, point, reason }: Pick<Decision, 'actor' | 'point' | 'reason'>): string {
  return `by ${actor}${point ? ` (${point})` : ''}${reason ? `: ${reason}` : ''}`;
}

function isoOf(at: number): string {
  return new Date(at).toISOString();
}
