import type { FirewallPlan, PlannedFirewall } from '../cluster/firewall/firewall-plan';
import type { OpenedOperation } from '../contracts/activities';
import type { FirewallCuts, FirewallInput, FirewallTrialInput, FirewallVerdict } from '../contracts/firewall';
import { effects, lookers, waits } from './activities';
import type { Progress } from './progress';

export interface FirewallRun {
  input: FirewallInput;
  progress: Progress;
  opened: OpenedOperation;
  plan: FirewallPlan;
  fleet: string;
  changing: PlannedFirewall[];
  /** Hosts that are as they shall be since. */
  done: string[];
}

import { final } from './operation-steps';

/** A worker that was away while rules were on trial finds them taken back; so often they are tried anew. */
const trials = 3;

/** Rules onto one host: laid aside, tried under a timer, kept from a new login. Whatever is cut in between is taken back by the host itself. */
export async function bringFirewall(run: FirewallRun, { host, sum, loads }: PlannedFirewall): Promise<void> {
  const { spec, trialSeconds } = run.input;
  const step = { spec, host, fleet: run.fleet, epoch: run.opened.epoch, sum };
  if (loads) await tryAndKeep(run, { ...step, seconds: trialSeconds });
  await effects.enableFirewall.executeWithOptions({ summary: `${host}: rules that come back at a start` }, [step]);
}

export async function removeFirewall({ input, opened }: FirewallRun, { host }: PlannedFirewall): Promise<void> {
  const step = { spec: input.spec, host, epoch: opened.epoch };
  await effects.removeFirewall.executeWithOptions({ summary: `${host}: take the rules away` }, [step]);
}

async function tryAndKeep(run: FirewallRun, step: FirewallTrialInput): Promise<void> {
  for (let round = 0; round < trials; round += 1) {
    const verdict = await tryOnce(run, step);
    if (verdict.state === 'kept') return;
    if (verdict.state === 'reverted') throw reverted(run, step, verdict.why);
  }
  throw reverted(run, step, `nobody kept them in time, ${trials} times`);
}

async function tryOnce(run: FirewallRun, step: FirewallTrialInput): Promise<FirewallVerdict> {
  const { host, seconds } = step;
  await effects.stageFirewall.executeWithOptions({ summary: `${host}: rules laid aside` }, [step]);
  try {
    const summary = `${host}: load them, to be taken back in ${seconds}s`;
    const { state } = await effects.tryFirewall.executeWithOptions({ summary }, [step]);
    if (state === 'kept') return { state: 'kept', changed: false };
    if (state === 'gone') return { state: 'late' };
    const ways = await lookers.probeFirewall.executeWithOptions({ summary: `${host}: do others reach it?` }, [step]);
    if (ways.cut.length > 0) throw cuts(run, step, ways);
    return await waits.keepFirewall.executeWithOptions({ summary: `${host}: keep them, from a new login` }, [step]);
  } catch (error) {
    // The timer does it too, later.
    const soon = { summary: `${host}: take them back`, scheduleToCloseTimeout: '60s' } as const;
    await effects.takeBackFirewall.executeWithOptions(soon, [step]).catch(() => undefined);
    throw error;
  }
}

function reverted(run: FirewallRun, { host, seconds }: FirewallTrialInput, why: string) {
  const text = `${host}: no new login was possible within ${seconds}s, so the host took the rules back by itself (${why})`;
  return final(
    'FIREWALL_REVERTED',
    `${text}; ${others(run, host)}`,
    'does FIREWALL_SSH name the machine of the worker, or the bastion, as the host sees it? krakenctl firewall plan',
  );
}

function cuts(run: FirewallRun, { host }: FirewallTrialInput, { cut }: FirewallCuts) {
  const from = [...new Set(cut.map((c) => c.from))];
  const ports = [...new Set(cut.map((c) => c.port))].join(', ');
  const text = `${host}: with the rules ${from.join(', ')} got no answer there any more (port ${ports}), so they were taken back`;
  const hint = `do its packets come from the address in .env? on ${from[0]}: ip route get the address of ${host}`;
  return final('FIREWALL_CUTS', `${text}; ${others(run, host)}`, hint);
}

function others({ changing, done }: FirewallRun, host: string): string {
  const left = changing.filter((h) => h.host !== host && !done.includes(h.host)).length;
  const kept = done.length > 0 ? `kept on ${done.join(', ')}` : 'kept on no host';
  return left > 0 ? `${kept}, ${left} others were not done then` : kept;
}
