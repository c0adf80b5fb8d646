import { CancellationScope, ContinueAsNew, patched } from '@temporalio/workflow';
import type { ClusterRecord, LastGood } from '../cluster/observed';
import type { Conflict, Plan } from '../cluster/plan';
import type { ClusterSpec } from '../cluster/spec';
import type { OpenedOperation, OperationLine } from '../contracts/activities';
import type { DeployRun } from '../contracts/carried';
import type { DeployInput, DeployReport, ProofReport } from '../contracts/operation';
import { effects, lookers, planners, proofs } from './activities';
import { settledFewAtOnce } from './few-at-once';
import { FurtherRuns } from './further-runs';
import {
  claim,
  final,
  isRedisAlone,
  leftover,
  lookAgain,
  noteOperation,
  observe,
  refuseForeign,
} from './operation-steps';
import { Progress } from './progress';
import { failureAgain, takeBack } from './roll-back';
import { runPlan } from './run-plan';
import { SafePoints } from './safe-points';
import { keepSteward } from './steward';
import { tlsLabel, tlsWay } from './tls-way';
import { atBeginning, onwardOf, openFurther, type Way, wayOf } from './way';

interface Deploy {
  input: DeployInput;
  progress: Progress;
  safePoints: SafePoints;
  further: FurtherRuns;
}

/** From a spec to a running, proven cluster: look, plan, claim, run, look again, prove, record. In further runs where one would become too long. */
export async function deployCluster({ carried, ...input }: DeployRun): Promise<DeployReport> {
  // On the way back its plan has no stages any more.
  const plan = carried?.at === 'back' ? undefined : carried?.plan;
  const progress = new Progress(input.operation, carried?.shown, plan);
  const safePoints = new SafePoints(progress, input.policy, carried?.paused);
  const deploy = { input, progress, safePoints, further: new FurtherRuns(input.runBounds) };
  return progress.whole(() => (carried ? carryOut(deploy, wayOf(carried)) : perform(deploy)));
}

async function perform(deploy: Deploy): Promise<DeployReport> {
  const { input, progress } = deploy;
  const looked = await progress.during('look', 'look and plan', () => lookAndPlan(deploy));
  const { observed, opened, images, plan, way } = looked;
  progress.named(opened.name);
  progress.planned(plan);
  refuse(input, { plan, opened });
  const { specs, told } = way;
  if (plan.empty && specs.length <= 1) {
    const kept = told && (await keepSteward(inState(deploy, specs[0]).input, told));
    const tls = kept?.agents || kept?.noSteward ? kept : undefined;
    // What agents are brought to is what counts as recorded; a node may hold what came later and did not get to its end.
    const generation = (tls?.agents && opened.lastGood?.generation) ?? opened.generation - 1;
    return { ...reportOf(deploy, { opened, plan, tls }), changed: false, generation };
  }
  await progress.during('claim', 'claim the hosts', () =>
    claim(
      input,
      observed.hosts.map((h) => h.host),
      opened.epoch,
    ),
  );
  const first: Way = { opened, plan, images, at: 'plan', ...(told && { tls: told }) };
  const begun = inState(deploy, specs[0]);
  return specs.length > 1 ? carryThrough(begun, first, specs.slice(1)) : carryOut(begun, first);
}

/** From where an earlier run came to, or from the beginning of its plan. */
async function carryOut(deploy: Deploy, way: Way): Promise<DeployReport> {
  const { further } = deploy;
  try {
    if (way.from) way.opened = await openFurther(way.opened);
    if (way.back) throw failureAgain(way.back.failure);
    further.leaving(() => leave(deploy, way));
    await bring(deploy, way);
    await noteEnd(deploy, way, 'done');
    await afterwards(deploy, way);
    return { ...reportOf(deploy, way), changed: true, proof: way.proof };
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    return CancellationScope.nonCancellable(() => endFailed(deploy, way, error));
  }
}

/**
 * Several states in one operation, each of them whole; what fails in one comes back to the one before, what fails between two leaves what is recorded. Until
 * then in one run: {@link tlsWay} gives a large cluster one state at a time.
 */
async function carryThrough(deploy: Deploy, first: Way, later: ClusterSpec[]): Promise<DeployReport> {
  let at = { deploy, way: first };
  try {
    await bring(deploy, first);
    for (const spec of later) {
      at = await nextState(at, { deploy: inState(deploy, spec), before: first.opened.lastGood });
      await bring(at.deploy, at.way);
    }
    await noteEnd(at.deploy, at.way, 'done');
    await afterwards(at.deploy, first);
    const { generation } = at.way.opened;
    return { ...reportOf(deploy, first), generation, changed: true, proof: first.proof };
  } catch (error) {
    return CancellationScope.nonCancellable(() => endFailed(at.deploy, at.way, error));
  }
}

