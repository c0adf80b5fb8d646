import { ContinueAsNew, defineQuery, isCancellation, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { Plan } from '../cluster/plan';
import type { OperationFailure, OperationIdentity, OperationProgress, StageProgress } from '../contracts/operation';
import { progressQuery } from '../contracts/queues';
import { describeFailure } from './describe-failure';

/** What a person watching sees: kept by the workflow, read by the `progress` query and shown as Temporal's current details. */
export class Progress {
  private readonly state: OperationProgress;

  constructor(operation: OperationIdentity, carried?: Pick<OperationProgress, 'name' | 'startedAt' | 'stages'>) {
    const { name, startedAt = Date.now(), stages = [] } = carried ?? {};
    this.state = { version: 0, operation, name, state: 'running', startedAt, stages };
    setHandler(defineQuery<OperationProgress>(progressQuery), () => this.state);
  }

  named(name: string): void {
    this.state.name = name;
    this.touch();
  }

  planned(plan: Plan): void {
    this.state.plan = plan;
    if (!plan.empty) this.stage('claim', 'claim the hosts', 0);
    for (const stage of plan.stages) {
      if (stage.id === 'record' && !plan.recordOnly) this.stage('proof', 'proof', 0);
      this.stage(stage.id, stage.title, stage.steps.length);
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

  private ended(state: OperationProgress['state'], failure?: OperationFailure): void {
    this.state.state = state;
    this.state.failure = failure;
    this.state.endedAt = Date.now();
    this.touch();
  }

  get stages(): StageProgress[] {
    return this.state.stages;
  }

  get startedAt(): number {
    return this.state.startedAt;
  }

  get name(): string {
    return this.state.name ?? this.state.operation.id;
  }

  private stage(id: string, title: string, total: number): StageProgress {
    const known = this.state.stages.find((s) => s.id === id);
    if (known) return known;
    const stage: StageProgress = { id, title, state: 'waiting', total, done: 0, now: [] };
    this.state.stages.push(stage);
    return stage;
  }

  private touch(): void {
    this.state.version += 1;
    const lines = this.state.stages.map(
      (s) => `- ${s.state} **${s.title}** ${s.total > 0 ? `${s.done}/${s.total} ` : ''}${s.now.join('; ')}`,
    );
    setCurrentDetails(`${this.name}: ${this.state.state}\n\n${lines.join('\n')}`);
  }
}
