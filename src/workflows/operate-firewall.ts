import { CancellationScope, CancelledFailure, isCancellation } from '@temporalio/workflow';
import type { FirewallPlan, PlannedFirewall } from '../cluster/firewall/firewall-plan';
import type { FirewallLook } from '../cluster/firewall/observed';
import type { ClusterRecord } from '../cluster/observed';
import type { OperationLine } from '../contracts/activities';
import type { CrossedObserved } from '../contracts/crossed';
import type { FirewallInput, FirewallReport } from '../contracts/firewall';
import { effects, lookers, planners } from './activities';
import { describeFailure } from './describe-failure';
import { fewAtOnce } from './few-at-once';
import { bringFirewall, type FirewallRun, removeFirewall } from './firewall-steps';
import { claim, final, noteOperation, observe, refuseForeign } from './operation-steps';
import { Progress } from './progress';
import { inParallel } from './run-plan';

/** Rules onto every host, or away from it: look at all, one host of each kind first, then the others side by side. */
export async function operateFirewall(input: FirewallInput): Promise<FirewallReport> {
  const progress = new Progress(input.operation);
  return progress.whole(() => perform(input, progress));
}

async function perform(input: FirewallInput, progress: Progress): Promise<FirewallReport> {
  const { operation, action } = input;
  const { observed, plan, opened, fleet } = await progress.during('look', 'look and plan', () => look(input));
  progress.named(opened.name);
  refuse(input, plan);
  const left = plan.unseen.map(({ host, error }) => ({ host, why: `it could not be reached: ${error}` }));
  const report = { operation, name: opened.name, action, plan, left };
  if (plan.empty) return { ...report, changed: false };
  const changing = plan.hosts.filter(({ changes }) => changes);
  const run: FirewallRun = { input, progress, opened, plan, fleet, changing, done: [] };
  progress.expect(stagesOf(run));
  try {
    await progress.during('claim', 'claim the hosts', () => claim(input, nodesOf(plan), opened.epoch));
    await changeAll(run);
    await progress.during('record', 'record on the nodes', () => record(run, observed));
  } catch (error) {
    await CancellationScope.nonCancellable(() => note(run, resultOf(error)));
    throw error;
  }
  return { ...report, changed: true };
}

async function look(input: FirewallInput) {
  const { spec, operation, action } = input;
  const observed = await observe(spec);
  const { hosts, fleet, unseen } = await lookers.listFirewallHosts({ spec, action });
  if (unseen.length >= spec.nodes.length / 2) {
    const why = unseen.map((u) => `${u.host}: ${u.error}`).join('; ');
    const text = `most nodes could not be seen, and they keep the list of VMs: ${why}`;
    throw final('HOST_UNREACHABLE', text, 'krakenctl status');
  }
  const looks: FirewallLook[] = [];
  await inParallel(hosts, looksAtOnce, async ({ id: host }) => {
    const summary = `look at the firewall of ${host}`;
    looks.push(await lookers.lookAtFirewall.executeWithOptions({ summary }, [{ spec, host, fleet }]));
  });
  const order = new Map(hosts.map(({ id }, i) => [id, i]));
  looks.sort((a, b) => order.get(a.host)! - order.get(b.host)!);
  const plan = await planners.planFirewall({ spec, action, looks, observed });
  const opened = await planners.openOperation({ observed, operation });
  return { observed, plan, opened, fleet };
}

const looksAtOnce = 32;

/** Everything that forbids the plan, before anything is changed anywhere. */
function refuse({ skipUnreachable }: FirewallInput, plan: FirewallPlan): void {
  refuseForeign(plan.foreign);
  const [first] = plan.conflicts;
  if (first) {
    const text = plan.conflicts.map(({ host, what }) => `${host}: ${what}`).join('; ');
    throw final('PROGRAM_MISSING', `${text}; nothing was changed anywhere`, first.mend);
  }
  const nodes = plan.unseen.filter(({ role }) => role === 'node');
  if (nodes.length === 0 || skipUnreachable) return;
  const text = nodes.map(({ host, error }) => `${host}: ${error}`).join('; ');
  const hint = 'wait for it, or leave it as it is: --skip-unreachable';
  throw final('HOST_UNREACHABLE', `not every node could be seen, so nothing was changed: ${text}`, hint);
}

