import { CancellationScope, patched } from '@temporalio/workflow';
import type { ResolvedImages } from '../cluster/desired';
import type { ClusterRecord, LastGood } from '../cluster/observed';
import type { Plan } from '../cluster/plan';
import type { ClusterSpec } from '../cluster/spec';
import type { OpenedOperation, OperationLine } from '../contracts/activities';
import type { DeployInput, DeployReport, ProofReport } from '../contracts/operation';
import { effects, lookers, planners, proofs } from './activities';
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
import { takeBack } from './roll-back';
import { runPlan } from './run-plan';
import { SafePoints } from './safe-points';
import { tlsLabel, tlsWay } from './tls-way';

interface Deploy {
  input: DeployInput;
  progress: Progress;
  safePoints: SafePoints;
}

/** From a spec to a running, proven cluster: look, plan, claim, run, look again, prove, record. */
export async function deployCluster(input: DeployInput): Promise<DeployReport> {
  const progress = new Progress(input.operation);
  const deploy = { input, progress, safePoints: new SafePoints(progress, input.policy) };
  return progress.whole(() => perform(deploy));
}

async function perform(deploy: Deploy): Promise<DeployReport> {
  const { input, progress } = deploy;
  const looked = await progress.during('look', 'look and plan', () => lookAndPlan(deploy));
  const { observed, opened, images, plan, way } = looked;
  progress.named(opened.name);
  progress.planned(plan);
  refuse(input, { plan, opened });
  const report = { operation: input.operation, name: opened.name, plan, generation: opened.generation };
  if (plan.empty && way.specs.length <= 1) return { ...report, changed: false, generation: opened.generation - 1 };
  await progress.during('claim', 'claim the hosts', () =>
    claim(
      input,
      observed.hosts.map((h) => h.host),
      opened.epoch,
    ),
  );
  // What runs and is recorded when something fails is the state before this one.
  let at = { deploy: inState(deploy, way.specs[0]), outcome: { opened, plan, images } as Outcome };
  try {
    const proof = await bring(at.deploy, at.outcome);
    for (const spec of way.specs.slice(1)) {
      at = await nextState(at, { deploy: inState(deploy, spec), before: opened.lastGood });
      await bring(at.deploy, at.outcome);
    }
    await noteEnd(deploy, at.outcome, 'done');
    const { generation } = at.outcome.opened;
    return { ...report, generation, changed: true, proof, ...(way.told && { tls: way.told }) };
  } catch (error) {
    const { opened, plan } = at.outcome;
    const failed = { input: at.deploy.input, progress, opened, plan, error };
    const ended = await CancellationScope.nonCancellable(() => takeBack(failed));
    await CancellationScope.nonCancellable(() => noteEnd(deploy, { opened, plan }, ended.result)).catch(
      () => undefined,
    );
    throw ended.error;
  }
}

/** From one whole state to the next: run, look again, prove, record. */
async function bring(deploy: Deploy, outcome: Outcome): Promise<ProofReport | undefined> {
  const { id, title } = outcome.label ?? { id: '', title: '' };
  await run(deploy, outcome);
  const proof = isProven(outcome.plan, outcome.opened) ? undefined : await prove(deploy, outcome);
  await deploy.progress.during(`${id}record`, `${title}record on the nodes`, () => record(deploy, outcome));
  return proof;
}

function inState(deploy: Deploy, spec: ClusterSpec | undefined): Deploy {
  return spec ? { ...deploy, input: { ...deploy.input, spec } } : deploy;
}

async function lookAndPlan({ input }: Deploy) {
  const observed = await observe(input.spec);
  const opened = await planners.openOperation({ observed, operation: input.operation });
  const way = await tlsWay(input, observed);
  const [state = input.spec] = way.specs;
  // Asked in the words of the state that is planned for.
  const planned = way.specs.length > 0 ? await observe(state) : observed;
  const hosts = observed.hosts.flatMap((h) => (h.reachable ? [{ host: h.host, platform: h.platform }] : []));
  const known = opened.images;
  const images = input.undo?.images ?? (await lookers.resolveImages({ spec: input.spec, known, hosts }));
  const { origins, policy: pace } = input;
  const plan = await planners.planDeploy({ spec: state, images, observed: planned, origins, pace });
  return { observed: planned, opened, images, plan, way };
}