/** From one whole state to the next: run, look again, prove, record. */
async function bring(deploy: Deploy, way: Way): Promise<void> {
  const { progress, further } = deploy;
  const { id, title } = way.label ?? { id: '', title: '' };
  if (way.at === 'plan') {
    await run(deploy, way);
    way.at = 'proof';
  }
  if (way.at === 'proof') {
    await further.here();
    way.proof = isProven(way.plan, way.opened) ? undefined : await prove(deploy, way);
    way.at = 'record';
  }
  await further.here();
  await progress.during(`${id}record`, `${title}record on the nodes`, () => record(deploy, way));
  way.at = 'recorded';
}

/** @throws always: what it failed with, and what came of taking it back. */
async function endFailed(deploy: Deploy, way: Way, error: unknown): Promise<never> {
  deploy.further.leaving(() => leave(deploy, way), { goesOnCancelled: true });
  const ended = await takeBack({ ...deploy, way, error });
  await noteEnd(deploy, way, ended.result).catch(() => undefined);
  throw ended.error;
}

/** What the next run begins with. */
function leave({ input, progress, safePoints }: Deploy, { course, from, ...way }: Way): DeployRun {
  const plan = way.at === 'back' ? { ...way.plan, stages: [] } : way.plan;
  const position = course?.position ?? from ?? atBeginning;
  const paused = safePoints.pausedBy;
  return { ...input, carried: { ...way, plan, position, shown: progress.carried, ...(paused && { paused }) } };
}

async function afterwards({ input }: Deploy, way: Way): Promise<void> {
  if (way.tls) way.tls = await keepSteward(input, way.tls);
}

function reportOf({ input: { operation } }: Deploy, { opened, plan, tls }: Pick<Way, 'opened' | 'plan' | 'tls'>) {
  const { name, generation } = opened;
  return { operation, name, plan, generation, ...(tls && { tls }) };
}

function inState(deploy: Deploy, spec: ClusterSpec | undefined): Deploy {
  return spec ? { ...deploy, input: { ...deploy.input, spec } } : deploy;
}

async function lookAndPlan({ input }: Deploy) {
  const observed = await observe(input.spec);
  const opened = await planners.openOperation({ observed, operation: input.operation });
  const way = await tlsWay(input, observed, opened);
  const [state = input.spec] = way.specs;
  // Asked in the words of the state that is planned for.
  const planned = way.specs.length > 0 ? await observe(state) : observed;
  const hosts = observed.hosts.flatMap((h) => (h.reachable ? [{ host: h.host, platform: h.platform }] : []));
  const known = opened.images;
  const images =
    input.undo?.images ?? input.images ?? (await lookers.resolveImages({ spec: input.spec, known, hosts }));
  const { origins, policy: pace } = input;
  const plan = await planners.planDeploy({ spec: state, images, observed: planned, origins, pace });
  return { observed: planned, opened, images, plan, way };
}

/** Looks and plans once more, under the same name and epoch; what was recorded last is what is come back to. */
async function nextState(
  { deploy: last, way }: { deploy: Deploy; way: Way },
  { deploy, before }: { deploy: Deploy; before?: LastGood },
): Promise<{ deploy: Deploy; way: Way }> {
  const { input, progress } = deploy;
  const { spec, origins, policy: pace, operation } = input;
  const { opened: was, plan: done, images } = way;
  const label = tlsLabel(spec);
  const plan = await progress.during(`${label.id}look`, `${label.title}look and plan`, async () =>
    planners.planDeploy({ spec, images, observed: await observe(spec), origins, pace }),
  );
  const end = { id: operation.id, name: was.name, actor: operation.actor, endedAt: new Date().toISOString() };
  const { generation } = was;
  const lastGood = { generation, spec: last.input.spec, images, desiredHash: done.desiredHash, operation: end };
  const opened = { ...was, generation: generation + 1, lastGood };
  refuse(
    { ...input, planHash: undefined, undo: undefined },
    { plan, opened, untouched: 'nothing further was changed' },
  );
  return { deploy, way: { opened, plan, images, at: 'plan', label, before: before ?? was.before } };
}

/** Everything that forbids the plan, before anything is changed. */
function refuse(
  { planHash, undo }: DeployInput,
  { plan, opened, untouched = 'nothing was changed' }: { plan: Plan; opened: OpenedOperation; untouched?: string },
): void {
  refuseForeign(plan.foreign);
  if (undo && opened.lastGood?.generation !== undo.takesBack) {
    const text = `${undo.operation} is not what was applied last any more: another operation came in between`;
    throw final('PLAN_CHANGED', text, 'look again: krakenctl op list');
  }
  if (plan.conflicts.length > 0) {
    const text = plan.conflicts.map((c) => `${c.host}: ${c.what}: ${c.why}`).join('; ');
    if (plan.conflicts.every((c) => c.notBuilt))
      throw final(
        'CHANGE_NOT_BUILT',
        `${text}; ${untouched}`,
        'put the former value back into .env, then: krakenctl plan',
      );
    if (plan.conflicts.every((c) => c.full)) {
      const [{ host }] = plan.conflicts as [Conflict];
      throw final('HOST_FULL', `${text}; ${untouched}`, { host, hint: 'then: krakenctl check, krakenctl deploy' });
    }
    throw final('FOREIGN_RESOURCE', text, 'mend it by hand on that host, then deploy again');
  }
  if (plan.unseen.length > 0) {
    const text = plan.unseen.map((u) => `${u.host}: ${u.error}`).join('; ');
    throw final('HOST_UNREACHABLE', `not every host could be seen, so ${untouched}: ${text}`, 'krakenctl status');
  }
  if (planHash !== undefined && !plan.hash.startsWith(planHash)) {
    const text = `the plan is now ${plan.hash.slice(0, 12)}, not ${planHash}: a host or the configuration changed meanwhile`;
    throw final('PLAN_CHANGED', text, 'look again: krakenctl plan');
  }
}

