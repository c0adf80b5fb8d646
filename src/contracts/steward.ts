import type { ResolvedImages } from '../cluster/desired';
import type { ClusterSpec } from '../cluster/spec';
import type { Changed } from './changed';
import type { MaintenanceWindow, OwnerIdentity } from './operation';

/** The certificate steward: a schedule of Temporal for each cluster with TLS, and what it does when its turn comes. */

/** Who is named where it begins an operation. */
export const stewardName = 'certificate steward';

/** What a turn begins with. `spec`: where the nodes are; everything else is taken from their record. */
export interface StewardInput {
  spec: ClusterSpec;
  owner: OwnerIdentity;
  /** As the deploy had them that made the schedule. */
  pace: { bakeMs?: number; window?: MaintenanceWindow };
}

/** How its schedule is kept; all in milliseconds. */
export interface StewardRhythm {
  everyMs: number;
  jitterMs: number;
  /** A turn that was missed is made up for within this time, later ones are not. */
  catchupMs: number;
}

/** Often enough for thirty looks in a life of certificates, and twice a day for long ones, so that Temporal still knows the last turn. */
export function stewardRhythm(lifetimeSeconds: number): StewardRhythm {
  const everyMs = Math.min(12 * 3600, Math.max(10, Math.floor(lifetimeSeconds / 30))) * 1000;
  return { everyMs, jitterMs: Math.floor(everyMs / 10_000) * 1000, catchupMs: everyMs };
}

/** What is recorded of a cluster's certificates, judged now. Times are ISO 8601. */
export type CertificatesVerdict =
  /** Too few nodes were seen to know. */
  | { state: 'unseen'; why: string }
  /** Another krakenctl looks after the cluster. */
  | { state: 'foreign'; why: string }
  /** There is no cluster with TLS any more. */
  | { state: 'gone'; why: string }
  | { state: 'good'; until: string; dueAt: string }
  /** `ended`: it is over already. `given`: files of a person, of which krakenctl makes no others. */
  | { state: 'due'; until: string; ended: boolean; given: true }
  | { state: 'due'; until: string; ended: boolean; given: false; spec: ClusterSpec; images: ResolvedImages };

/** What came of a turn. */
export interface StewardReport {
  /**
   * `nothing`: they are good; `warned`: they are due, and a person's own; `left`: another operation runs; `rotated`: an operation made others and every port
   * shows them; `failed`: it did not, or not every port does; `unseen`, `foreign`, `gone`: as in {@link CertificatesVerdict}.
   */
  did: 'nothing' | 'warned' | 'left' | 'rotated' | 'failed' | 'unseen' | 'foreign' | 'gone';
  /** For a person, one line. */
  text: string;
  /** Of the operation that it began. */
  operation?: string;
  /** Of a failed one, by which it is named. */
  code?: string;
}

export interface StewardActivities {
  /** Reads the record of every node. Changes nothing. */
  judgeCertificates(input: { spec: ClusterSpec }): Promise<CertificatesVerdict>;
  /** Makes the schedule, or brings it to what it should be, and reads it back; one that a person paused stays paused. */
  ensureSteward(input: StewardInput): Promise<Changed>;
  /** Takes the schedule away, and sees that it is gone. A turn under way goes on. */
  removeSteward(input: { cluster: string }): Promise<Changed>;
}
