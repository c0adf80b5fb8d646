import { patched } from '@temporalio/workflow';
import type { FleetPlan } from '../cluster/agents/fleet-plan';
import { asRecorded, type FleetInput, type FleetState, type FleetView, type OpenedFleet } from '../contracts/agents';
import { lookers, planners, proofs } from './activities';
import { concludeFailure } from './fleet-end';
import { dismiss, dismissTitle, type FleetHosts, publish, stagesOf, writeRecord } from './fleet-hosts';
import { bringLogins, type FleetLogins, loginsStage, openLogins } from './fleet-logins';
import { final } from './operation-steps';
import type { Progress } from './progress';

interface Looked extends OpenedFleet, Pick<FleetState, 'digest'> {
  spec: FleetInput['spec'];
  unseen: NonNullable<FleetState['unseen']>;
  logins?: FleetLogins;
}

/** Looks, names the operation, and writes what shall be to the nodes before the first VM is touched. */
export async function openFleet(
  asked: FleetInput,
  progress: Progress,
): Promise<{ input: FleetInput; state: FleetState }> {
  const looked = await progress.during('look', 'look and plan', () => lookAndPlan(asked));
  const { name, epoch, plan, digest, unseen, spec } = looked;
  progress.named(name);
  const input = { ...asked, spec };
  progress.expect([...stagesBefore(input, looked), ...stagesOf(plan.batches)]);
  const { startedAt, decisions } = progress;
  const prepared = await prepare({ input, epoch, progress, unseen }, looked).catch(async (error) => {
    const end = { input, name, epoch, startedAt, unseen, decisions };
    if (patched('every-failure-is-noted')) await concludeFailure(end, error);
    throw error;
  });
  const counters = { next: 0, done: 0, changed: 0, left: [] };
  const { stages } = progress;
  return { input, state: { plan, name, epoch, digest, unseen, ...prepared, ...counters, startedAt, stages } };
}

async function lookAndPlan(asked: FleetInput): Promise<Looked> {
  const { verb } = asked;
  const logins = await openLogins(asked);
  const seen = await lookers.readFleet({ spec: asked.spec, enrolled: 'addresses' });
  const spec = asRecorded(asked.spec, seen);
  const view = logins ? { ...seen, revoked: logins.revoked } : seen;
  if (view.unseen.length >= spec.nodes.length / 2) {
    const why = view.unseen.map((u) => `${u.host}: ${u.error}`).join('; ');
    const text = `most nodes could not be seen, and they keep the list of agents: ${why}`;
    throw final('HOST_UNREACHABLE', text, 'krakenctl status');
  }
  const fleet = await planners.openFleet({ input: asked, view, nowMs: Date.now() });
  const { vms, dismissed, forgotten } = fleet.plan;
  const isForInstalled = verb === 'publish' || (verb === 'upgrade' && isAnyInstalled(fleet.plan, view));
  if (vms.length === 0 && !dismissed && !forgotten && !isForInstalled) {
    throw final('NO_AGENTS', 'no VM was named and the record has none', 'krakenctl agent deploy 10.0.2.10');
  }
  const known = view.record?.digest;
  const digest = isPublishing(asked) || !known ? await lookers.resolveAgentImage({ spec, known }) : known;
  // Histories of before have every host asked, the unseen ones too.
  const unseen = patched('unseen-hosts-are-left') ? view.unseen : [];
  return { ...fleet, spec, digest, unseen, logins };
}

/** That is meant, and so needs no VM that somebody logs in to. */
function isAnyInstalled({ installed }: FleetPlan, { enrolled }: FleetView): boolean {
  return (installed ?? enrolled).length > 0;
}

function isBringing({ verb }: FleetInput): boolean {
  return verb === 'deploy' || verb === 'upgrade';
}

function isPublishing(input: FleetInput): boolean {
  return isBringing(input) || input.verb === 'publish';
}

function stagesBefore(input: FleetInput, { plan, logins }: Looked): { id: string; title: string; steps: never[] }[] {
  const before = [{ id: 'record', title: 'desired agents onto the nodes', steps: [] }];
  if (logins) before.push({ ...loginsStage, steps: [] });
  if (isPublishing(input)) before.push({ id: 'publish', title: 'what VMs install from', steps: [] });
  if (plan.dismissed) before.push({ id: 'dismiss', title: dismissTitle, steps: [] });
  return before;
}

/** On the cluster's own hosts, before the first VM. */
async function prepare(
  hosts: FleetHosts,
  { record, digest, logins, plan }: Looked,
): Promise<Pick<FleetState, 'serials' | 'sentinel'>> {
  const { input, unseen } = hosts;
  const { spec, operation } = input;
  await writeRecord(hosts, isPublishing(input) ? { ...record, digest } : record);
  const serials = logins && (await bringLogins(hosts, logins));
  if (isPublishing(input)) await publish(hosts, digest);
  if (plan.dismissed) await dismiss(hosts, plan.dismissed);
  const away = unseen.map(({ host }) => host);
  const sentinel = isBringing(input) ? await proofs.pushSentinel({ spec, operation, away }) : undefined;
  return { ...(serials && { serials }), sentinel };
}
