import { ActivityFailure, CancellationScope, CancelledFailure, isCancellation } from '@temporalio/workflow';
import type { AgentInput, AgentLook, AgentOutcome, AgentStepInput } from '../contracts/agents';
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

/** A VM that is off starts its agent anew when it comes back: there is nothing to try again. */
function leftAlone({ verb }: AgentInput, code: string, why: string, hint?: string): AgentOutcome {
  return { state: verb === 'restart' ? 'failed' : 'parked', code, why, hint };
}

async function bring(input: AgentInput, look: AgentLook): Promise<AgentOutcome> {
  if (look.plan.kind !== 'work') throw new Error('no work was planned');
  const { image, release, login, activate } = look.plan;
  const step: AgentStepInput = { ...input, release: look.release };
  if (!image && !release && !login && !activate && look.ready) return { state: 'done', changed: false };
  const pull = input.spec.images.source === 'load' ? streams : agentPulls;
  await Promise.all([
    image && pull.ensureAgentImage.executeWithOptions({ summary: `${input.vm}: image` }, [step]),
    release &&
      safely(() => agentEffects.ensureAgentRelease.executeWithOptions({ summary: `${input.vm}: release` }, [step])),
  ]);
  // Its ways need one before they start, and have none any more before it goes.
  if (login && input.spec.auth) await giveLogin(input);
  if (activate)
    await safely(() => agentEffects.ensureAgentActive.executeWithOptions({ summary: `${input.vm}: activate` }, [step]));
  if (login && !input.spec.auth) await giveLogin(input);
  await agentProofs.proveAgent.executeWithOptions({ summary: `${input.vm}: prove` }, [step]);
  return { state: 'done', changed: image || release || login === true || activate };
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
  if (named.nonRetryable) return { state: 'failed', code, why: named.message, hint: details?.hint };
  return leftAlone(input, code, named.message, details?.hint);
}
