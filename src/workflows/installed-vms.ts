import type { FleetBatch } from '../cluster/agents/fleet-plan';
import type { InstalledPlan } from '../cluster/agents/installed-vms';
import type { FleetState, InstalledReport, Sentinel } from '../contracts/agents';
import type { StageProgress } from '../contracts/operation';
import { effects, followings, lookers, proofs } from './activities';
import { installedWithinMs, oneOfSeveral } from './activity-options';
import { type FleetHosts, onBalancers, stagesOf } from './fleet-hosts';
import { leftBriefly } from './left-briefly';
import { final } from './operation-steps';
import type { SafePoints } from './safe-points';

export interface InstalledRun extends FleetHosts {
  safePoints: SafePoints;
  state: FleetState;
}

/**
 * VMs that nobody logs in to, after all others: their turn is given to the canary first, then batch by batch, each when those before have said that they run
 * what is served and that an image came through it. At the end all may have it, who was away and comes back too.
 */
export async function letInstalledFollow(run: InstalledRun): Promise<InstalledReport> {
  const { input, progress, state, unseen } = run;
  const { spec, policy, operation } = input;
  const { installed: named, vms } = state.plan;
  const wish = { ...policy, others: vms.length, ...(named && { named }) };
  const plan = await lookers.planInstalled.executeWithOptions({ summary: 'VMs that installed themselves' }, [
    { spec, digest: state.digest, policy: wish },
  ]);
  const away = unseen.map(({ host }) => host);
  const isNeeded = plan.turns.length > 0 && !state.sentinel;
  const sentinel = isNeeded ? await proofs.pushSentinel({ spec, operation, away }) : state.sentinel;
  const turns = new InstalledTurns(run, plan, sentinel);
  const batches = plan.batches.map((batch) => ({ ...batch, title: titleOf(batch) }));
  progress.expect(stagesOf(batches));
  for (const batch of batches) await progress.during(batch.id, batch.title, (stage) => turns.runBatch(batch, stage));
  if (!named) await turns.giveAll();
  return turns.report;
}

function titleOf({ title }: FleetBatch): string {
  const who = 'VMs that installed themselves';
  return title === 'agents' ? who : `${title}: ${who}`;
}

class InstalledTurns {
  readonly report: InstalledReport;
  private begun = 0;

  constructor(
    private readonly run: InstalledRun,
    private readonly plan: InstalledPlan,
    private readonly sentinel: Sentinel | undefined,
  ) {
    this.report = { there: plan.there, followed: 0, left: [], away: plan.away };
  }

  async runBatch(batch: FleetBatch, stage: StageProgress): Promise<void> {
    const { turns, release } = this.plan;
    const { input, epoch, progress, safePoints } = this.run;
    const count = () => (batch.counts === 'done' ? this.report.followed : this.begun);
    while (this.begun < turns.length && count() < batch.until) {
      await safePoints.pass({ id: batch.id, title: 'the turn of further VMs' });
      const addresses = turns.slice(this.begun, this.begun + batch.until - count());
      await this.give(stage, addresses);
      this.begun += addresses.length;
      const untilMs = Date.now() + installedWithinMs;
      const wave = { spec: input.spec, release, epoch, addresses, untilMs, mayLeave: this.mayLeave() };
      const summary = `${addresses.length} VMs come to ${release}`;
      const outcome = await progress.wait(stage, `gate installed: ${addresses.length} VMs`, () =>
        followings.awaitInstalled.executeWithOptions({ summary }, [wave]),
      );
      this.report.followed += outcome.there;
      for (const left of outcome.left) this.report.left.push(leftBriefly(left, this.report.left.length));
      stage.done += outcome.there;
      this.refuseTooMany();
    }
  }

  private async give(stage: StageProgress, to: string[] | 'all'): Promise<void> {
    const { input, epoch } = this.run;
    const { spec } = input;
    const whose = to === 'all' ? 'all VMs' : `${to.length} VMs`;
    await onBalancers(this.run, stage, (host) =>
      effects.giveTurns.executeWithOptions({ ...oneOfSeveral, summary: `${host}: the turn of ${whose}` }, [
        { spec, host, epoch, sentinel: this.sentinel, to },
      ]),
    );
  }

  async giveAll(): Promise<void> {
    const { progress } = this.run;
    await progress.during('installed', '/install for all', (stage) => this.give(stage, 'all'));
  }

  private mayLeave(): number {
    return this.plan.maxFailures - this.run.state.left.length - this.report.left.length;
  }

  private refuseTooMany(): void {
    if (this.mayLeave() >= 0) return;
    const { plan, report, run } = this;
    const { name, left } = run.state;
    const total = left.length + report.left.length;
    const names = report.left.map(({ address, why }) => `${address}: ${why}`).join('; ');
    const untried = plan.turns.length - this.begun;
    const text = `${total} of at most ${plan.maxFailures} VMs are left, so no further VM that installed itself gets its turn (${untried} did not): ${names}`;
    throw final('FLEET_STOPPED', text.slice(0, 2000), {
      hint: `${name} stays served to those alone that had their turn; again, or another: krakenctl agent publish`,
      left: left.map(({ vm }) => vm),
    });
  }
}
