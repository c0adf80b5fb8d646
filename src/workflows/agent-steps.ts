import {
  ActivityFailure,
  type ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  isCancellation,
  patched,
} from '@temporalio/workflow';
import type {
  AgentBefore,
  AgentInput,
  AgentLook,
  AgentOutcome,
  AgentStepInput,
  PutBackInput,
} from '../contracts/agents';
import type { FailureDetails } from '../contracts/failures';
import { namedFailureOf } from './absence';
import { agentEffects, agentLookers, agentProofs, agentPulls, streams } from './activities';

/**
 * One VM from what it is to what it shall be. What cannot be reached is parked, what forbids it is failed; only a cancellation is
 * thrown, and only between two steps.
 */
export async function workOn(input: AgentInput): Promise<AgentOutcome> {
  try {
    const look = await agentLookers.lookAtAgent.executeWithOptions({ summary: `${input.vm}: look` }, [input]);
    const { plan } = look;
    if (plan.kind === 'unreachable') return leftAlone(input, 'HOST_UNREACHABLE', plan.why);
    if (input.verb === 'remove') return await remove(input, look);
    if (plan.kind === 'refused') return { state: 'failed', code: plan.code, why: plan.why, hint: plan.hint };
    if (input.verb === 'restart') return await restart(input, look);
    return await bring(input, look);
  } catch (error) {
    if (isCancellation(error)) throw error;
    return outcomeOf(input, error);
  }
}

type Work = Extract<AgentLook['plan'], { kind: 'work' }>;

/** A VM that is off starts its agent anew when it comes back: there is nothing to try again. */
function leftAlone({ verb }: AgentInput, code: string, why: string, hint?: string): AgentOutcome {
  return { state: verb === 'restart' ? 'failed' : 'parked', code, why, hint };
}

async function bring(input: AgentInput, look: AgentLook): Promise<AgentOutcome> {
  if (look.plan.kind !== 'work') throw new Error('no work was planned');
  const { image, release, login, activate } = look.plan;
  const before = beforeOf(look);
  const step: AgentStepInput = { ...input, release: look.release, ...(before && { before }) };
  if (!image && !release && !login && !activate && look.ready) return { state: 'done', changed: false };
  // Whoever goes back to what was there before needs it again, so it goes last.
  const losesLogin = login === true && !input.spec.auth && patched('failed-agents-are-put-back');
  const course: Course = { at: 'files', wasWritten: release };
  try {
    await takeCourse(step, { ...look.plan, login: losesLogin ? undefined : login }, course);
  } catch (error) {
    const isOwn = !isCancellation(error) && isOfThisRelease(error, course);
    if (!isOwn || !before || before.release === step.release || !patched('failed-agents-are-put-back')) throw error;
    return putBack({ ...step, before, wasActivated: course.at !== 'files' }, outcomeOf(input, error));
  }
  if (losesLogin) await giveLogin(input);
  return { state: 'done', changed: image || release || login === true || activate };
}

/** How far a VM was brought. */
interface Course {
  at: 'files' | 'activation' | 'proof';
  /** Its release was not there before. */
  wasWritten: boolean;
}

/** Missing where an older worker has looked and named no release. */
function beforeOf({ installed, current }: AgentLook): AgentBefore | undefined {
  if (current !== undefined) return { release: current };
  return installed ? undefined : {};
}

async function takeCourse(step: AgentStepInput, plan: Work, course: Course): Promise<void> {
  const { spec, vm } = step;
  const pull = spec.images.source === 'load' ? streams : agentPulls;
  await allEnded([
    plan.image && pull.ensureAgentImage.executeWithOptions({ summary: `${vm}: image` }, [step]),
    plan.release &&
      safely(() => agentEffects.ensureAgentRelease.executeWithOptions({ summary: `${vm}: release` }, [step])),
  ]);
  // Its ways need one before they start, and have none any more before it goes.
  if (plan.login && spec.auth) await giveLogin(step);
  if (plan.activate) {
    course.at = 'activation';
    await safely(() => agentEffects.ensureAgentActive.executeWithOptions({ summary: `${vm}: activate` }, [step]));
  }
  if (plan.login && !spec.auth) await giveLogin(step);
  if (plan.activate) course.at = 'proof';
  await agentProofs.proveAgent.executeWithOptions({ summary: `${vm}: prove` }, [step]);
}

