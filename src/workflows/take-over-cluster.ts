import { CancellationScope, isCancellation } from '@temporalio/workflow';
import type { ClusterRecord } from '../cluster/observed';
import type { TakeOverVerdict } from '../cluster/ownership';
import type { OpenedOperation } from '../contracts/activities';
import type { CrossedObserved } from '../contracts/crossed';
import type { TakeOverInput, TakeOverReport } from '../contracts/operation';
import { effects, planners } from './activities';
import { fewAtOnce } from './few-at-once';
import { final, noteOperation, observe } from './operation-steps';
import { Progress } from './progress';

/** Another krakenctl's cluster becomes ours: look, write the owner on every host under a higher epoch, record it. */
export async function takeOverCluster(input: TakeOverInput): Promise<TakeOverReport> {
  const progress = new Progress(input.operation);
  return progress.whole(() => perform(input, progress));
}

async function perform(input: TakeOverInput, progress: Progress): Promise<TakeOverReport> {
  const { spec, operation } = input;
  const { observed, plan, opened } = await progress.during('look', 'look at the owners', async () => {
    const observed = await observe(spec);
    const plan = await planners.planTakeOver({ observed });
    return { observed, plan, opened: aboveAll(await planners.openOperation({ observed, operation })) };
  });
  const { name, epoch } = opened;
  progress.named(name);
  const { verdict } = plan;
  if (verdict.kind === 'nothing')
    return { operation, name, changed: false, hosts: plan.ownership.ours, epoch: plan.ownership.epoch, left: [] };
  if (verdict.kind === 'refused') throw final('HOST_UNREACHABLE', verdict.why, 'krakenctl status');
  refuseOthers(input, verdict);
  progress.expect([
    { id: 'take', title: 'write the owner', steps: verdict.hosts },
    { id: 'record', title: 'record on the nodes', steps: [] },
  ]);
  const run = { input, progress, opened, hosts: verdict.hosts };
  try {
    await takeAll(run);
    await progress.during('record', 'record on the nodes', () => record(run, observed));
  } catch (error) {
    const result = isCancellation(error) ? 'cancelled' : 'failed';
    await CancellationScope.nonCancellable(() => note(run, result));
    throw error;
  }
  return { operation, name, changed: true, hosts: verdict.hosts, epoch, left: verdict.left };
}

/** An operation that the other krakenctl began after it looked at the same hosts has the next epoch: this one must be above it. */
function aboveAll(opened: OpenedOperation): OpenedOperation {
  return { ...opened, epoch: opened.epoch + 1 };
}

function refuseOthers({ from }: TakeOverInput, verdict: Extract<TakeOverVerdict, { kind: 'take' }>): void {
  const other = verdict.from.find((owner) => !from.includes(owner.id));
  if (!other) return;
  const text = `the owner is now another than the one that was shown: ${other.temporal}, namespace ${other.namespace}`;
  throw final('PLAN_CHANGED', text, 'look again: krakenctl cluster take-over');
}

interface TakeOver {
  input: TakeOverInput;
  progress: Progress;
  opened: OpenedOperation;
  hosts: string[];
}

async function takeAll({ input, progress, opened, hosts }: TakeOver): Promise<void> {
  const { spec, owner, from } = input;
  await progress.during('take', 'write the owner', (stage) =>
    fewAtOnce(hosts, (host) => {
      const summary = `${host}: write the owner`;
      const request = { spec, host, epoch: opened.epoch, owner, from };
      return progress.step(stage, summary, () => effects.takeHost.executeWithOptions({ summary }, [request]));
    }),
  );
}

/** The record of what runs stays as it was, one generation on; a cluster without a record has none to go on with. */
async function record(run: TakeOver, observed: CrossedObserved): Promise<void> {
  const { spec, operation } = run.input;
  const known = await planners.knownRecord({ observed });
  if (known) {
    const { generation, counts, name, epoch } = run.opened;
    const ended = { id: operation.id, name, actor: operation.actor, endedAt: new Date().toISOString() };
    const state: ClusterRecord = { ...known, generation, counts, operation: ended };
    const write = (host: string) =>
      effects.writeRecord.executeWithOptions({ summary: `${host}: write the record` }, [
        { spec, host, epoch, record: state },
      ]);
    await fewAtOnce(run.hosts, write);
  }
  await note(run, 'done');
}

async function note({ input, opened, progress, hosts }: TakeOver, result: 'done' | 'failed' | 'cancelled') {
  const { startedAt, decisions } = progress;
  await noteOperation({ input, opened, planHash: '', startedAt, decisions, result }, hosts);
}
