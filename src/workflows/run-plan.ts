import { CancellationScope, CancelledFailure } from '@temporalio/workflow';
import type { ResolvedImages } from '../cluster/desired';
import type { Gate, Stage, Step } from '../cluster/plan';
import type { ClusterSpec } from '../cluster/spec';
import type { OpenedOperation, StepInput } from '../contracts/activities';
import { unfoldStages } from '../contracts/folded-plan';
import type { OperationIdentity, RolloutPolicy, StageProgress } from '../contracts/operation';
import { drains, effects, removals, streams, waits } from './activities';
import { gateTimeoutMs, quietTimeoutMs, watchedAtOnceSeconds } from './activity-options';
import { passAgentCanary } from './agent-canary';
import { Course, type Onward } from './course';
import { fewAtOnce } from './few-at-once';
import type { Progress } from './progress';
import type { SafePoints } from './safe-points';
import { groupsOf } from './stage-groups';

export interface PlanRun {
  plan: { stages: Stage[]; hosts?: string[]; rolling?: boolean };
  spec: ClusterSpec;
  images: ResolvedImages;
  operation: OperationIdentity;
  opened: Pick<OpenedOperation, 'epoch' | 'run'>;
  progress: Progress;
  /** When each node was begun; the last is the one under way. */
  begun?: Map<string, number>;
  /** A rollback shows its stages beside those that it takes back. */
  label?: { id: string; title: string };
  /** Where a person or a window may hold it; nowhere where nothing is said. */
  holds?: { safePoints: SafePoints; policy?: RolloutPolicy };
  /** Where a further run of the operation takes over from this one; a plan that is nowhere left is run in one. */
  onward?: Onward;
}

/** On its way. */
interface Running extends PlanRun {
  course: Course;
}

/** stage → lane → step → activity. The record is written by the operation itself, after its proof. */
export async function runPlan(run: PlanRun): Promise<void> {
  const stages = unfoldStages(run.plan).filter((s) => s.id !== 'record');
  const safePoints = safePointsOf(run, stages);
  const course = new Course(stages, run.onward);
  const { begun } = course;
  for (const group of groupsOf(stages)) {
    if (course.isPast(group.at(-1)!)) continue;
    const { id, title } = shownAs(group, run);
    await course.safePlace();
    const isEntered = course.isEntered(group);
    if (safePoints.includes(group[0]!) && !isEntered) await hold(run, group[0]!);
    course.enter(group);
    const { node } = group[0]!;
    if (node === undefined)
      await run.progress.during(id, title, (shown) => runStage({ ...run, course }, group[0]!, shown));
    else {
      if (!isEntered) begun.set(node, Date.now());
      await run.progress.during(id, title, (shown) => runNode({ ...run, course, begun }, group, shown));
    }
  }
}

/** Before each node where they go one after the other, and before what is changed side by side: images alone disturb nobody. */
function safePointsOf(run: PlanRun, stages: Stage[]): Stage[] {
  const changes = stages.filter((stage) => stage.id !== 'images');
  const firstOfAll = run.plan.rolling ? changes[0] : changes.find((stage) => !isNode(run, stage));
  return changes.filter((stage) => stage === firstOfAll || isNode(run, stage));
}

/** Plans of before nodes were left out had one stage for each, which was named by its host. */
function isNode({ plan, spec }: PlanRun, { id, node }: Stage): boolean {
  return node !== undefined || (plan.rolling === true && spec.nodes.some((n) => n.id === id));
}

async function hold(run: PlanRun, stage: Stage): Promise<void> {
  const { safePoints, policy } = run.holds ?? {};
  const { rolling } = run.plan;
  const title = rolling || isNode(run, stage) ? stage.title : 'all hosts at once';
  const approve = policy?.approveEachNode && (!rolling || isNode(run, stage));
  await safePoints?.pass({ id: stage.node ?? stage.id, title, approve });
}

function shownAs([first]: Stage[], { label }: PlanRun): { id: string; title: string } {
  const { id, title, node } = first!;
  return { id: `${label?.id ?? ''}${node ?? id}`, title: `${label?.title ?? ''}${title}` };
}