async function run({ input, progress, safePoints, further }: Deploy, way: Way): Promise<void> {
  const { spec, operation, policy } = input;
  const { plan, images, opened, label } = way;
  const onward = onwardOf(way, further);
  await runPlan({ plan, spec, images, operation, opened, progress, label, holds: { safePoints, policy }, onward });
}

/** What runs was proven by the operation that recorded it; where that one did not come to its end, nobody has proven it. */
function isProven(plan: Plan, { lastGood }: OpenedOperation): boolean {
  if (!plan.recordOnly) return false;
  return lastGood?.desiredHash === plan.desiredHash || !patched('proof-before-record');
}

/** "Nothing left to change" is what success means; Redis masters that moved meanwhile are handed back once. */
async function prove(deploy: Deploy, way: Way): Promise<ProofReport> {
  const { input, progress } = deploy;
  const own = way.label ?? { id: '', title: '' };
  const first = await proveOnce(deploy, way, { ...own, id: `${own.id}proof` });
  if ('proof' in first) return first.proof;
  const { spec, operation } = input;
  const { images, opened } = way;
  const label = { id: `${own.id}again-`, title: `${own.title}again: ` };
  await runPlan({ plan: first.redis, spec, images, operation, opened, progress, label });
  const second = await proveOnce(deploy, way, { ...own, id: `${own.id}again-proof` });
  if ('proof' in second) return second.proof;
  throw notConverged(leftover(second.redis));
}

/** A canary goes the whole way, beside a second look. */
function proveOnce({ input, progress }: Deploy, { images }: Way, { id, title }: { id: string; title: string }) {
  return progress.during(id, `${title}proof`, async (stage): Promise<{ proof: ProofReport } | { redis: Plan }> => {
    const [again, proof] = await Promise.all([
      progress.step(stage, 'second look', () => lookAgain(input, input.spec, images)),
      progress.step(stage, 'canary', () => proofs.proveCluster({ spec: input.spec, operation: input.operation })),
    ]);
    const left = leftover(again);
    if (isRedisAlone(again) && patched('redis-handed-back')) {
      stage.detail = 'Redis masters lie elsewhere than they should';
      return { redis: again };
    }
    if (left.length > 0) throw notConverged(left);
    stage.detail = `pushed through ${proof.pushedThrough} ${proof.pushMs} ms · pulled through ${proof.pulledThrough} ${proof.pullMs} ms · announce seen in Redis · second look: nothing left to change`;
    return { proof };
  });
}

function notConverged(left: string[]) {
  const text = `after the deploy ${left.length} things are still not as they should be: ${left.slice(0, 5).join('; ')}`;
  return final('NOT_CONVERGED', text, 'krakenctl plan shows them');
}

/** All nodes are tried; a majority must have it. */
async function record(deploy: Deploy, { opened, plan, images, before }: Way): Promise<void> {
  const { spec, operation } = deploy.input;
  const state: ClusterRecord = {
    format: 1,
    cluster: spec.name,
    generation: opened.generation,
    spec,
    images,
    desiredHash: plan.desiredHash,
    operation: { id: operation.id, name: opened.name, actor: operation.actor, endedAt: new Date().toISOString() },
    counts: opened.counts,
    ...(before ? { before } : beforeOf(opened, plan)),
  };
  const results = await settledFewAtOnce(spec.nodes, ({ id: host }) =>
    effects.writeRecord.executeWithOptions({ summary: `${host}: write the record` }, [
      { spec, host, epoch: opened.epoch, record: state },
    ]),
  );
  const failed = results.filter((r): r is PromiseRejectedResult => r.status === 'rejected');
  if (spec.nodes.length - failed.length <= spec.nodes.length / 2) throw failed[0]!.reason;
}

/** The state that an undo goes back to, and which operation brought what runs: one that only mends it changes neither. */
function beforeOf(
  { lastGood, before, broughtBy }: OpenedOperation,
  plan: Plan,
): Pick<ClusterRecord, 'before' | 'broughtBy'> {
  if (lastGood && lastGood.desiredHash !== plan.desiredHash) return { before: lastGood };
  return { ...(before && { before }), ...(broughtBy && { broughtBy }) };
}

async function noteEnd(
  { input, progress }: Deploy,
  { opened, plan }: Pick<Way, 'opened' | 'plan'>,
  result: OperationLine['result'],
): Promise<void> {
  const hosts = input.spec.nodes.map((node) => node.id);
  const { startedAt, decisions } = progress;
  await noteOperation({ input, opened, planHash: plan.hash, startedAt, decisions, result }, hosts);
}
