import { batchesOf, type FleetBatch, type FleetPolicy, portion } from './fleet-plan';
import type { EnrolledVm } from './install-source';

/**
 * VMs that installed themselves: nobody logs in there. They look every five minutes, say what they run, and take what is served when they were given their
 * turn. So a fleet's operation gives turns, and its gate is what they say.
 */

/** Whoever has not spoken for so long has missed three looks. */
export const awayAfterSeconds = 20 * 60;

/** Each takes minutes, since they look every five. */
const mostBatches = 100;

/** What one of them shall have, and which operation wants it. */
export interface InstalledWish {
  release: string;
  epoch: number;
}

export interface InstalledPlan {
  release: string;
  /** Addresses of those that have another release, in the order in which they get their turn. */
  turns: string[];
  batches: FleetBatch[];
  /** More left behind than that, of all VMs of the operation, and no further one gets its turn. */
  maxFailures: number;
  /** Have it. */
  there: number;
  /** Have not spoken for long; they follow by themselves once all may. */
  away: number;
}

export interface InstalledPolicy extends FleetPolicy {
  /** VMs of the same operation that somebody logs in to. */
  others: number;
  /** Addresses of those alone that are meant; absent: all. */
  named?: string[];
}

export function planInstalled(
  vms: EnrolledVm[],
  release: string,
  { named, others, ...policy }: InstalledPolicy,
): InstalledPlan {
  const meant = vms.filter(({ address, leaving }) => !leaving && (named?.includes(address) ?? true));
  const behind = meant.filter((vm) => vm.release !== release);
  const turns = behind.filter((vm) => !isAway(vm)).map(({ address }) => address);
  const size = Math.max(portion(policy.batch, turns.length, Math.ceil), Math.ceil(turns.length / mostBatches));
  return {
    release,
    turns,
    batches: batchesOf(turns.length, { ...policy, batch: String(size) }).map((batch) => ({
      ...batch,
      id: `installed-${batch.id}`,
    })),
    maxFailures: portion(policy.maxFailures, others + turns.length, Math.floor),
    there: meant.length - behind.length,
    away: behind.length - turns.length,
  };
}

/** One that is not as it should be. `late`: it speaks and has not come to it in time; `away`: it does not speak any more. */
export interface InstalledLeft {
  address: string;
  state: 'failed' | 'away' | 'late';
  /** Empty where more than a hundred are told of. */
  why: string;
}

export interface InstalledJudgement {
  /** Run it, and an image came through their agent. */
  there: string[];
  waiting: string[];
  left: InstalledLeft[];
}

/** Of those that were given their turn. */
export function judgeInstalled(addresses: string[], vms: EnrolledVm[], wish: InstalledWish): InstalledJudgement {
  const known = new Map(vms.map((vm) => [vm.address, vm]));
  const judgement: InstalledJudgement = { there: [], waiting: [], left: [] };
  for (const address of addresses) {
    const vm = known.get(address);
    const state = stateOf(vm, wish);
    if (state === 'there') judgement.there.push(address);
    else if (state === 'waiting') judgement.waiting.push(address);
    else judgement.left.push({ address, state, why: whyOf(vm, state) });
  }
  return judgement;
}

/** When the time is over, whoever still speaks is late. */
export function lateOf(waiting: string[], vms: EnrolledVm[], { release }: InstalledWish): InstalledLeft[] {
  const known = new Map(vms.map((vm) => [vm.address, vm]));
  return waiting.map((address) => {
    const runs = known.get(address)?.release ?? 'nothing that is known';
    const why = runs === release ? 'no image came through its agent yet' : `it still runs ${runs}`;
    return { address, state: 'late', why };
  });
}

function stateOf(
  vm: EnrolledVm | undefined,
  { release, epoch }: InstalledWish,
): 'there' | 'waiting' | 'failed' | 'away' {
  if (vm?.release === release && vm.proven === release) return 'there';
  // What failed under an earlier operation is tried again under this one.
  if (vm?.failed?.release === release && vm.failed.epoch === epoch) return 'failed';
  return !vm || isAway(vm) ? 'away' : 'waiting';
}

function whyOf(vm: EnrolledVm | undefined, state: 'failed' | 'away'): string {
  if (state === 'failed') return `it did not get ready and has ${vm?.release ?? 'what was there before'} again`;
  return vm ? `it has not looked for ${Math.round(vm.ageSeconds / 60)} minutes` : 'nothing was heard of it';
}

function isAway({ ageSeconds }: EnrolledVm): boolean {
  return ageSeconds > awayAfterSeconds;
}
