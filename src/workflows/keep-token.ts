import { continueAsNew, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { KeptToken, PlannedAuth, TokenReport } from '../contracts/auth';
import { effects, followings, lookers } from './activities';
import { oneOfSeveral } from './activity-options';
import { bringRecord, onEach } from './auth-record';
import { followsReleases } from './long-lived';

// Its token may hold for days.
followsReleases(keepToken);

/**
 * An enrolment token, as long as it holds: VMs that show it are let in until it is used up, taken away, or its time is over; then it goes from the load
 * balancers.
 */
export async function keepToken(input: KeptToken): Promise<TokenReport> {
  const { spec, key, token, untilMs } = input;
  let accepted = input.accepted ?? {};
  for (;;) {
    setCurrentDetails(`token ${token}: ${Object.keys(accepted).length} VMs enrolled`);
    const summary = `token ${token}: VMs that show it`;
    const { applicants, over } = await followings.awaitApplicants.executeWithOptions({ summary }, [
      { spec, key, token, untilMs, accepted },
    ]);
    if (over) return { token, vms: await forget(input) };
    const summaryOfPlan = `token ${token}: let VMs in`;
    await bring(input, () =>
      lookers.planAuth.executeWithOptions({ summary: summaryOfPlan }, [
        { spec, key, operation: input.operation, enrol: { token, applicants }, nowMs: Date.now() },
      ]),
    );
    accepted = { ...accepted, ...Object.fromEntries(applicants.map(({ address, hash }) => [address, hash])) };
    if (isLong()) await continueAsNew<typeof keepToken>({ ...input, accepted });
  }
}

async function forget(input: KeptToken): Promise<string[]> {
  const { spec, key, token, operation } = input;
  const planned = await bring(input, () =>
    lookers.planAuth.executeWithOptions({ summary: `token ${token} goes` }, [
      { spec, key, operation, forget: token, nowMs: Date.now() },
    ]),
  );
  return planned.enrolled ?? [];
}

/** What a load balancer lacks that is away now, the next deploy brings. */
async function bring({ spec, key }: KeptToken, plan: () => Promise<PlannedAuth>): Promise<PlannedAuth> {
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