/**
 * A node is worked on to its end once it was begun: cancelled half way it would be left out of the load balancers. Only the watching afterwards
 * may be cut.
 */
async function runNode(run: Running, stages: Stage[], shown: StageProgress): Promise<void> {
  shown.total = stages.reduce((sum, stage) => sum + stage.steps.length, 0);
  const took = shown.detail === undefined ? [] : [shown.detail];
  for (const stage of stages.filter((one) => !run.course.isPast(one))) {
    const startedAt = run.course.startOf(stage);
    const early = stage.gates.filter((gate) => gate.kind !== 'steady');
    if (!run.course.isLeftBehind(stage, [...stage.steps, ...early])) {
      const told = await CancellationScope.nonCancellable(() => runStage(run, { ...stage, gates: early }, shown));
      const what = told || (nodeParts[stage.id.split('/')[1] ?? ''] ?? 'replaced');
      if (what !== '') took.push(`${what} ${((Date.now() - startedAt) / 1000).toFixed(1)}s`);
    }
    if (took.length > 0) shown.detail = took.join(' · ');
    await passAll(
      run,
      stage.gates.filter((gate) => gate.kind === 'steady'),
      shown,
    );
  }
}

/** What a node's line says of them; nothing of what only waits for others. */
const nodeParts: Record<string, string> = {
  others: '',
  out: 'drained',
  foundation: 'storage replaced',
  canary: 'canary',
  agent: 'agent asked',
  back: 'taken back',
  live: 'changed',
};

/** @returns what its gates have to tell; empty where they were passed and that is all, or in an earlier run. */
async function runStage(run: Running, stage: Stage, shown: StageProgress): Promise<string> {
  await eachLeft(run, stage.steps, async (steps) => {
    const lanes = new Map<string, Step[]>();
    for (const step of steps) {
      const lane = step.lane ?? step.host;
      lanes.set(lane, [...(lanes.get(lane) ?? []), step]);
    }
    await inParallel([...lanes.values()], run.spec.concurrency, async (lane) => {
      for (const step of lane) {
        if (run.course.isDue) return;
        await run.progress.step(shown, step.summary, () => runStep(run, step));
        run.course.did(step);
      }
    });
  });
  return passAll(run, stage.gates, shown);
}

async function passAll(run: Running, gates: Gate[], shown: StageProgress): Promise<string> {
  const told: unknown[] = [];
  await eachLeft(run, gates, (left) =>
    fewAtOnce(left, async (gate) => {
      if (run.course.isDue) return;
      told[gates.indexOf(gate)] = await run.progress.wait(shown, gateTitle(gate), () => pass(run, gate));
      run.course.did(gate);
    }),
  );
  return told.filter((text) => typeof text === 'string').join(', ');
}

/** What is not done of them, until all is. Work ends early where a further run is due, which takes over when nothing is under way. */
async function eachLeft<T extends Step | Gate>(
  { course }: Running,
  all: T[],
  work: (left: T[]) => Promise<unknown>,
): Promise<void> {
  const undone = () => all.filter((one) => !course.isDone(one));
  for (let left = undone(); left.length > 0; ) {
    await work(left);
    left = undone();
    // A stage that is over is seen to end in the run that brought it there.
    if (left.length > 0) await course.safePlace();
  }
}

function gateTitle(gate: Gate): string {
  switch (gate.kind) {
    case 'ready':
      return `gate ready: ${gate.host} ${gate.part}`;
    case 'redis-whole':
      return 'gate redis-whole';
    case 'others':
      return `gate others: ${gate.leaving.join(', ')} goes while all others serve`;
    case 'quiet':
      return `gate quiet: ${gate.host} has no request and no upload under way`;
    case 'canary':
      return `gate canary: an image through the parts of ${gate.host}`;
    case 'agent':
      return `gate agent: ${gate.host} gives an agent what nobody else has`;
    case 'caught-up':
      return `gate caught-up: ${gate.host} has what the others took in meanwhile`;
    case 'steady': {
      const hosts = gate.replaced.map((r) => r.host).join(', ');
      return `gate steady: ${gate.inPlace ? 'changed' : 'new'} parts of ${hosts} run on${gate.seconds > 0 ? ` for ${gate.seconds}s` : ''}`;
    }
  }
}

