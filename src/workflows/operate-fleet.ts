import {
  CancellationScope,
  ChildWorkflowCancellationType,
  defineSignal,
  executeChild,
  isCancellation,
  makeContinueAsNewFunc,
  ParentClosePolicy,
  patched,
  setHandler,
  startChild,
  WorkflowIdReusePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import type { FleetBatch, FleetPlan } from '../cluster/agents/fleet-plan';
import type { OperationLine } from '../contracts/activities';
import {
  type AgentInput,
  asRecorded,
  type FleetInput,
  type FleetReport,
  type FleetState,
  type FleetView,
  type InstalledReport,
} from '../contracts/agents';
import type { StageProgress } from '../contracts/operation';
import { agentWorkflowId, pauseSignal, resumeSignal } from '../contracts/queues';
import { effects, lookers, planners, proofs } from './activities';
import { oneOfSeveral } from './activity-options';
import type { bringAgent, keepAgent } from './bring-agent';
import { dismiss, dismissTitle, type FleetHosts, publish, seenOf, stagesOf, writeRecord } from './fleet-hosts';
import { bringLogins, loginsStage, openLogins } from './fleet-logins';
import { memoOfNext } from './further-runs';
import { letInstalledFollow } from './installed-vms';
import { leftBriefly } from './left-briefly';
import { final, spokenOf } from './operation-steps';
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
    const run = carried ? { input, state: carried } : await open(input, progress);
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

/** Looks, names the operation, and writes what shall be to the nodes before the first VM is touched. */
async function open(asked: FleetInput, progress: Progress): Promise<Pick<FleetRun, 'input' | 'state'>> {
  const { operation, verb } = asked;
  const isBringing = verb === 'deploy' || verb === 'upgrade';
  const isPublishing = isBringing || verb === 'publish';
  const opened = await progress.during('look', 'look and plan', async () => {
    const logins = await openLogins(asked);
    const seen = await lookers.readFleet({ spec: asked.spec, enrolled: 'addresses' });
    const spec = asRecorded(asked.spec, seen);
    const view = logins ? { ...seen, revoked: logins.revoked } : seen;
    if (view.unseen.length >= spec.nodes.length / 2) {
      const why = view.unseen.map((u) => `${u.host}: ${u.error}`).join('; ');
      throw final(
        'HOST_UNREACHABLE',
        `most nodes could not be seen, and they keep the list of agents: ${why}`,
        'krakenctl status',
      );
    }
    const fleet = await planners.openFleet({ input: asked, view, nowMs: Date.now() });
    const isForInstalled = verb === 'publish' || (verb === 'upgrade' && isAnyInstalled(fleet.plan, view));
    if (fleet.plan.vms.length === 0 && !fleet.plan.dismissed && !isForInstalled) {
      throw final('NO_AGENTS', 'no VM was named and the record has none', 'krakenctl agent deploy 10.0.2.10');
    }
    const known = view.record?.digest;
    const digest = isPublishing || !known ? await lookers.resolveAgentImage({ spec, known }) : known;
    // Histories of before have every host asked, the unseen ones too.
    const unseen = patched('unseen-hosts-are-left') ? view.unseen : [];
    return { ...fleet, spec, digest, unseen, logins };
  });
  progress.named(opened.name);
  const { name, epoch, plan, digest, unseen, logins, spec } = opened;
  const input = { ...asked, spec };
  const early = [{ id: 'record', title: 'desired agents onto the nodes', steps: [] }];
  if (logins) early.push({ ...loginsStage, steps: [] });
  if (isPublishing) early.push({ id: 'publish', title: 'what VMs install from', steps: [] });
  if (plan.dismissed) early.push({ id: 'dismiss', title: dismissTitle, steps: [] });
  progress.expect([...early, ...stagesOf(plan.batches)]);
  const hosts: FleetHosts = { input, epoch, progress, unseen };
  await writeRecord(hosts, isPublishing ? { ...opened.record, digest } : opened.record);
  const serials = logins && (await bringLogins(hosts, logins));
  if (isPublishing) await publish(hosts, digest);
  if (plan.dismissed) await dismiss(hosts, plan.dismissed);
  const away = unseen.map(({ host }) => host);
  const sentinel = isBringing ? await proofs.pushSentinel({ spec, operation, away }) : undefined;
  const counters = { next: 0, done: 0, changed: 0, left: [] };
  const state = {
    plan,
    name,
    epoch,
    digest,
    sentinel,
    unseen,
    ...(serials && { serials }),
    ...counters,
    startedAt: progress.startedAt,
    stages: progress.stages,
  };
  return { input, state };
}

/** That is meant, and so needs no VM that somebody logs in to. */
function isAnyInstalled({ installed }: FleetPlan, { enrolled }: FleetView): boolean {
  return (installed ?? enrolled).length > 0;
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
      if (isCancellation(error)) await CancellationScope.nonCancellable(() => this.note('cancelled'));
      else if (error instanceof Error && error.name === 'ApplicationFailure') await this.note('failed');
      throw error;
    }
    await this.note('done');
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
      await makeContinueAsNewFunc<typeof operateFleet>({ memo: memoOfNext() })({ ...this.input, vms: [], carried });
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

  private report(): FleetReport {
    const { operation, verb } = this.input;
    const { name, plan, done, changed, left, digest, unseen = [] } = this.state;
    const told = plan.dismissed ? { dismissed: plan.dismissed } : {};
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

  /** A line on every node that takes it. */
  private async note(result: OperationLine['result']): Promise<void> {
    const { spec, operation } = this.input;
    const { name, epoch, startedAt, unseen = [] } = this.state;
    const line: OperationLine = {
      id: operation.id,
      name,
      verb: operation.verb,
      actor: operation.actor,
      startedAt: new Date(startedAt).toISOString(),
      endedAt: new Date().toISOString(),
      result,
      planHash: '',
      generation: 0,
      ...spokenOf({ input: this.input, decisions: this.progress.decisions }),
    };
    const note = (host: string) =>
      effects.appendOperation.executeWithOptions({ ...oneOfSeveral, summary: `${host}: note the end` }, [
        { spec, host, epoch, realm: 'agents', line },
      ]);
    const nodes = spec.nodes.map(({ id }) => id);
    await Promise.allSettled(seenOf(nodes, unseen).map(note));
  }
}

function nameOf(vm: string): string {
  return vm.slice(vm.indexOf('@') + 1, vm.lastIndexOf(':'));
}