function nodesOf({ hosts }: FirewallPlan): string[] {
  return hosts.filter(({ role }) => role === 'node').map(({ host }) => host);
}

const titles = { apply: 'rules onto the other hosts', off: 'rules away from all hosts' };

function orderOf(plan: FirewallPlan, changing: PlannedFirewall[]) {
  const isCanary = ({ host }: PlannedFirewall) => plan.canaries.includes(host);
  return { canaries: changing.filter(isCanary), rest: changing.filter((planned) => !isCanary(planned)) };
}

function stagesOf({ plan, changing, input }: FirewallRun) {
  const { canaries, rest } = orderOf(plan, changing);
  return [
    { id: 'claim', title: 'claim the hosts', steps: [] },
    ...canaries.map(({ name }) => ({ id: name, title: `canary: rules onto ${name}`, steps: [name] })),
    ...(rest.length > 0 ? [{ id: 'hosts', title: titles[input.action], steps: rest }] : []),
    { id: 'record', title: 'record on the nodes', steps: [] },
  ];
}

/** What was kept on a host stays when a later one fails: it was proven there, and each host's rules stand for themselves. */
async function changeAll(run: FirewallRun): Promise<void> {
  const { progress, input } = run;
  const { canaries, rest } = orderOf(run.plan, run.changing);
  for (const planned of canaries) {
    const { name } = planned;
    await progress.during(name, `canary: rules onto ${name}`, (stage) =>
      progress.step(stage, `${name}: rules`, () => change(run, planned)),
    );
  }
  if (rest.length === 0) return;
  await progress.during('hosts', titles[input.action], (stage) =>
    inParallel(rest, input.spec.concurrency, (planned) =>
      progress.step(stage, `${planned.name}: rules`, () => change(run, planned)),
    ),
  );
}

/** A host that was begun is brought to an end, one way or the other; a cancelled operation begins no other. */
async function change(run: FirewallRun, planned: PlannedFirewall): Promise<void> {
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled between two hosts');
  const { action } = run.input;
  await CancellationScope.nonCancellable(() =>
    action === 'apply' ? bringFirewall(run, planned) : removeFirewall(run, planned),
  );
  run.done.push(planned.name);
}

/** What the rules were made from goes into the record of what runs; nothing else of it is this operation's. */
async function record(run: FirewallRun, observed: CrossedObserved): Promise<void> {
  const { input, opened, plan } = run;
  const { spec, operation, action } = input;
  const known = await planners.knownRecord({ observed });
  if (known) {
    const { generation, counts, name, epoch } = opened;
    const ended = { id: operation.id, name, actor: operation.actor, endedAt: new Date().toISOString() };
    // In the order of the fields that a spec has, since a record is compared as a text.
    const withRules = { ...spec, ...known.spec, firewall: spec.firewall };
    const state: ClusterRecord = {
      ...known,
      ...(action === 'apply' && { spec: withRules }),
      generation,
      counts,
      operation: ended,
    };
    const write = (host: string) =>
      effects.writeRecord.executeWithOptions({ summary: `${host}: write the record` }, [
        { spec, host, epoch, record: state },
      ]);
    await fewAtOnce(nodesOf(plan), write);
  }
  await note(run, 'done');
}

function resultOf(error: unknown): OperationLine['result'] {
  if (isCancellation(error)) return 'cancelled';
  const { code } = describeFailure(error);
  return code === 'FIREWALL_REVERTED' || code === 'FIREWALL_CUTS' ? 'rolled-back' : 'failed';
}

async function note({ input, opened, plan, progress }: FirewallRun, result: OperationLine['result']): Promise<void> {
  const { startedAt, decisions } = progress;
  await noteOperation({ input, opened, planHash: plan.hash, startedAt, decisions, result }, nodesOf(plan));
}