/** @returns what a person is told of it, where that is more than that it was passed. */
async function pass(run: PlanRun, gate: Gate): Promise<unknown> {
  const summary = gateTitle(gate);
  const { spec, operation } = run;
  if (gate.kind === 'ready' || gate.kind === 'redis-whole')
    return waits.awaitGate.executeWithOptions({ summary }, [{ spec, gate, timeoutMs: gateTimeoutMs }]);
  if (gate.kind === 'quiet') {
    const input = { spec, gate, timeoutMs: quietTimeoutMs };
    const { quiet } = await drains.awaitQuiet.executeWithOptions({ summary }, [input]);
    return quiet ? undefined : `left out, ${gate.host} still not quiet after`;
  }
  if (gate.kind === 'others')
    return waits.awaitOthers.executeWithOptions({ summary }, [{ spec, gate, operation, timeoutMs: gateTimeoutMs }]);
  if (gate.kind === 'canary')
    return waits.awaitCanary.executeWithOptions({ summary }, [{ spec, gate, operation, timeoutMs: gateTimeoutMs }]);
  if (gate.kind === 'agent') return passAgentCanary({ spec, gate, summary });
  if (gate.kind === 'caught-up') {
    const sinceMs = gate.hours ? Date.now() - gate.hours * 3_600_000 : begunAt(run, gate.since);
    await waits.awaitCaughtUp.executeWithOptions({ summary }, [{ spec, gate, sinceMs, timeoutMs: gateTimeoutMs }]);
    return;
  }
  return watch(run, gate, summary);
}

/** Where nothing is said, of the node under way. */
function begunAt({ begun }: PlanRun, node?: string): number {
  const at = node === undefined ? [...(begun?.values() ?? [])].at(-1) : begun?.get(node);
  return at ?? Date.now();
}

/** In pieces, so that an activity is short however long a person wants to watch. */
async function watch({ spec }: PlanRun, gate: Extract<Gate, { kind: 'steady' }>, summary: string): Promise<void> {
  let left = gate.seconds;
  do {
    const seconds = Math.min(left, watchedAtOnceSeconds);
    await waits.awaitSteady.executeWithOptions({ summary }, [{ spec, gate: { ...gate, seconds } }]);
    left -= seconds;
  } while (left > 0);
}

/** A cancelled operation ends between two steps: what changes a host is let run to its end. Moving images may be cut. */
async function runStep(run: PlanRun, step: Step): Promise<void> {
  const { spec, images, operation, opened } = run;
  const { epoch, run: id } = opened;
  const input: StepInput = { spec, images, operation, epoch, run: id, step };
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
    case 'firewall': {
      const { spec, epoch } = input;
      return effects.removeFirewall.executeWithOptions(options, [{ spec, host: step.host, epoch }]);
    }
    case 'folder':
      return removals.removeFolder.executeWithOptions(options, [input]);
    case 'credentials': {
      const { spec, epoch } = input;
      return effects.ensureCredentials.executeWithOptions(options, [
        { spec, host: step.host, key: spec.auth!.key, epoch },
      ]);
    }
    case 'reload':
      return effects.reloadNginx.executeWithOptions(options, [input]);
    case 'setting':
      return effects.ensureRedisSettings.executeWithOptions(options, [input]);
    case 'limits':
      return effects.ensureLimits.executeWithOptions(options, [input]);
    case 'redis':
      return waits.ensureRedisCluster.executeWithOptions(options, [input]);
    case 'handover':
      return waits.ensureHandedOver.executeWithOptions(options, [input]);
    default:
      throw new Error(`no activity for a step of kind ${step.kind}`);
  }
}

/** At most `limit` at once; the first failure is thrown when those under way have ended, so that nothing runs on unseen. */
export async function inParallel<T>(items: T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
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
