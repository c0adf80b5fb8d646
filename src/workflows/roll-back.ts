import { ApplicationFailure, ContinueAsNew, isCancellation, patched } from '@temporalio/workflow';
import type { LastGood } from '../cluster/observed';
import type { RolloutPace } from '../cluster/pace';
import type { Plan } from '../cluster/plan';
import type { ClusterSpec } from '../cluster/spec';
import type { OperationLine } from '../contracts/activities';
import type { TakingBack } from '../contracts/carried';
import type { FailureCode, LogTail } from '../contracts/failures';
import { unfoldStages } from '../contracts/folded-plan';
import type { DeployInput, OperationFailure } from '../contracts/operation';
import { logs, planners } from './activities';
import { describeFailure } from './describe-failure';
import type { FurtherRuns } from './further-runs';
import { final, leftover, lookAgain, observe } from './operation-steps';
import type { Progress } from './progress';
import { runPlan } from './run-plan';
import { onwardOf, type Way } from './way';

export interface FailedRun {
  input: DeployInput;
  progress: Progress;
  further: FurtherRuns;
  way: Way;
  error: unknown;
}

export interface Ended {
  result: OperationLine['result'];
  error: unknown;
}

/**
 * Somebody else has the hosts, this worker or run is not or may not be the one that planned, a person said stop here, or a node would be away beside another
 * one: nothing further may be done.
 */
const staysAsItIs: string[] = [
  'FENCED_OFF',
  'FOREIGN_OWNER',
  'PLAN_STALE',
  'OPERATION_RESET',
  'RUN_UNCONFIRMED',
  'APPROVAL_DENIED',
  'APPROVAL_EXPIRED',
  'OTHERS_NOT_READY',
] satisfies FailureCode[];

/**
 * A failed change goes back to the last good state; what a person cancelled, what had no good state before it, and what was proven and recorded before
 * something failed, stays as it is.
 */
export async function takeBack(run: FailedRun): Promise<Ended> {
  if (isCancellation(run.error)) return { result: 'cancelled', error: run.error };
  const { back } = run.way;
  if (back && describeFailure(run.error).code === 'RUN_UNCONFIRMED')
    return wayBackFailed({ ...run, error: failureAgain(back.failure) }, run.error);
  if (run.way.at === 'recorded' && patched('recorded-stays')) return { result: 'failed', error: run.error };
  return endFailed(back ? run : { ...run, error: await withLogTail(run) });
}

/** What an earlier run failed with. */
export function failureAgain({ code, message, ...details }: OperationFailure): ApplicationFailure {
  return ApplicationFailure.create({ type: code, message, nonRetryable: true, details: [details] });
}

async function endFailed(run: FailedRun): Promise<Ended> {
  const { input, way, error } = run;
  const { opened, plan } = way;
  const failure = describeFailure(error);
  const { lastGood } = opened;
  const isChange = lastGood !== undefined && lastGood.desiredHash !== plan.desiredHash;
  if (!input.policy?.rollback || !isChange || staysAsItIs.includes(failure.code)) return { result: 'failed', error };
  try {
    const back = await rollBack(run, lastGood);
    // It failed before it had changed anything, or what was there before served nobody either.
    if (back === undefined) return { result: 'failed', error };
    const text = `${failure.message} · ${back}`;
    // What it says at first, krakenctl logs, is gone with the container.
    return { result: 'rolled-back', error: ended('ROLLED_BACK', text, run, `krakenctl op show ${opened.name}`) };
  } catch (second) {
    if (second instanceof ContinueAsNew) throw second;
    return wayBackFailed(run, second);
  }
}

function wayBackFailed(run: FailedRun, second: unknown): Ended {
  const why = describeFailure(second);
  const text = `${describeFailure(run.error).message} · and the way back failed: ${why.code} ${why.message}`;
  return { result: 'failed', error: ended('ROLLBACK_FAILED', text, run, why.hint ?? 'krakenctl status') };
}

/** The same failure with the end of the log of the part that failed: the way back takes that away with its container. */
async function withLogTail({ input: { spec }, error }: FailedRun): Promise<unknown> {
  const { code, message, ...details } = describeFailure(error);
  const { host, part } = details;
  if (!host || !part || !patched('log-of-what-failed')) return error;
  const summary = `${host}: read what ${part} wrote last`;
  const lines = await logs.readLogTail.executeWithOptions({ summary }, [{ spec, host, part }]).catch(() => []);
  if (lines.length === 0) return error;
  const told = [{ ...details, logTail: { host, part, lines } satisfies LogTail }];
  const cause = error instanceof Error ? error : undefined;
  return ApplicationFailure.create({ type: code, message, nonRetryable: true, details: told, cause });
}

