import type { ResolvedImages } from '../cluster/desired';
import type { DestroyPlan } from '../cluster/destroy-plan';
import type { MaintenanceWindow } from '../cluster/maintenance-window';
import type { ClusterRecord, Observed } from '../cluster/observed';
import type { RolloutPace } from '../cluster/pace';
import type { Plan } from '../cluster/plan';
import type { ClusterSpec } from '../cluster/spec';
import type { FailureDetails } from './failures';

export type { MaintenanceWindow };

/** What crosses between the CLI and the workflows. */

export interface OperationIdentity {
  /** `YYYYMMDD-HHMMSS-verb-xxxx`, made by the CLI. */
  id: string;
  verb: string;
  /** `ana@ops-1`. */
  actor: string;
  /** Why, in the words of whoever began it. */
  reason?: string;
}

/** How a change goes over the hosts, and where a person or a clock holds it. */
export interface RolloutPolicy {
  /** Nodes at once, where their parts allow it. */
  batch: number;
  approveEachNode: boolean;
  /** An approval that nobody gives within this time ends the operation. */
  approveWithinMs: number;
  /** How long each node is watched before the next; undefined: the product's default. */
  bakeMs?: number;
  window?: MaintenanceWindow;
  rollback: boolean;
}

/** What holds for an operation that says nothing. */
export const defaultRollout: RolloutPolicy = {
  batch: 1,
  approveEachNode: false,
  approveWithinMs: 30 * 24 * 3_600_000,
  rollback: true,
};

/** Where a value of the spec came from, by path in the spec: `images.version` → key and `.env:14`. */
export type SpecOrigins = Record<string, { key: string; origin: string }>;

/** The krakenctl that works, as recorded in `owner.json`. */
export interface OwnerIdentity {
  temporal: string;
  namespace: string;
}

export type TlsRenewal = 'certificates' | 'authority';

export interface DeployInput {
  operation: OperationIdentity;
  spec: ClusterSpec;
  origins: SpecOrigins;
  owner: OwnerIdentity;
  /** Plan token: refuse when the plan made now is another. */
  planHash?: string;
  /** New certificates, or a new authority with them, though what is there is good. */
  renew?: TlsRenewal;
  /** Exactly these images, whatever their tags name by now; asked for where nothing is said. */
  images?: ResolvedImages;
  /** Generation of the record to whose release an operation has just brought the agents, as far as it was allowed to leave none behind. */
  agentsAt?: number;
  /** Absent in operations that began before there was one: they are not rolled back. */
  policy?: RolloutPolicy;
  /** As `.env` has it, without what was said for once: so whoever begins later operations by a schedule has it. */
  lasting?: Pick<RolloutPolicy, 'bakeMs' | 'window'>;
  /** An undo: the images of the state that is come back to, and the generation that it takes back. */
  undo?: { images: ResolvedImages; takesBack: number; operation: string };
  /** How long a run's history may become; what Temporal suggests where nothing is said. */
  runBounds?: RunBounds;
}

/** How long a history may become before the operation goes on in a further run. */
export interface RunBounds {
  events: number;
  bytes: number;
}

export interface InspectInput {
  spec: ClusterSpec;
  origins: SpecOrigins;
  /** Probe readiness of each part too. */
  probe: boolean;
  /** As the deploy would go that the plan is for. */
  pace?: RolloutPace;
  /** Compressed where it is large (`packed.ts`). */
  pack?: true;
}

export interface Inspection {
  observed: Observed;
  /** Absent when images could not be resolved, for example. */
  plan?: Plan;
  planFailure?: OperationFailure;
  /** The record that a majority holds. */
  record?: ClusterRecord;
  /** The stage that the plan leads to, and those after it. */
  tls?: TlsReport;
}

/** As it crosses (`packed.ts`). */
export type CrossedInspection = Inspection | { packed: string };

export type StepState = 'waiting' | 'running' | 'done' | 'failed';

export interface StageProgress {
  id: string;
  title: string;
  state: StepState;
  startedAt?: number;
  endedAt?: number;
  total: number;
  done: number;
  /** What runs now: `node-2: start origin`; or the gate that is waited for. */
  now: string[];
  /** One line when done: `27 containers`. */
  detail?: string;
}

