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
  /** Names of hosts that are as they shall be since. */
  done: string[];
}

import { final } from './operation-steps';

/** A worker that was away while rules were on trial finds them taken back; so often they are tried anew. */
const trials = 3;

/** Rules onto one host: laid aside, tried under a timer, kept from a new login. Whatever is cut in between is taken back by the host itself. */
export async function bringFirewall(run: FirewallRun, planned: PlannedFirewall): Promise<void> {
  const { host, name, sum, loads } = planned;
  const { spec, trialSeconds } = run.input;
  const step = { spec, host, fleet: run.fleet, epoch: run.opened.epoch, sum };
  if (loads) await tryAndKeep({ run, name, step: { ...step, seconds: trialSeconds } });
  await effects.enableFirewall.executeWithOptions({ summary: `${name}: rules that come back at a start` }, [step]);
}

export async function removeFirewall({ input, opened }: FirewallRun, { host, name }: PlannedFirewall): Promise<void> {
  const step = { spec: input.spec, host, epoch: opened.epoch };
  await effects.removeFirewall.executeWithOptions({ summary: `${name}: take the rules away` }, [step]);
}

interface Trial {
  run: FirewallRun;
  name: string;
  step: FirewallTrialInput;
}

async function tryAndKeep(trial: Trial): Promise<void> {
  for (let round = 0; round < trials; round += 1) {
    const verdict = await tryOnce(trial);
    if (verdict.state === 'kept') return;
    if (verdict.state === 'reverted') throw reverted(trial, verdict.why);
  }
  throw reverted(trial, `nobody kept them in time, ${trials} times`);
}

async function tryOnce(trial: Trial): Promise<FirewallVerdict> {
  const { name, step } = trial;
  await effects.stageFirewall.executeWithOptions({ summary: `${name}: rules laid aside` }, [step]);
  try {
    const summary = `${name}: load them, to be taken back in ${step.seconds}s`;
    const { state } = await effects.tryFirewall.executeWithOptions({ summary }, [step]);
    if (state === 'kept') return { state: 'kept', changed: false };
    if (state === 'gone') return { state: 'late' };
    const ways = await lookers.probeFirewall.executeWithOptions({ summary: `${name}: do others reach it?` }, [step]);
    if (ways.cut.length > 0) throw cuts(trial, ways);
    return await waits.keepFirewall.executeWithOptions({ summary: `${name}: keep them, from a new login` }, [step]);
  } catch (error) {
    // The timer does it too, later.
    const soon = { summary: `${name}: take them back`, scheduleToCloseTimeout: '60s' } as const;
    await effects.takeBackFirewall.executeWithOptions(soon, [step]).catch(() => undefined);
    throw error;
  }
}

function reverted({ run, name, step }: Trial, why: string) {
  const text = `${name}: no new login was possible within ${step.seconds}s, so the host took the rules back by itself (${why})`;
  return final(
    'FIREWALL_REVERTED',
    `${text}; ${others(run, name)}`,
    'does FIREWALL_SSH name the machine of the worker, or the bastion, as the host sees it? krakenctl firewall plan',
  );
}

function cuts({ run, name }: Trial, { cut }: FirewallCuts) {
  const from = [...new Set(cut.map((c) => c.from))];
  const ports = [...new Set(cut.map((c) => c.port))].sort((a, b) => a - b).join(', ');
  const text = `${name}: with the rules ${from.join(', ')} got no answer there any more (port ${ports}), so they were taken back`;
  const hint = `do its packets come from the address in .env? on ${from[0]}: ip route get the address of ${name}`;
  return final('FIREWALL_CUTS', `${text}; ${others(run, name)}`, hint);
}

function others({ changing, done }: FirewallRun, name: string): string {
  const left = changing.filter((h) => h.name !== name && !done.includes(h.name)).length;
  const kept = done.length > 0 ? `kept on ${done.join(', ')}` : 'kept on no host';
  return left > 0 ? `${kept}, ${left} others were not done then` : kept;
}
