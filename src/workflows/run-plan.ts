import { CancellationScope, CancelledFailure } from '@temporalio/workflow';
import type { ResolvedImages } from '../cluster/desired';
import type { Gate, Stage, Step } from '../cluster/plan';
import type { ClusterSpec } from '../cluster/spec';
import type { StepInput } from '../contracts/activities';
import type { OperationIdentity, StageProgress } from '../contracts/operation';
import { effects, removals, streams, waits } from './activities';
import { gateTimeoutMs } from './activity-options';
import type { Progress } from './progress';

export interface PlanRun {
  plan: { stages: Stage[] };
  spec: ClusterSpec;
  images: ResolvedImages;
  operation: OperationIdentity;
  epoch: number;
  progress: Progress;
}

/** stage → lane → step → activity. The record is written by the operation itself, after its proof. */
export async function runPlan(run: PlanRun): Promise<void> {
  for (const stage of run.plan.stages.filter((s) => s.id !== 'record')) {
    await run.progress.during(stage.id, stage.title, (shown) => runStage(run, stage, shown));
  }
}

async function runStage(run: PlanRun, stage: Stage, shown: StageProgress): Promise<void> {
  const lanes = new Map<string, Step[]>();
  for (const step of stage.steps) {
    const lane = step.lane ?? step.host;
    lanes.set(lane, [...(lanes.get(lane) ?? []), step]);
  }
  await inParallel([...lanes.values()], run.spec.concurrency, async (steps) => {
    for (const step of steps) await run.progress.step(shown, step.summary, () => runStep(run, step));
  });
  await Promise.all(stage.gates.map((gate) => run.progress.wait(shown, gateTitle(gate), () => pass(run, gate))));
}

function gateTitle(gate: Gate): string {
  return gate.kind === 'ready' ? `gate ready: ${gate.host} ${gate.part}` : 'gate redis-whole';
}

async function pass(run: PlanRun, gate: Gate): Promise<void> {
  const summary = gateTitle(gate);
  await waits.awaitGate.executeWithOptions({ summary }, [{ spec: run.spec, gate, timeoutMs: gateTimeoutMs }]);
}

/** A cancelled operation ends between two steps: what changes a host is let run to its end. Moving images may be cut. */
async function runStep(run: PlanRun, step: Step): Promise<void> {
  const { spec, images, operation, epoch } = run;
  const input: StepInput = { spec, images, operation, epoch, step };
  const options = { summary: step.summary };
  if (step.kind === 'image') {
    await streams.ensureImage.executeWithOptions(options, [input]);
    return;
  }
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled between two steps');
  await CancellationScope.nonCancellable(() => change(step, input, options));
}

async function change(step: Step, input: StepInput, options: { summary: string }): Promise<unknown> {
  switch (step.kind) {
    case 'file':
      return effects.ensureFile.executeWithOptions(options, [input]);
    case 'container':
      return effects.ensureContainer.executeWithOptions(options, [input]);
    case 'remove':
      return effects.removeContainer.executeWithOptions(options, [input]);
    case 'folder':
      return removals.removeFolder.executeWithOptions(options, [input]);
    case 'reload':
      return effects.reloadNginx.executeWithOptions(options, [input]);
    case 'setting':
      return effects.ensureRedisSettings.executeWithOptions(options, [input]);
    case 'limits':
      return effects.ensureLimits.executeWithOptions(options, [input]);
    case 'redis':
      return waits.ensureRedisCluster.executeWithOptions(options, [input]);
    default:
      throw new Error(`no activity for a step of kind ${step.kind}`);
  }
}

/** At most `limit` at once; the first failure is thrown when those under way have ended, so that nothing runs on unseen. */
async function inParallel<T>(items: T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  const queue = [...items];
  const take = async () => {
    for (let item = queue.shift(); item !== undefined && failures.length === 0; item = queue.shift()) {
      await work(item).catch((error) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, take));
  if (failures.length > 0) throw failures[0];
}
