import {
  continueAsNew,
  defineQuery,
  isCancellation,
  patched,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { AgentInput, AgentOutcome } from '../contracts/agents';
import { parkedQuery } from '../contracts/queues';
import { agentEffects, agentLookers } from './activities';
import { oneOfSeveral } from './activity-options';
import { workOn } from './agent-steps';
import { describeFailure } from './describe-failure';
import { followsReleases } from './long-lived';

/** One VM, for a fleet's operation. */
export async function bringAgent(input: AgentInput): Promise<AgentOutcome> {
  return workOn(input);
}

export interface KeptAgent extends AgentInput {
  tries?: number;
  since?: number;
  why?: string;
}

const firstPauseMs = 5_000;
/** A person waits for a VM that was just repaired; nobody does for one that is away since yesterday. */
const longestPauseMs = { firstDay: 60_000, later: 5 * 60_000 };
const dayMs = 24 * 3_600_000;
const givenUpAfterMs = 7 * dayMs;
/** Where more VMs are parked than a worker keeps in memory, each is read from its history whenever it wakes. */
const longestHistory = 200;
/** Nodes are asked whether a VM that does not answer is still to have an agent once in so many tries: there may be thousands of such VMs. */
const recordAskedEvery = 60;

// Pinned, it would hold an old release's code for a week.
followsReleases(keepAgent);

/** A parked VM, tried again for days until it is as it should be; ended by the next operation on that VM. */
export async function keepAgent(input: KeptAgent): Promise<AgentOutcome> {
  const since = input.since ?? Date.now();
  let tries = input.tries ?? 0;
  let why = input.why ?? '';
  let nextTryAt = 0;
  setHandler(defineQuery(parkedQuery), () => ({ vm: input.vm, since, tries, why, nextTryAt }));
  for (;;) {
    const longest = Date.now() - since < dayMs ? longestPauseMs.firstDay : longestPauseMs.later;
    const pauseMs = Math.min(longest, firstPauseMs * 2 ** Math.min(tries, 10));
    nextTryAt = Date.now() + pauseMs;
    setCurrentDetails(`${input.vm} is parked after ${tries} tries: ${why}`);
    await sleep(pauseMs, { summary: `${input.vm} is parked: ${why}`.slice(0, 200) });
    tries += 1;
    const outcome = await tryAgain(input, tries);
    if (outcome.state === 'done' && input.verb === 'remove') await forget(input);
    if (outcome.state !== 'parked' || Date.now() - since > givenUpAfterMs) return outcome;
    why = outcome.why;
    if (isLong()) await continueAsNew<typeof keepAgent>({ ...input, tries, since, why });
  }
}

/** A VM that was removed meanwhile, or whose cluster was destroyed, gets no agent any more: nothing is done on it before the record was asked. */
async function tryAgain(input: KeptAgent, tries: number): Promise<AgentOutcome> {
  // Of a destroyed cluster an agent is to go, too.
  if (input.verb === 'remove' || !patched('parked-agents-ask-first')) return workOn(input);
  const parked = (why: string): AgentOutcome => ({ state: 'parked', code: 'HOST_UNREACHABLE', why });
  const away = await whyAway(input);
  if (away !== undefined && tries % recordAskedEvery !== 0) return parked(away);
  const answer = await askRecord(input);
  if ('unknown' in answer) return parked(away ?? answer.unknown);
  if (!answer.wanted) return { state: 'failed', code: 'NO_AGENTS', why: answer.why };
  return away === undefined ? workOn(input) : parked(away);
}

/** Undefined where it answers, or says itself why it refuses. */
async function whyAway(input: KeptAgent): Promise<string | undefined> {
  try {
    const { plan } = await agentLookers.lookAtAgent.executeWithOptions({ summary: `${input.vm}: is it back?` }, [
      input,
    ]);
    return plan.kind === 'unreachable' ? plan.why : undefined;
  } catch (error) {
    if (isCancellation(error)) throw error;
    return undefined;
  }
}

/** On the queue of VMs, as all that is done for one that is parked: however many they are, they take nothing from the cluster's own. */
async function askRecord({ spec, vm }: KeptAgent) {
  try {
    return await agentLookers.isAgentWanted.executeWithOptions({ summary: `${vm}: is it still asked for?` }, [
      { spec, vm },
    ]);
  } catch (error) {
    if (isCancellation(error)) throw error;
    return { unknown: describeFailure(error).message };
  }
}

/** On each node that is there; what a node still has that is away, the others know better. */
async function forget({ spec, vm, epoch }: KeptAgent): Promise<void> {
  if (!patched('removed-are-forgotten')) return;
  const strike = ({ id: host }: { id: string }) =>
    agentEffects.forgetRemoved.executeWithOptions({ ...oneOfSeveral, summary: `${host}: ${vm} is gone` }, [
      { spec, host, epoch, vms: [vm] },
    ]);
  await Promise.allSettled(spec.nodes.map(strike));
}

function isLong(): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || (historyLength > longestHistory && patched('kept-histories-stay-short'));
}