/** What failed first is told when nothing is under way any more: a VM that is given up is left alone. */
async function allEnded(works: (false | Promise<unknown>)[]): Promise<void> {
  try {
    await Promise.all(works);
  } catch (error) {
    if (patched('failed-agents-are-put-back')) await Promise.allSettled(works);
    throw error;
  }
}

/** Failures for which the release on this VM is to blame; whoever is away, or belongs to another by now, is left as it is. */
const ofARelease: ReadonlySet<string> = new Set([
  'REMOTE_COMMAND',
  'HOST_FULL',
  'IMAGE_MISSING',
  'IMAGE_MOVED',
  'GATE_NOT_READY',
]);

/** And something of it is on the VM. That it does not start was tried for minutes. */
function isOfThisRelease(error: unknown, { at, wasWritten }: Course): boolean {
  const named = namedFailureOf(error);
  if (!ofARelease.has(named?.type ?? '')) return false;
  if (at === 'activation') return true;
  return isFinal(named) && (at === 'proof' || wasWritten);
}

/** The release is not tried again by itself: it would take the VM's agent away again and again. */
async function putBack(input: PutBackInput, outcome: AgentOutcome): Promise<AgentOutcome> {
  if (outcome.state === 'done') return outcome;
  const options = { summary: `${input.vm}: as before` };
  try {
    await CancellationScope.nonCancellable(() => agentEffects.putBackAgent.executeWithOptions(options, [input]));
  } catch (error) {
    const failed = outcomeOf(input, error);
    const why = failed.state === 'done' ? '' : failed.why;
    return { ...outcome, why: `${outcome.why}; it could not be put back: ${why}` };
  }
  const told = input.before.release === undefined ? 'nothing of it is left there' : 'what was there before is put back';
  return { ...outcome, state: 'failed', why: `${outcome.why}; ${told}` };
}

async function giveLogin(input: AgentInput): Promise<void> {
  const summary = input.spec.auth ? `${input.vm}: its credential` : `${input.vm}: its credential goes`;
  await safely(() => agentEffects.ensureAgentLogin.executeWithOptions({ summary }, [input]));
}

async function remove(input: AgentInput, { plan }: AgentLook): Promise<AgentOutcome> {
  if (plan.kind === 'refused' && plan.code === 'FOREIGN_OWNER') {
    return { state: 'failed', code: plan.code, why: plan.why, hint: plan.hint };
  }
  const options = { summary: `${input.vm}: remove` };
  const { changed } = await safely(() => agentEffects.ensureAgentAbsent.executeWithOptions(options, [input]));
  return { state: 'done', changed };
}

async function restart(input: AgentInput, look: AgentLook): Promise<AgentOutcome> {
  if (!look.installed) {
    const hint = 'krakenctl agent deploy brings one';
    return { state: 'failed', code: 'NO_AGENTS', why: 'there is no agent on it', hint };
  }
  await safely(() => agentEffects.restartAgent.executeWithOptions({ summary: `${input.vm}: restart` }, [input]));
  const step = { ...input, release: look.release, sentinel: undefined };
  await agentProofs.proveAgent.executeWithOptions({ summary: `${input.vm}: prove` }, [step]);
  return { state: 'done', changed: true };
}

/** What changes a VM is let run to its end. */
async function safely<T>(work: () => Promise<T>): Promise<T> {
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled between two steps');
  return CancellationScope.nonCancellable(work);
}

function outcomeOf(input: AgentInput, error: unknown): AgentOutcome {
  const named = namedFailureOf(error);
  if (!named) {
    const cause = error instanceof ActivityFailure ? error.cause : error;
    return leftAlone(input, 'HOST_UNREACHABLE', cause instanceof Error ? cause.message : String(cause));
  }
  const details = named.details?.[0] as FailureDetails | undefined;
  const code = named.type ?? 'INTERNAL';
  if (isFinal(named)) return { state: 'failed', code, why: named.message, hint: details?.hint };
  return leftAlone(input, code, named.message, details?.hint);
}

function isFinal(failure: ApplicationFailure | undefined): boolean {
  const [details] = (failure?.details ?? []) as FailureDetails[];
  return failure?.nonRetryable === true && !details?.mayPass;
}
