import type { AgentTry, CanaryVerdict } from '../cluster/agents/canary-agent';
import type { VmAddress } from '../cluster/agents/vm';
import type { ResolvedImages } from '../cluster/desired';
import type { DestroyPlan, DestroyPlanInput } from '../cluster/destroy-plan';
import type { ClusterRecord, HostFolders, LastGood, RecordOwner } from '../cluster/observed';
import type { Ownership, TakeOverVerdict } from '../cluster/ownership';
import type { RolloutPace } from '../cluster/pace';
import type { Gate, Plan, Step } from '../cluster/plan';
import type { Finding, KernelMend } from '../cluster/preflight/findings';
import type { ClusterSpec, PartName } from '../cluster/spec';
import type { UndoVerdict } from '../cluster/undo';
import type { AgentActivities } from './agents';
import type { AuthActivities } from './auth';
import type { Changed } from './changed';
import type { CrossedHost, CrossedObserved } from './crossed';
import type { FirewallActivities } from './firewall';
import type {
  CrossedInspection,
  Decision,
  InspectInput,
  MaintenanceWindow,
  OperationIdentity,
  OwnerIdentity,
  ProofReport,
  SpecOrigins,
  TlsRenewal,
} from './operation';
import type { StewardActivities } from './steward';
import type { TlsActivities } from './tls';

/**
 * Activities by noun. Each either looks, or brings exactly one resource on one host to a named end: it looks, compares,
 * acts under the fence, looks again, and says whether it changed something.
 */

export type { Changed } from './changed';

export interface HostActivities {
  /** One host, as it is. Unreachable is an answer, not a failure. `pack`: compressed where it is large. */
  observeHost(input: { spec: ClusterSpec; host: string; probe: boolean; pack?: true }): Promise<CrossedHost>;
}

export interface FolderActivities {
  /** The folders of the cluster on one host, with their sizes. */
  measureFolders(input: { spec: ClusterSpec; host: string }): Promise<HostFolders>;
  /** Removes one of the cluster's folders; `step.target` must be one of them. */
  removeFolder(input: StepInput): Promise<Changed>;
}

/** A host and what its engine runs, `linux/amd64` … */
export interface HostPlatform {
  host: string;
  platform: string;
}

export interface ImageActivities {
  /** Each reference to its digest (pull) or id (load), once per operation. `hosts`: on which it shall run. */
  resolveImages(input: { spec: ClusterSpec; known: ResolvedImages; hosts?: HostPlatform[] }): Promise<ResolvedImages>;
  ensureImage(input: StepInput): Promise<Changed>;
}

export interface TlsPlan {
  specs: ClusterSpec[];
  /** So many of them, from the first on, agents go through as they are; absent where there is no cluster yet. */
  forAgents?: number;
  /** What was asked for, in the state of TLS that is recorded: where not even the first one may be gone to. */
  stay: ClusterSpec;
}

export interface PlannerActivities {
  /** Whether it is safe to go from what was wanted to the state before it, and to which spec. */
  judgeWayBack(input: { spec: ClusterSpec; to: LastGood; name: string }): Promise<WayBackVerdict>;
  /** Folded, as it crosses (`folded-plan.ts`). */
  planDeploy(input: {
    spec: ClusterSpec;
    images: ResolvedImages;
    observed: CrossedObserved;
    origins: SpecOrigins;
    pace?: RolloutPace;
    /** Of the change that is taken back: what it has replaced listens there. */
    earlierPorts?: ClusterSpec['ports'];
  }): Promise<Plan>;
  /**
   * The states that a cluster goes through to what is wanted of its TLS, each a spec of its own, the last one what is wanted; makes an authority on
   * the worker where there is none. One's own files are judged: TLS_GIVEN.
   */
  planTls(input: {
    spec: ClusterSpec;
    observed: CrossedObserved;
    renew?: TlsRenewal;
    /** Generation of the record to whose release an operation has brought the agents. */
    agentsAt?: number;
  }): Promise<TlsPlan>;
  /** What a destroy would remove, what stands in its way and what it would leave. */
  planDestroy(input: Omit<DestroyPlanInput, 'observed'> & { observed: CrossedObserved }): Promise<DestroyPlan>;
  /** Whose the cluster is, and what a take-over by this krakenctl would come to. */
  planTakeOver(input: { observed: CrossedObserved }): Promise<TakeOverPlan>;
  /** The record of the highest generation, a majority or not; to carry on from what was known. */
  knownRecord(input: { observed: CrossedObserved }): Promise<ClusterRecord | undefined>;
  /** What an operation is called and which epoch it works under. */
  openOperation(input: { observed: CrossedObserved; operation: OperationIdentity }): Promise<OpenedOperation>;
  /** Milliseconds; 0 while it is open. Here since workflow code knows no time zones. */
  windowOpensIn(input: { window: MaintenanceWindow; nowMs: number }): Promise<number>;
}

