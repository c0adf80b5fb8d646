import type { FleetRecord } from './fleet-record';
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
}

export interface FleetWish {
  verb: 'deploy' | 'upgrade' | 'restart' | 'remove' | 'publish';
  vms: VmAddress[];
  policy: FleetPolicy;
}

/** Natural order: vm-2 before vm-10, 10.0.2.9 before 10.0.2.10. */
export function sortVms(vms: VmAddress[]): VmAddress[] {
  return [...new Set(vms)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/** The record afterwards: written before the first VM is touched, so that what was asked for outlives every death. */
export function desiredAgents({ verb, vms }: FleetWish, record: FleetRecord | undefined): VmAddress[] {
  const known = record?.agents ?? [];
  if (verb === 'deploy') return sortVms([...known, ...vms]);
  const gone = new Set(vms.length > 0 ? vms : known);
  return verb === 'remove' ? known.filter((vm) => !gone.has(vm)) : sortVms(known);
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
  const isOut = (vm: VmAddress) => wish.verb !== 'remove' && revoked.includes(vmName(vm));
  const known = (record?.agents ?? []).filter((vm) => !isOut(vm));
  const wanted = wish.verb === 'publish' ? [] : sortVms(wish.vms.length > 0 ? wish.vms : known);
  const installed = installedOf(wish, known, enrolled);
  const dismissed = wish.verb === 'remove' ? installed : [];
  const isNamed = wish.verb === 'upgrade' && wish.vms.length > 0;
  const unattended = new Set(wish.verb === 'remove' || isNamed ? installed : []);
  const vms = wanted.filter((vm) => known.includes(vm) || !unattended.has(vmName(vm)));
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

/** Those that installed themselves and were named, or all. One that the record has too is reached by us. */
function installedOf({ vms }: FleetWish, known: VmAddress[], enrolled: EnrolledVm[]): string[] {
  const ours = new Set(known.map(vmName));
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