function ended(code: FailureCode, message: string, { error }: FailedRun, hint: string) {
  const { code: failedWith, host, logTail } = describeFailure(error);
  return final(code, message, { hint, host, failedWith, logTail });
}

/** The last good state by a plan like any other, one node at a time; resolves with what was done, undefined for nothing. */
async function rollBack(run: FailedRun, lastGood: LastGood): Promise<string | undefined> {
  const { input, progress, further, way } = run;
  const { operation } = input;
  const { images } = lastGood;
  const planned = way.back ?? (await planBack(run, lastGood));
  if (!planned) return undefined;
  const { spec, plan } = planned;
  if (plan.empty || plan.recordOnly) return undefined;
  if (!way.back) Object.assign(way, begunBack(run, { spec, plan }));
  const label = { id: 'back-', title: '↺ ' };
  const onward = onwardOf(way, further);
  await runPlan({ plan, spec, images, operation, opened: way.opened, progress, label, onward });
  await further.here();
  const left = await progress.during('back-look', '↺ second look', () => lookAgain(input, spec, images).then(leftover));
  if (left.length > 0) throw final('NOT_CONVERGED', left.slice(0, 5).join('; '), 'krakenctl plan');
  return describeBack(
    spec.nodes.map((n) => n.id),
    plan,
  );
}

function begunBack({ error }: FailedRun, { spec, plan }: Omit<TakingBack, 'failure'>): Partial<Way> {
  return { at: 'back', back: { failure: describeFailure(error), spec, plan }, from: undefined, course: undefined };
}

async function planBack(run: FailedRun, lastGood: LastGood): Promise<Omit<TakingBack, 'failure'> | undefined> {
  const { images } = lastGood;
  const spec = await specOfBefore(run, lastGood);
  if (!spec) return undefined;
  const plan: Plan = await run.progress.during('back', 'look, and plan the way back', async () => {
    const pace: RolloutPace = { batch: 1, bakeMs: 0, back: true };
    const earlierPorts = run.input.spec.ports;
    return planners.planDeploy({ spec, images, observed: await observe(spec), origins: {}, pace, earlierPorts });
  });
  if (plan.unseen.length > 0) {
    const names = plan.unseen.map((u) => `${u.host}: ${u.error}`).join('; ');
    throw final('HOST_UNREACHABLE', `nothing is taken out while a node cannot be seen: ${names}`, 'krakenctl status');
  }
  if (plan.conflicts.length > 0) {
    const names = plan.conflicts.map((c) => `${c.host}: ${c.what}: ${c.why}`).join('; ');
    throw final('FOREIGN_RESOURCE', names, 'krakenctl plan');
  }
  return { spec, plan };
}

/** @returns undefined where nobody would be served there. @throws {ApplicationFailure} where it is not safe to go back. */
async function specOfBefore({ input, way: { opened } }: FailedRun, to: LastGood): Promise<ClusterSpec | undefined> {
  if (!patched('way-back-judged')) return to.spec;
  const verdict = await planners.judgeWayBack({ spec: input.spec, to, name: opened.name });
  if (verdict.state === 'refused') throw final('CHANGE_NOT_BUILT', verdict.why, verdict.hint);
  return verdict.isOver ? undefined : verdict.spec;
}

/** Load balancers that are told who is out, for a while, are not what was taken back. */
const tellsBalancers = /\/(?:out|back)$/;

function describeBack(nodes: string[], plan: Plan): string {
  const steps = unfoldStages(plan).flatMap((stage) => (tellsBalancers.test(stage.id) ? [] : stage.steps));
  const changes = steps.filter((step) => step.kind !== 'image' && step.kind !== 'record');
  const touched = nodes.filter((id) => changes.some((step) => step.host === id));
  const untouched = nodes.filter((id) => !touched.includes(id));
  const back = touched.length > 0 ? `rolled back: ${touched.join(', ')} as before` : 'rolled back';
  return untouched.length > 0 ? `${back} · no part of ${untouched.join(', ')} was touched` : back;
}
