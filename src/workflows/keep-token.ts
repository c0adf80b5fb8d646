import { continueAsNew, isCancellation, setCurrentDetails, sleep, workflowInfo } from '@temporalio/workflow';
import type { KeptToken, PlannedAuth, TokenReport } from '../contracts/auth';
import { effects, followings, lookers } from './activities';
import { oneOfSeveral } from './activity-options';
import { bringRecord, onEach } from './auth-record';
import { followsReleases } from './long-lived';

// Its token may hold for days.
followsReleases(keepToken);

/** Hosts that are away for so long are a person's to mend; NGINX refuses the token by itself meanwhile. */
const givenUpAfterMs = 24 * 3_600_000;

/**
 * An enrolment token, as long as it holds: VMs that show it are let in until it is used up, taken away, or its time is over; then it goes from the load
 * balancers. What cannot be reached now is tried again.
 */
export async function keepToken(input: KeptToken): Promise<TokenReport> {
  const { token, untilMs } = input;
  let accepted = input.accepted ?? {};
  for (;;) {
    setCurrentDetails(`token ${token}: ${Object.keys(accepted).length} VMs enrolled`);
    try {
      const came = await letIn(input, accepted);
      if (came === 'over') return { token, vms: await forget(input) };
      accepted = { ...accepted, ...came };
    } catch (error) {
      if (isCancellation(error) || Date.now() > untilMs + givenUpAfterMs) throw error;
      await sleep('30s', { summary: `token ${token}: tried again` });
    }
    if (isLong()) await continueAsNew<typeof keepToken>({ ...input, accepted });
  }
}

/** Hashes by address of those that came. */
async function letIn(input: KeptToken, accepted: Record<string, string>): Promise<Record<string, string> | 'over'> {
  const { spec, key, token, untilMs, operation } = input;
  const { applicants, over } = await followings.awaitApplicants.executeWithOptions(
    { summary: `token ${token}: VMs that show it` },
    [{ spec, key, token, untilMs, accepted }],
  );
  if (over) return 'over';
  await bring(input, (again) =>
    lookers.planAuth.executeWithOptions({ summary: `token ${token}: let VMs in` }, [
      { spec, key, operation, enrol: { token, applicants }, again, nowMs: Date.now() },
    ]),
  );
  return Object.fromEntries(applicants.map(({ address, hash }) => [address, hash]));
}

async function forget(input: KeptToken): Promise<string[]> {
  const { spec, key, token, operation } = input;
  const planned = await bring(input, (again) =>
    lookers.planAuth.executeWithOptions({ summary: `token ${token} goes` }, [
      { spec, key, operation, forget: token, again, nowMs: Date.now() },
    ]),
  );
  return planned.enrolled ?? [];
}

/** What a load balancer lacks that is away now, the next deploy brings. */
async function bring({ spec, key }: KeptToken, plan: Parameters<typeof bringRecord>[1]): Promise<PlannedAuth> {
  const { planned, left } = await bringRecord(spec, plan);
  if (!planned.record) return planned;
  await onEach(spec.loadBalancers, left, (host) =>
    effects.ensureCredentials.executeWithOptions({ ...oneOfSeveral, summary: `${host}: hashes of logins` }, [
      { spec, host, key, epoch: planned.epoch, realm: 'auth' },
    ]),
  );
  return planned;
}

function isLong(): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || historyLength > 1000;
}
