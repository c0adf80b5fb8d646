import { type FleetRecord, recordedVms } from './fleet-record';
import type { EnrolledVm } from './install-source';
import { type VmAddress, vmName } from './vm';

/** In which order and how many at once; `text` values are a number or a percentage of the VMs. */
export interface FleetPolicy {
  concurrency: number;
  /** More left behind than this stops the operation: no further VM is begun. */
  maxFailures: string;
  /** VMs that must be done before any other is begun. */
  canary: number;
  /** VMs of each later batch. */
  batch: string;
}

export interface FleetBatch {
  id: string;
  title: string;
  /** It ends when so many VMs in all have been begun. */
  until: number;
  /** `done`: as many must be done, others are taken in place of those that are left. */
  counts: 'begun' | 'done';
}

export interface FleetPlan {
  vms: VmAddress[];
  batches: FleetBatch[];
  maxFailures: number;
  concurrency: number;
  /** Addresses of VMs that installed themselves and are told to leave; nobody logs in there. */
  dismissed?: string[];
  /** Addresses of VMs that installed themselves and were named; absent: all of them are meant. */
  installed?: string[];
  /** Addresses of VMs that are taken off the record, whatever is on them. */
  forgotten?: string[];
}

export interface FleetWish {
  verb: 'deploy' | 'upgrade' | 'restart' | 'remove' | 'publish';
  vms: VmAddress[];
  policy: FleetPolicy;
  /** Of a removal: VMs that do not come back, so nobody logs in to them. */
  forget?: boolean;
}

/** Each VM once, by the login that comes last. Natural order: vm-2 before vm-10, 10.0.2.9 before 10.0.2.10. */
export function sortVms(vms: VmAddress[]): VmAddress[] {
  const each = new Map(vms.map((vm) => [vmName(vm), vm]));
  return [...each.values()].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/**
 * The record afterwards: written before the first VM is touched, so that what was asked for outlives every death. Who is to leave stays in it
 * until it is gone, so that a removal that was stopped can go on.
 */
export function desiredAgents(
  { verb, vms, forget }: FleetWish,
  record: FleetRecord | undefined,
): Pick<FleetRecord, 'agents' | 'leaving'> {
  const { agents = [], leaving = [] } = record ?? {};
  if (verb === 'deploy') return listed(sortVms([...agents, ...vms]), without(leaving, vms));
  if (verb !== 'remove') return listed(sortVms(agents), sortVms(leaving));
  if (forget) return listed(without(agents, vms), without(leaving, vms));
  const known = recordedVms(record);
  const names = new Set(known.map(vmName));
  const going = vms.length > 0 ? vms.filter((vm) => names.has(vmName(vm))) : known;
  return listed(without(agents, going), sortVms([...leaving, ...going]));
}

function listed(agents: VmAddress[], leaving: VmAddress[]): Pick<FleetRecord, 'agents' | 'leaving'> {
  return { agents, ...(leaving.length > 0 && { leaving }) };
}

function without(vms: VmAddress[], others: VmAddress[]): VmAddress[] {
  const names = new Set(others.map(vmName));
  return sortVms(vms).filter((vm) => !names.has(vmName(vm)));
}

/** What was seen beside the record. */
export interface FleetBeside {
  /** VMs that installed themselves. */
  enrolled?: EnrolledVm[];
  /** Addresses of VMs whose credential was taken away. */
  revoked?: string[];
}

export function planFleet(
  wish: FleetWish,
  record: FleetRecord | undefined,
  { enrolled = [], revoked = [] }: FleetBeside = {},
): FleetPlan {
  const isRemoval = wish.verb === 'remove';
  const isOut = (vm: VmAddress) => !isRemoval && revoked.includes(vmName(vm));
  const recorded = recordedVms(record).filter((vm) => !isOut(vm));
  const known = isRemoval ? recorded : (record?.agents ?? []).filter((vm) => !isOut(vm));
  if (wish.forget) return forgetting(wish);
  const wanted = wish.verb === 'publish' ? [] : sortVms(wish.vms.length > 0 ? wish.vms : known);
  const installed = installedOf(wish, recorded, enrolled);
  const dismissed = isRemoval ? installed : [];
  const isNamed = wish.verb === 'upgrade' && wish.vms.length > 0;
  const unattended = new Set(isRemoval || isNamed ? installed : []);
  const vms = wanted.filter((vm) => !unattended.has(vmName(vm)));
  const { policy } = wish;
  const batches = wish.verb === 'deploy' || wish.verb === 'upgrade' ? batchesOf(vms.length, policy) : whole(vms.length);
  return {
    vms,
    batches,
    maxFailures: portion(policy.maxFailures, vms.length, Math.floor),
    concurrency: policy.concurrency,
    ...(dismissed.length > 0 ? { dismissed } : {}),
    ...(isNamed ? { installed } : {}),
  };
}

function forgetting({ vms, policy }: FleetWish): FleetPlan {
  return { vms: [], batches: [], maxFailures: 0, concurrency: policy.concurrency, forgotten: vms.map(vmName) };
}

/** Who is named and may not be: an upgrade would bring an agent that no record has, and nobody can be forgotten who was never known. */
export function strangersOf(
  { verb, vms, forget }: FleetWish,
  record: FleetRecord | undefined,
  { enrolled = [] }: FleetBeside = {},
): string[] {
  if (verb !== 'upgrade' && !forget) return [];
  const known = forget ? recordedVms(record).map(vmName) : (record?.agents ?? []).map(vmName);
  const names = new Set([...known, ...(forget ? [] : enrolled.map(({ address }) => address))]);
  return vms.map(vmName).filter((vm) => !names.has(vm));
}

/** Those that installed themselves and were named, or all. One that the record has too is reached by us. */
function installedOf({ vms }: FleetWish, recorded: VmAddress[], enrolled: EnrolledVm[]): string[] {
  const ours = new Set(recorded.map(vmName));
  const named = new Set(vms.map(vmName));
  const addresses = enrolled.map(({ address }) => address).filter((address) => !ours.has(address));
  return vms.length === 0 ? addresses : addresses.filter((address) => named.has(address));
}

function whole(total: number): FleetBatch[] {
  return total > 0 ? [{ id: 'batch-1', title: 'agents', until: total, counts: 'begun' }] : [];
}

/** A canary among as few as the canary itself would be all of them. */
export function batchesOf(total: number, policy: FleetPolicy): FleetBatch[] {
  const canary = total > policy.canary ? policy.canary : 0;
  const size = Math.max(1, portion(policy.batch, total, Math.ceil));
  const batches: FleetBatch[] = [];
  if (canary > 0) batches.push({ id: 'canary', title: 'canary', until: canary, counts: 'done' });
  const count = Math.ceil((total - canary) / size);
  for (let n = 1; n <= count; n += 1) {
    const title = count === 1 ? 'agents' : `batch ${n} of ${count}`;
    batches.push({ id: `batch-${n}`, title, until: Math.min(total, canary + n * size), counts: 'begun' });
  }
  return batches;
}

/** `3` is three of them, `10%` a tenth. */
export function portion(text: string, total: number, round: (n: number) => number): number {
  return text.endsWith('%') ? round((total * Number(text.slice(0, -1))) / 100) : Number(text);
}
