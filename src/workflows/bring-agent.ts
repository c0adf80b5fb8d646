import {
  continueAsNew,
  defineQuery,
  patched,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { AgentInput, AgentOutcome } from '../contracts/agents';
import { parkedQuery } from '../contracts/queues';
import { workOn } from './agent-steps';
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
    const outcome = await workOn(input);
    if (outcome.state !== 'parked' || Date.now() - since > givenUpAfterMs) return outcome;
    why = outcome.why;
    if (isLong()) await continueAsNew<typeof keepAgent>({ ...input, tries, since, why });
  }
}

function isLong(): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || (historyLength > longestHistory && patched('kept-histories-stay-short'));
}
