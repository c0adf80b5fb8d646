import { CancellationScope, isCancellation } from '@temporalio/workflow';
import type { DestroyPlan } from '../cluster/destroy-plan';
import type { ClusterRecord, HostFolders } from '../cluster/observed';
import type { Stage } from '../cluster/plan';
import type { OpenedOperation } from '../contracts/activities';
import type { CrossedObserved } from '../contracts/crossed';
import type { DestroyChoice, DestroyInput, DestroyReport } from '../contracts/operation';
import { effects, lookers, planners } from './activities';
import { fewAtOnce } from './few-at-once';
import { claim, final, noteOperation, observe, refuseForeign } from './operation-steps';
import { Progress } from './progress';
import { runPlan } from './run-plan';
import { forgetSteward } from './steward';

/** From a cluster to bare hosts: look, claim, remove who serves before who keeps, the record last. */
export async function destroyCluster(input: DestroyInput): Promise<DestroyReport> {
  const progress = new Progress(input.operation);
  return progress.whole(() => perform(input, progress));
}

async function perform(input: DestroyInput, progress: Progress): Promise<DestroyReport> {
  const look = async () => {
    const { observed, plan } = await lookForRemains(input);
    const opened = await planners.openOperation({ observed, operation: input.operation });
    return { observed, plan, opened };
  };
  const { observed, plan, opened } = await progress.during('look', 'look and plan', look);
  progress.named(opened.name);
  refuse(input, plan);
  const report = { operation: input.operation, name: opened.name, plan };
  if (plan.empty) {
    await forgetSteward(input.spec.name);
    return { ...report, changed: false };
  }
  const hosts = observed.hosts.filter((h) => h.reachable).map((h) => h.host);
  progress.expect([{ id: 'claim', title: 'claim the hosts', steps: [] }, ...plan.stages]);
  await progress.during('claim', 'claim the hosts', () => claim(input, hosts, opened.epoch));
  const removal: Removal = { input, progress, plan, opened, hosts };
  await removeAll(removal);
  await concludeRecord(removal, observed);
  await forgetSteward(input.spec.name);
  return { ...report, changed: true };
}

export async function lookForRemains(choice: DestroyChoice): Promise<{ observed: CrossedObserved; plan: DestroyPlan }> {
  const { spec } = choice;
  const observed = await observe(spec);
  const measure = (host: string): Promise<HostFolders> =>
    lookers.measureFolders.executeWithOptions({ summary: `folders of ${host}` }, [{ spec, host }]);
  const seen = observed.hosts.filter((h) => h.reachable);
  const folders = await fewAtOnce(seen, ({ host }) => measure(host));
  const { keepData, skipUnreachable } = choice;
  const plan = await planners.planDestroy({ spec, observed, folders, keepData, skipUnreachable });
  return { observed, plan };
}

/** Everything that forbids the plan, before anything is changed. */
function refuse({ skipUnreachable, planHash }: DestroyInput, plan: DestroyPlan): void {
  refuseForeign(plan.foreign);
  if (plan.conflicts.length > 0) {
    const text = plan.conflicts.map((c) => `${c.host}: ${c.what}: ${c.why}`).join('; ');
    throw final('FOREIGN_RESOURCE', text, 'mend it by hand on that host, then destroy again');
  }
  if (plan.unseen.length > 0 && !skipUnreachable) {
    const text = plan.unseen.map((u) => `${u.host}: ${u.error}`).join('; ');
    const hint = 'wait for it, or leave it as it is: --skip-unreachable';
    throw final('HOST_UNREACHABLE', `not every host could be seen, so nothing was removed: ${text}`, hint);
  }
  if (plan.hash !== planHash) {
    const text = 'what would be removed is not what was shown: something on the hosts has changed meanwhile';
    throw final('PLAN_CHANGED', text, 'look again: krakenctl cluster destroy');
  }
}

interface Removal {
  input: DestroyInput;
  progress: Progress;
  plan: DestroyPlan;
  opened: OpenedOperation;
  /** Those that were seen. */
  hosts: string[];
}

const isRecordStage = (stage: Stage) => stage.id === 'forget';

async function run({ input, progress, opened }: Removal, stages: Stage[]): Promise<void> {
  // What is removed is not spoken with, so that a worker without the cluster's keys can remove it.
  const { tls: _, ...spec } = input.spec;
  const { operation } = input;
  await runPlan({ plan: { stages }, spec, images: {}, operation, opened: { epoch: opened.epoch }, progress });
}

/** While the record is there, a removal that fails is noted in it. */
async function removeAll(removal: Removal): Promise<void> {
  try {
    await run(
      removal,
      removal.plan.stages.filter((stage) => !isRecordStage(stage)),
    );
  } catch (error) {
    const result = isCancellation(error) ? 'cancelled' : 'failed';
    await CancellationScope.nonCancellable(() => note(removal, result));
    throw error;
  }
}

async function concludeRecord(removal: Removal, observed: CrossedObserved): Promise<void> {
  const { plan, progress } = removal;
  if (!plan.keepsRecord) return run(removal, plan.stages.filter(isRecordStage));
  await progress.during('record', 'record on the nodes', async () => {
    await markDestroyed(removal, observed);
    await note(removal, 'done');
  });
}

/** The record stays with what it was, and says what became of it. A cluster that was never wholly deployed has none to mark. */
async function markDestroyed({ input, plan, opened, hosts }: Removal, observed: CrossedObserved): Promise<void> {
  const { spec, operation } = input;
  const known = await planners.knownRecord({ observed });
  if (!known) return;
  const endedAt = new Date().toISOString();
  const record: ClusterRecord = {
    ...known,
    generation: opened.generation,
    operation: { id: operation.id, name: opened.name, actor: operation.actor, endedAt },
    counts: opened.counts,
    destroyed: { at: endedAt, dataKept: plan.keepData, left: plan.left.map((l) => l.host) },
  };
  await fewAtOnce(hosts, (host) =>
    effects.writeRecord.executeWithOptions({ summary: `${host}: write the record` }, [
      { spec, host, epoch: opened.epoch, record },
    ]),
  );
}

async function note({ input, opened, plan, progress, hosts }: Removal, result: 'done' | 'failed' | 'cancelled') {
  const { startedAt, decisions } = progress;
  await noteOperation({ input, opened, planHash: plan.hash, startedAt, decisions, result }, hosts);
}