/** Why an operation goes no further at a safe point. Times are milliseconds since the epoch. */
export interface Hold {
  kind: 'paused' | 'approval' | 'window';
  /** Id and title of the safe point: `node-2`. */
  point: string;
  title: string;
  since: number;
  /** The window opens, the approval expires. */
  until?: number;
  /** Who paused it, and why. */
  by?: string;
  reason?: string;
}

/** What a person decided about an operation under way. */
export interface Decision {
  at: number;
  actor: string;
  what: 'paused' | 'resumed' | 'approved' | 'denied' | 'cancelled';
  point?: string;
  reason?: string;
}

/** What a person who decides sends. */
export interface DecisionRequest {
  actor: string;
  reason?: string;
  /** Which operation is meant: another may have taken its place. */
  operation?: string;
  /** Of an approval: the safe point that was seen waiting, so that no other is approved in its place. */
  point?: string;
}

/** What was decided, and about which safe point where it waits at one. */
export interface DecisionResult {
  what: Decision['what'];
  /** Of the operation: `deploy-3`. */
  name: string;
  point?: string;
  title?: string;
}

/** Answer of the `progress` query. Times are milliseconds since the epoch, workflow clock. */
export interface OperationProgress {
  version: number;
  operation: OperationIdentity;
  /** `deploy-2`; known once the record was read. */
  name?: string;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  startedAt: number;
  endedAt?: number;
  stages: StageProgress[];
  plan?: Plan;
  failure?: OperationFailure;
  hold?: Hold;
  /** Absent in what older workflows answer. */
  decisions?: Decision[];
  /** It has safe points, so a person may hold it. */
  canHold?: boolean;
}

export interface OperationFailure extends FailureDetails {
  code: string;
  message: string;
}

export interface ProofReport {
  canaryDigest: string;
  pushedThrough: string;
  pulledThrough: string;
  announcedThrough: string;
  announceKey: string;
  pushMs: number;
  pullMs: number;
}

export interface SmokeInput {
  operation: OperationIdentity;
  spec: ClusterSpec;
}

export interface DeployReport {
  operation: OperationIdentity;
  name: string;
  changed: boolean;
  plan: Plan;
  proof?: ProofReport;
  generation: number;
  /** Absent where nobody speaks of TLS. */
  tls?: TlsReport;
}

/** Stages of TLS that an operation went through, `off` among them, and those that the next deploys go through. */
export interface TlsReport {
  stages: string[];
  left: string[];
  /** Why the certificate steward could not be made or taken away; absent where all is well. */
  noSteward?: string;
  /** What is left waits for them: they would not be understood in it. Absent where it waits for nobody. */
  agents?: WaitedForAgents;
}

export interface WaitedForAgents {
  /** Agents of the record. */
  known: number;
  /** VMs that installed themselves, as the load balancers know them. */
  installed: number;
}

/** What a destroy is about; the same for the look before it. */
export interface DestroyChoice {
  spec: ClusterSpec;
  /** Data folders and the record stay, so that a later deploy brings the data back. */
  keepData: boolean;
  /** Go on without the hosts that cannot be reached. */
  skipUnreachable: boolean;
}

export interface DestroyInput extends DestroyChoice {
  operation: OperationIdentity;
  owner: OwnerIdentity;
  /** Hash of the plan that the person has seen and confirmed: refused when the plan made now is another. */
  planHash: string;
}

export interface DestroyReport {
  operation: OperationIdentity;
  name: string;
  changed: boolean;
  plan: DestroyPlan;
}

export interface TakeOverInput {
  operation: OperationIdentity;
  spec: ClusterSpec;
  owner: OwnerIdentity;
  /** Ids of the owners that the person has seen and confirmed. */
  from: string[];
}

export interface TakeOverReport {
  operation: OperationIdentity;
  name: string;
  changed: boolean;
  /** Hosts that name us now. */
  hosts: string[];
  epoch: number;
  left: { host: string; why: string }[];
}
