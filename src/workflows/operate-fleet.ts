import {
  ApplicationFailure,
  ChildWorkflowCancellationType,
  defineSignal,
  executeChild,
  isCancellation,
  makeContinueAsNewFunc,
  ParentClosePolicy,
  patched,
  setHandler,
  startChild,
  TemporalFailure,
  WorkflowIdReusePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import type { FleetBatch } from '../cluster/agents/fleet-plan';
import type { AgentInput, FleetInput, FleetReport, FleetState, InstalledReport } from '../contracts/agents';
import type { StageProgress } from '../contracts/operation';
import { agentWorkflowId, pauseSignal, resumeSignal } from '../contracts/queues';
import { effects } from './activities';
import { oneOfSeveral } from './activity-options';
import type { bringAgent, keepAgent } from './bring-agent';
import { conclude, concludeFailure, type FleetEnd } from './fleet-end';
import { seenOf } from './fleet-hosts';
import { openFleet } from './fleet-opening';
import { memoOfNext } from './further-runs';
import { letInstalledFollow } from './installed-vms';
import { leftBriefly } from './left-briefly';
import { final } from './operation-steps';
import { Progress } from './progress';
import { SafePoints } from './safe-points';

/** A run of a fleet ends before its history becomes slow to read and large to keep; the next goes on where it stopped. */
const longestHistory = 4_000;

/**
 * Agents on many VMs as one operation: a sliding window, each VM a child of its own, so that its history stays small. It never holds
 * the cluster's operation.
 */
export async function operateFleet(input: FleetInput): Promise<FleetReport> {
  const progress = new Progress(input.operation, input.carried);
  const safePoints = new SafePoints(progress, undefined, input.carried?.paused);
  hearSignals(safePoints);
  return progress.whole(async () => {
    const { carried } = input;
    const run = carried ? { input, state: carried } : await openFleet(input, progress);
    return new Fleet({ ...run, progress, safePoints }).run();
  });
}

/** An older krakenctl signals, without a name and without an answer. */
function hearSignals(safePoints: SafePoints): void {
  const hear = (verb: 'pause' | 'resume') => () => {
    const request = { actor: 'an older krakenctl' };
    if (!safePoints.refusal(verb, request)) safePoints.decide(verb, request);
  };
  setHandler(defineSignal(pauseSignal), hear('pause'));
  setHandler(defineSignal(resumeSignal), hear('resume'));
}

interface FleetRun {
  input: FleetInput;
  state: FleetState;
  progress: Progress;
  safePoints: SafePoints;
}

class Fleet {
  private readonly input: FleetInput;
  private readonly state: FleetState;
  private readonly progress: Progress;
  private readonly safePoints: SafePoints;
  private running = 0;

  constructor({ input, state, progress, safePoints }: FleetRun) {
    this.input = input;
    this.state = state;
    this.progress = progress;
    this.safePoints = safePoints;
  }

  async run(): Promise<FleetReport> {
    const { plan } = this.state;
    let installed: InstalledReport | undefined;
    try {
      for (const batch of plan.batches) {
        if (this.isReached(batch)) continue;
        await this.progress.during(batch.id, batch.title, (stage) => this.runBatch(batch, stage));
        this.refuseTooMany();
      }
      installed = await this.letInstalledFollow();
    } catch (error) {
      if (isNoted(error)) await concludeFailure(this.end, error);
      throw error;
    }
    await conclude(this.end, 'done');
    return { ...this.report(), ...(installed && { installed }) };
  }

  /** What was tried out on the others, VMs that installed themselves may have. */
  private async letInstalledFollow(): Promise<InstalledReport | undefined> {
    const { verb } = this.input;
    if (verb === 'remove' || verb === 'restart') return undefined;
    if (!patched('installed-vms-have-turns')) return this.openWave();
    const { input, progress, safePoints, state } = this;
    state.unseen ??= [];
    return letInstalledFollow({ input, progress, safePoints, state, epoch: state.epoch, unseen: state.unseen });
  }

  /** Of an operation before there were turns: all of them, at once. */
  private async openWave(): Promise<undefined> {
    const { spec } = this.input;
    const { epoch, digest, unseen = [] } = this.state;
    const open = (host: string) =>
      effects.openInstallWave.executeWithOptions({ ...oneOfSeveral, summary: `${host}: /install for all` }, [
        { spec, host, epoch, digest, percent: 100 },
      ]);
    await Promise.allSettled(seenOf(spec.loadBalancers, unseen).map(open));
  }

  private isReached(batch: FleetBatch): boolean {
    const { next, done, plan } = this.state;
    return next >= plan.vms.length || (batch.counts === 'done' ? done : next) >= batch.until;
  }

  private async runBatch(batch: FleetBatch, stage: StageProgress): Promise<void> {
    const lanes = Math.min(this.state.plan.concurrency, batch.until);
    const results = await Promise.allSettled(Array.from({ length: lanes }, () => this.runLane(batch, stage)));
    const failed = results.find((r): r is PromiseRejectedResult => r.status === 'rejected');
    if (failed) throw failed.reason;
    if (this.mustRenew() && this.state.left.length <= this.state.plan.maxFailures && !this.isReached(batch)) {
      const { stages, decisions } = this.progress;
      const carried: FleetState = { ...this.state, stages, decisions, paused: this.safePoints.pausedBy };
      await makeContinueAsNewFunc<typeof operateFleet>({ memo: memoOfNext() })({
        ...this.input,
        vms: [],
        named: [],
        carried,
      });
    }
  }

  private async runLane(batch: FleetBatch, stage: StageProgress): Promise<void> {
    for (;;) {
      await this.safePoints.pass({ id: batch.id, title: 'the next VM' });
      const vm = this.take(batch);
      if (vm === undefined) return;
      this.running += 1;
      try {
        await this.progress.step(stage, nameOf(vm), () => this.workOn(vm));
      } finally {
        this.running -= 1;
      }
    }
  }

  private take(batch: FleetBatch): string | undefined {
    const { plan, left, next, done } = this.state;
    if (left.length > plan.maxFailures || this.mustRenew() || next >= plan.vms.length) return undefined;
    const count = batch.counts === 'done' ? done + this.running : next;
    if (count >= batch.until) return undefined;
    this.state.next += 1;
    return plan.vms[next];
  }

  private mustRenew(): boolean {
    const { historyLength, continueAsNewSuggested } = workflowInfo();
    return continueAsNewSuggested || historyLength > longestHistory;
  }

  private async workOn(vm: string): Promise<void> {
    const { verb, spec } = this.input;
    const { digest, epoch, sentinel, serials } = this.state;
    const serial = serials?.[nameOf(vm)];
    const work: AgentInput = { verb, spec, vm, digest, epoch, sentinel, ...(serial && { serial }) };
    const outcome = await executeChild<typeof bringAgent>('bringAgent', {
      ...this.childOptions(vm),
      args: [work],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    });
    if (outcome.state === 'done') {
      this.state.done += 1;
      if (verb === 'remove') this.state.gone = [...(this.state.gone ?? []), vm];
      if (outcome.changed) this.state.changed += 1;
      return;
    }
    this.state.left.push(leftBriefly({ vm, ...outcome }, this.state.left.length));
    if (outcome.state === 'parked' && this.state.left.length <= this.state.plan.maxFailures) {
      await this.park(work, outcome.why);
    }
  }

  /** It goes on by itself, beyond the end of this operation. */
  private async park(work: AgentInput, why: string): Promise<void> {
    await startChild<typeof keepAgent>('keepAgent', {
      ...this.childOptions(work.vm),
      args: [{ ...work, why }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
    });
  }

  /** One workflow for each VM: what an earlier operation left parked is ended, and its late effects are below our epoch. */
  private childOptions(vm: string) {
    return {
      workflowId: agentWorkflowId(this.input.spec.name, vm),
      workflowIdReusePolicy: WorkflowIdReusePolicy.TERMINATE_IF_RUNNING,
      typedSearchAttributes: workflowInfo().typedSearchAttributes,
      staticSummary: `${this.input.verb} ${vm}`,
    };
  }

  private refuseTooMany(): void {
    const { left, plan, next } = this.state;
    if (left.length <= plan.maxFailures) return;
    const names = left.map((l) => `${nameOf(l.vm)}: ${l.why}`).join('; ');
    const untried = plan.vms.length - next;
    const text = `${left.length} of at most ${plan.maxFailures} VMs are left, so no more are begun (${untried} were not): ${names}`;
    const again = `krakenctl agent ${this.input.verb} --retry-failed ${this.state.name} tries those again`;
    throw final('FLEET_STOPPED', text.slice(0, 2000), {
      hint: `krakenctl agent list shows each; ${again}; --max-failures allows some to be away`,
      left: left.map(({ vm }) => vm),
    });
  }

  private get end(): FleetEnd {
    const { name, epoch, startedAt, unseen = [], gone } = this.state;
    return { input: this.input, name, epoch, startedAt, unseen, decisions: this.progress.decisions, gone };
  }

  private report(): FleetReport {
    const { operation, verb } = this.input;
    const { name, plan, done, changed, left, digest, unseen = [] } = this.state;
    const { dismissed, forgotten } = plan;
    const told = { ...(dismissed && { dismissed }), ...(forgotten && { forgotten }) };
    const away = unseen.length > 0 ? { unseen } : {};
    return {
      fleet: true,
      operation,
      name,
      verb,
      total: plan.vms.length,
      done,
      changed,
      left,
      digest,
      ...told,
      ...away,
    };
  }
}

/** Histories of before have no line for what failed without a name of ours. */
function isNoted(error: unknown): boolean {
  if (!(error instanceof TemporalFailure)) return false;
  return isCancellation(error) || error instanceof ApplicationFailure || patched('every-failure-is-noted');
}

function nameOf(vm: string): string {
  return vm.slice(vm.indexOf('@') + 1, vm.lastIndexOf(':'));
}