/** `isOver`: the certificates of that state have ended, so nobody would be served there. */
export type WayBackVerdict = UndoVerdict & { isOver?: true };

export interface TakeOverPlan {
  ownership: Ownership;
  verdict: TakeOverVerdict;
}

/** A cluster as the record on one host tells it. */
export interface RecordedCluster {
  name: string;
  epoch: number;
  owner?: RecordOwner;
  /** The owner is the krakenctl that looked; undefined where there is none. */
  ours?: boolean;
  record?: ClusterRecord;
  /** Every part that the record puts on this host answers; false too where the record knows no such host. */
  serving: boolean;
  /** Why the record could not be read. */
  error?: string;
}

export type HostClusters =
  | { host: string; reachable: true; clusters: RecordedCluster[] }
  | { host: string; reachable: false; error: string };

export interface ClusterListActivities {
  /** Every cluster that has a record on this host. Unreachable is an answer, not a failure. */
  listClusters(input: { spec: ClusterSpec; host: string }): Promise<HostClusters>;
}

export interface OpenedOperation {
  /** `deploy-2` */
  name: string;
  epoch: number;
  generation: number;
  /** Temporal's id of the run that opened it, so that a reset of that one is known; absent in operations of before. */
  run?: string;
  counts: Record<string, number>;
  /** Digests of the record. */
  images: ResolvedImages;
  /** What was applied and proven last; absent before the first deploy. */
  lastGood?: LastGood;
  /** The state before that one. */
  before?: LastGood;
  /** What brought that one; later operations may have mended it. */
  broughtBy?: { id: string; name: string };
}

export interface InspectionActivities {
  /** All hosts and the plan for them, in one look; changes nothing. */
  inspectCluster(input: InspectInput): Promise<CrossedInspection>;
}

export interface PreflightActivities {
  /** All hosts, the ways between them and the images, in one look; changes nothing. */
  preflightCluster(input: PreflightInput): Promise<PreflightReport>;
  /** Brings one kernel setting of one host to its value, now and for the next start. */
  ensureKernelSetting(input: { spec: ClusterSpec; host: string; mend: KernelMend }): Promise<Changed>;
}

export interface PreflightInput {
  spec: ClusterSpec;
  /** Free ports may be listened on for a moment; false while an operation brings parts up. */
  listen: boolean;
  /** Who looks is not who deploys, and cannot say whether another owner is foreign. */
  bystander?: boolean;
}

export interface PreflightReport {
  findings: Finding[];
  /** Hosts that could be looked at. */
  seen: string[];
  /** Ports between two hosts; those on which nothing listened, and nothing was to, were not tried. */
  ways: { tried: number; untried: number };
  /** Hosts that have firewall rules of krakenctl; absent in what older workers answer. */
  firewall?: string[];
  /** Certificates are recorded. */
  certificates?: true;
  tookMs: number;
}

/** Everything an effect needs to know; the step says what must be, the spec is rendered again to know how. */
export interface StepInput {
  spec: ClusterSpec;
  images: ResolvedImages;
  operation: OperationIdentity;
  epoch: number;
  /** See OpenedOperation; a step of a plan that is of another run is refused. */
  run?: string;
  step: Step;
}

export interface ResourceActivities {
  ensureFile(input: StepInput): Promise<Changed>;
  ensureContainer(input: StepInput): Promise<Changed>;
  removeContainer(input: StepInput): Promise<Changed>;
  reloadNginx(input: StepInput): Promise<Changed>;
  /** Settings of one running Redis by CONFIG SET, read back. */
  ensureRedisSettings(input: StepInput): Promise<Changed>;
  /** Memory and CPUs of one container in place, read back. */
  ensureLimits(input: StepInput): Promise<Changed>;
  ensureRedisCluster(input: StepInput): Promise<Changed & { did: string[] }>;
  /** The Redis master of one host serves from its replica on another host, and every instance says so. */
  ensureHandedOver(input: StepInput): Promise<Changed>;
}

export type NextCanaryAgent = { vm: VmAddress } | { vm?: undefined; verdict: CanaryVerdict };

type GateOf<Kind extends Gate['kind']> = Extract<Gate, { kind: Kind }>;

