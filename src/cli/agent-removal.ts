import { type VmAddress, vmName } from '../cluster/agents/vm';
import type { ClusterSpec } from '../cluster/spec';
import { readRoster } from './agent-listing';
import { type Agreement, agree } from './confirmation';
import type { Temporal } from './connect';
import type { Context } from './context';
import { CliFailure } from './failure';

/** What `agent remove` may be told beside names. */
interface RemovalOptions {
  all?: boolean;
  retryFailed?: string;
  forget?: boolean;
}

export function requireTargets(named: VmAddress[], { all, retryFailed, forget }: RemovalOptions): void {
  if (all && forget)
    throw new CliFailure('USAGE', '--forget and --all: expected the names of those that do not come back');
  if (named.length > 0 && all) throw new CliFailure('USAGE', '--all and names of VMs: expected one of them');
  if (named.length > 0 || all || retryFailed) return;
  throw new CliFailure('USAGE', 'no VM is named', { hint: 'krakenctl agent remove 10.0.2.10, or --all' });
}

/** All of them are removed by the cluster's name, those that are named by a yes. */
export function describeRemoval(
  spec: ClusterSpec,
  named: VmAddress[],
  { all, retryFailed }: RemovalOptions,
): Agreement {
  if (all) return { action: `remove every agent of cluster ${spec.name}, with their data`, word: spec.name };
  const whose = retryFailed ? `that ${retryFailed} left` : `of ${countVms(named.length)}`;
  return { action: `remove the agents ${whose}, with their data` };
}

const countVms = (count: number) => (count === 1 ? '1 VM' : `${count} VMs`);

export interface Removal {
  removal: Agreement;
  spec: ClusterSpec;
  /** None: all of the record, and those that installed themselves. */
  vms: VmAddress[];
}

/** Whoever is asked is shown which VMs they are. */
export async function agreeToRemoval(
  context: Context,
  temporal: Temporal,
  { removal, spec, vms }: Removal,
): Promise<void> {
  if (!context.globals.yes) {
    const going = vms.length > 0 ? vms.map(vmName) : await listEvery(temporal, spec);
    context.output.line(`agents and their data are removed on ${countVms(going.length)}: ${going.join(' ')}`);
  }
  await agree(context, removal);
}

async function listEvery(temporal: Temporal, spec: ClusterSpec): Promise<string[]> {
  const { vms, leaving = [], enrolled } = await readRoster(temporal, spec);
  return [...[...vms, ...leaving].map(vmName), ...enrolled.map(({ address }) => address)];
}