/** Looks and plans once more, under the same name and epoch; what was recorded last is what is come back to. */
async function nextState(
  { deploy: last, outcome }: { deploy: Deploy; outcome: Outcome },
  { deploy, before }: { deploy: Deploy; before?: LastGood },
): Promise<{ deploy: Deploy; outcome: Outcome }> {
  const { input, progress } = deploy;
  const { spec, origins, policy: pace, operation } = input;
  const { opened: was, plan: done, images } = outcome;
  const label = tlsLabel(spec);
  const plan = await progress.during(`${label.id}look`, `${label.title}look and plan`, async () =>
    planners.planDeploy({ spec, images, observed: await observe(spec), origins, pace }),
  );
  const end = { id: operation.id, name: was.name, actor: operation.actor, endedAt: new Date().toISOString() };
  const { generation } = was;
  const lastGood = { generation, spec: last.input.spec, images, desiredHash: done.desiredHash, operation: end };
  const opened = { ...was, generation: generation + 1, lastGood };
  refuse({ ...input, planHash: undefined, undo: undefined }, { plan, opened });
  return { deploy, outcome: { opened, plan, images, label, before: before ?? was.before } };
}

/** Everything that forbids the plan, before anything is changed. */
function refuse({ planHash, undo }: DeployInput, { plan, opened }: { plan: Plan; opened: OpenedOperation }): void {
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
        `${text}; nothing was changed`,
        'put the former value back into .env, then: krakenctl plan',
      );
    throw final('FOREIGN_RESOURCE', text, 'mend it by hand on that host, then deploy again');
  }
  if (plan.unseen.length > 0) {
    const text = plan.unseen.map((u) => `${u.host}: ${u.error}`).join('; ');
    throw final(
      'HOST_UNREACHABLE',
      `not every host could be seen, so nothing was changed: ${text}`,
      'krakenctl status',
    );
  }
  if (planHash !== undefined && !plan.hash.startsWith(planHash)) {
    const text = `the plan is now ${plan.hash.slice(0, 12)}, not ${planHash}: a host or the configuration changed meanwhile`;
    throw final('PLAN_CHANGED', text, 'look again: krakenctl plan');
  }
}

async function run({ input, progress, safePoints }: Deploy, { opened, plan, images, label }: Outcome): Promise<void> {
  const { spec, operation, policy } = input;
  await runPlan({ plan, spec, images, operation, opened, progress, label, holds: { safePoints, policy } });
}

/** What runs was proven by the operation that recorded it; where that one did not come to its end, nobody has proven it. */
function isProven(plan: Plan, { lastGood }: OpenedOperation): boolean {
  if (!plan.recordOnly) return false;
  return lastGood?.desiredHash === plan.desiredHash || !patched('proof-before-record');
}

/** "Nothing left to change" is what success means; Redis masters that moved meanwhile are handed back once. */
async function prove(deploy: Deploy, outcome: Outcome): Promise<ProofReport> {
  const { input, progress } = deploy;
  const own = outcome.label ?? { id: '', title: '' };
  const first = await proveOnce(deploy, outcome, { ...own, id: `${own.id}proof` });
  if ('proof' in first) return first.proof;
  const { spec, operation } = input;
  const { images, opened } = outcome;
  const label = { id: `${own.id}again-`, title: `${own.title}again: ` };
  await runPlan({ plan: first.redis, spec, images, operation, opened, progress, label });
  const second = await proveOnce(deploy, outcome, { ...own, id: `${own.id}again-proof` });
  if ('proof' in second) return second.proof;
  throw notConverged(leftover(second.redis));
}

/** A canary goes the whole way, beside a second look. */
function proveOnce({ input, progress }: Deploy, { images }: Outcome, { id, title }: { id: string; title: string }) {
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

interface Outcome {
  opened: OpenedOperation;
  plan: Plan;
  images: ResolvedImages;
  /** Of a later state of one operation. */
  label?: { id: string; title: string };
  /** What an undo comes back to, where that is not the state just before. */
  before?: LastGood;
}

/** All nodes are tried; a majority must have it. */
async function record(deploy: Deploy, { opened, plan, images, before }: Outcome): Promise<void> {
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
  const writes = spec.nodes.map(({ id: host }) =>
    effects.writeRecord.executeWithOptions({ summary: `${host}: write the record` }, [
      { spec, host, epoch: opened.epoch, record: state },
    ]),
  );
  const results = await Promise.allSettled(writes);
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
  { opened, plan }: Pick<Outcome, 'opened' | 'plan'>,
  result: OperationLine['result'],
): Promise<void> {
  const hosts = input.spec.nodes.map((node) => node.id);
  const { startedAt, decisions } = progress;
  await noteOperation({ input, opened, planHash: plan.hash, startedAt, decisions, result }, hosts);
}