export interface GateActivities {
  /** Ends when the gate was seen passed; fails with GATE_NOT_READY and the part's log tail after its time. */
  awaitGate(input: { spec: ClusterSpec; gate: GateOf<'ready' | 'redis-whole'>; timeoutMs: number }): Promise<void>;
  /**
   * Ends when all other nodes serve what those that are to go do; after its time it fails with OTHERS_NOT_READY, or, where the operation has made what
   * does not serve, with GATE_NOT_READY.
   */
  awaitOthers(input: {
    spec: ClusterSpec;
    gate: GateOf<'others'>;
    operation: OperationIdentity;
    timeoutMs: number;
  }): Promise<void>;
  /** Ends when nothing is under way on a node that is out of the load balancers, or after its time: then it goes on all the same. */
  awaitQuiet(input: { spec: ClusterSpec; gate: GateOf<'quiet'>; timeoutMs: number }): Promise<{ quiet: boolean }>;
  /** Ends when an image went through this node's own proxy, origin, build-index and tracker; fails with CANARY_FAILED after its time. */
  awaitCanary(input: {
    spec: ClusterSpec;
    gate: GateOf<'canary'>;
    operation: OperationIdentity;
    timeoutMs: number;
  }): Promise<void>;
  /** An agent that is ready and was not asked yet; else the verdict, which is what those that were asked come to. */
  nextCanaryAgent(input: { spec: ClusterSpec; gate: GateOf<'agent'>; tries: AgentTry[] }): Promise<NextCanaryAgent>;
  /**
   * Ends when this agent has got from the node what nobody else has, or when it is known whose fault it is that it did not. `seed`: of no other try. Fails
   * with CANARY_FAILED where the others' trackers send nobody to the node in its time.
   */
  tryThroughAgent(input: {
    spec: ClusterSpec;
    gate: GateOf<'agent'>;
    vm: VmAddress;
    seed: string;
    timeoutMs: number;
  }): Promise<AgentTry>;
  /**
   * Ends when this node's origin has every blob that belongs there and its build-index every tag that other nodes took in since then; fails with
   * GATE_NOT_READY after its time.
   */
  awaitCaughtUp(input: {
    spec: ClusterSpec;
    gate: GateOf<'caught-up'>;
    sinceMs: number;
    timeoutMs: number;
  }): Promise<{ blobs: number; tags: number }>;
  /** Ends when the parts were seen running and ready all the time; fails with PART_UNSTEADY as soon as one was not. */
  awaitSteady(input: { spec: ClusterSpec; gate: GateOf<'steady'> }): Promise<void>;
}

export interface LogActivities {
  /** The last lines that a part wrote, at most ten, without secrets and control characters; none where no container of ours is there. */
  readLogTail(input: { spec: ClusterSpec; host: string; part: PartName }): Promise<string[]>;
}

export interface RunActivities {
  /**
   * That the run which asks is the one that `after` (Temporal's id of a run) went over into; fails with OPERATION_RESET where it is not: then it
   * carries where things stood when that one ended.
   */
  confirmRun(input: { after: string }): Promise<{ run: string }>;
}

export interface RecordActivities {
  /** Takes a host for an operation: its fence then refuses lower epochs. */
  claimHost(input: { spec: ClusterSpec; host: string; epoch: number; owner: OwnerIdentity }): Promise<Changed>;
  /**
   * Takes a host from another krakenctl: under the fence of a higher epoch, so that what the other has under way is refused. Only
   * from the owners that a person has seen (`from`).
   */
  takeHost(input: {
    spec: ClusterSpec;
    host: string;
    epoch: number;
    owner: OwnerIdentity;
    from: string[];
  }): Promise<Changed>;
  /** Writes `state.json` on one host. */
  writeRecord(input: { spec: ClusterSpec; host: string; epoch: number; record: ClusterRecord }): Promise<Changed>;
  /** Adds one line to `operations.jsonl` on one host, once per operation. */
  appendOperation(input: {
    spec: ClusterSpec;
    host: string;
    epoch: number;
    realm?: 'agents' | 'auth';
    line: OperationLine;
  }): Promise<Changed>;
}

export interface OperationLine {
  id: string;
  name: string;
  verb: string;
  actor: string;
  startedAt: string;
  endedAt: string;
  result: 'done' | 'failed' | 'cancelled' | 'rolled-back';
  planHash: string;
  generation: number;
  /** Why it was begun, and what was decided while it ran. */
  reason?: string;
  decisions?: Decision[];
}

export interface ProofActivities {
  /** Canary pushed through one LB, pulled by digest through another, announced through a tracker and seen in Redis. */
  proveCluster(input: { spec: ClusterSpec; operation: OperationIdentity }): Promise<ProofReport>;
}

export type Activities = HostActivities &
  PreflightActivities &
  ClusterListActivities &
  FolderActivities &
  ImageActivities &
  PlannerActivities &
  InspectionActivities &
  ResourceActivities &
  GateActivities &
  LogActivities &
  RecordActivities &
  RunActivities &
  ProofActivities &
  AgentActivities &
  AuthActivities &
  FirewallActivities &
  TlsActivities &
  StewardActivities;
