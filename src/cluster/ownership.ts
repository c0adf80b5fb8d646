import { isSeen, type Observed, type RecordOwner, type SeenHost } from './observed';
import { highestEpoch, highestRecord } from './record';

/** Whose a cluster is, as its hosts say: which of them name us, which another krakenctl, which nobody. */
export interface Ownership {
  ours: string[];
  foreign: { host: string; owner: RecordOwner }[];
  /** Hosts without an owner: never deployed to, or destroyed. */
  unowned: string[];
  unseen: { host: string; error: string }[];
  /** Highest epoch of an operation that any host has seen. */
  epoch: number;
  /** Of the newest record that was seen; undefined where there is none. */
  lastOperation?: { id: string; name: string; actor: string; endedAt: string };
}

export function judgeOwnership(observed: Observed, ownerId: string): Ownership {
  const seen = observed.hosts.filter(isSeen);
  const of = (pick: (owner: RecordOwner | undefined) => boolean) =>
    seen.filter((h) => pick(h.owner)).map((h) => h.host);
  return {
    ours: of((owner) => owner?.id === ownerId),
    foreign: seen.flatMap(({ host, owner }: SeenHost) => (owner && owner.id !== ownerId ? [{ host, owner }] : [])),
    unowned: of((owner) => owner === undefined),
    unseen: observed.hosts.flatMap((h) => (h.reachable ? [] : [{ host: h.host, error: h.error }])),
    epoch: highestEpoch(seen),
    lastOperation: highestRecord(seen)?.operation,
  };
}

export function describeOwner({ temporal, namespace }: RecordOwner): string {
  return `it is looked after by another krakenctl (${temporal}, namespace ${namespace})`;
}

export function foreignHosts(observed: Observed, ownerId: string): { host: string; why: string }[] {
  return judgeOwnership(observed, ownerId).foreign.map(({ host, owner }) => ({ host, why: describeOwner(owner) }));
}

/** What a take-over would come to; the epoch of an operation that has begun elsewhere cannot be above it. */
export type TakeOverVerdict =
  | { kind: 'nothing'; why: string }
  | { kind: 'refused'; why: string }
  | { kind: 'take'; hosts: string[]; left: { host: string; why: string }[]; from: RecordOwner[] };

export function judgeTakeOver(ownership: Ownership): TakeOverVerdict {
  const { ours, foreign, unowned, unseen } = ownership;
  const seen = ours.length + foreign.length + unowned.length;
  const nodes = seen + unseen.length;
  if (seen <= nodes / 2) {
    const errors = unseen.map((u) => `${u.host}: ${u.error}`).join('; ');
    return { kind: 'refused', why: `only ${seen} of ${nodes} hosts can be seen, which is no majority: ${errors}` };
  }
  if (foreign.length === 0) {
    const why = ours.length > 0 ? 'it is ours already' : 'no host names an owner: deploy makes it ours';
    return { kind: 'nothing', why };
  }
  const from = new Map(foreign.map(({ owner }) => [owner.id, owner]));
  return {
    kind: 'take',
    hosts: [...foreign.map((f) => f.host), ...ours, ...unowned].sort(),
    left: unseen.map(({ host }) => ({ host, why: 'it could not be reached and still names the other owner' })),
    from: [...from.values()],
  };
}
