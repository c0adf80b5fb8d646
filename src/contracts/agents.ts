import type { AgentPlan } from '../cluster/agents/agent-plan';
import type { FleetPlan, FleetPolicy } from '../cluster/agents/fleet-plan';
import type { FleetRecord } from '../cluster/agents/fleet-record';
import type { EnrolledPage, EnrolledVm, ServedInstall } from '../cluster/agents/install-source';
import type { InstalledLeft, InstalledPlan, InstalledPolicy } from '../cluster/agents/installed-vms';
import type { ObservedAgent, SeenAgent } from '../cluster/agents/observed';
import type { VmAddress, VmTarget } from '../cluster/agents/vm';
import type { ClusterSpec } from '../cluster/spec';
import type { Changed } from './changed';
import type { Decision, OperationIdentity, OwnerIdentity, StageProgress } from './operation';

/** What crosses between the CLI, the fleet's workflows and their activities. */

export type FleetVerb = 'deploy' | 'upgrade' | 'restart' | 'remove' | 'publish';

export interface FleetInput {
  operation: OperationIdentity;
  verb: FleetVerb;
  spec: ClusterSpec;
  owner: OwnerIdentity;
  /** Those that are named; none: all that the record has. */
  vms: VmAddress[];
  /** How each of them was named: what is not said there of its login, the record says. */
  named?: VmTarget[];
  policy: FleetPolicy;
  /** Of a removal: taken off the record alone, since they do not come back. */
  forget?: boolean;
  /** Where an earlier run of the same operation came to (continue-as-new). */
  carried?: FleetState;
}

export interface FleetState {
  plan: FleetPlan;
  name: string;
  epoch: number;
  digest: string;
  sentinel?: Sentinel;
  /** VMs of {@link FleetPlan.vms} that were begun. */
  next: number;
  done: number;
  changed: number;
  left: LeftVm[];
  /** Of a removal: those that are gone. */
  gone?: VmAddress[];
  startedAt: number;
  stages: StageProgress[];
  /** Hosts of the cluster that were left; missing in what an older krakenctl carried on. */
  unseen?: UnseenHost[];
  serials?: Serials;
  /** What people decided so far, and who pauses it now. */
  decisions?: Decision[];
  paused?: Decision;
}

/** A host of the cluster that did not answer, and so has not what the others have. */
export interface UnseenHost {
  host: string;
  error: string;
}

/** A VM that is not as it should be. Parked ones are tried again for days without a command. */
export interface LeftVm {
  vm: VmAddress;
  state: 'parked' | 'failed';
  code: string;
  /** Empty where more than a hundred are told of. */
  why: string;
  hint?: string;
}

export interface FleetReport {
  fleet: true;
  operation: OperationIdentity;
  name: string;
  verb: FleetVerb;
  total: number;
  done: number;
  changed: number;
  left: LeftVm[];
  digest: string;
  /** VMs that installed themselves and were told to leave. */
  dismissed?: string[];
  /** VMs that were taken off the record and not touched. */
  forgotten?: string[];
  /** Of a verb that brings agents, where VMs installed themselves. */
  installed?: InstalledReport;
  /** Hosts of the cluster that were left: they lack this operation's record, or what VMs install from. */
  unseen?: UnseenHost[];
}

/** What became of the VMs that installed themselves. */
export interface InstalledReport {
  /** Had it before. */
  there: number;
  /** Came to it by this operation. */
  followed: number;
  left: InstalledLeft[];
  /** Had not spoken for long, so nobody waited for them. */
  away: number;
}

/** A tiny image of one operation, which each new agent pulls and which is read back there. */
export interface Sentinel {
  repository: string;
  digest: string;
}

export interface AgentInput {
  verb: FleetVerb;
  spec: ClusterSpec;
  vm: VmAddress;
  /** What `kraken-agent` was resolved to. */
  digest: string;
  epoch: number;
  sentinel?: Sentinel;
  /** How many credentials it had before; absent: none. */
  serial?: number;
}

/** By the address of the VM; those that are not named have their first credential. */
export type Serials = Record<string, number>;

export type AgentOutcome = { state: 'done'; changed: boolean } | Omit<LeftVm, 'vm'>;

/** A step on one VM; `release` is the one that was planned, so that a worker that renders another refuses. */
export interface AgentStepInput extends AgentInput {
  release: string;
  /** What was there before, which may be no agent; missing where it is not known. */
  before?: AgentBefore;
}

export interface AgentBefore {
  /** The release that was made to run. */
  release?: string;
}

/** What was begun with a release that is not to stay. */
export interface PutBackInput extends AgentStepInput {
  before: AgentBefore;
  /** It was made the one that runs, or that was begun. */
  wasActivated: boolean;
}

export interface AgentLook {
  release: string;
  plan: AgentPlan;
  /** Some agent of this cluster is there, whatever its release. */
  installed: boolean;
  /** Its release; missing in what an older worker looked at. */
  current?: string;
  ready: boolean;
}

export interface BalancerInstall extends ServedInstall {
  host: string;
}

/** What the nodes' records say of the fleet. */
export interface FleetView {
  record?: FleetRecord;
  highestEpoch: number;
  /** VMs that installed themselves. */
  enrolled: EnrolledVm[];
  /** Where the page of them ends that was asked for, when there are more. */
  next?: string;
  /** What the load balancers that could be seen serve. */
  installs: BalancerInstall[];
  unseen: UnseenHost[];
  /** Addresses of VMs whose credential was taken away: only who is named is let in again. */
  revoked?: string[];
  /** Which TLS the cluster has, by its record, whatever is wanted; absent in what an older worker looked at. */
  recorded?: RecordedTls;
}

/** Empty where there is none, or no cluster yet. */
export type RecordedTls = Pick<ClusterSpec, 'tls'>;

/** What is done on VMs goes by how far the cluster's TLS is, not by what is wanted of it: that comes with a deploy. */
export function asRecorded(spec: ClusterSpec, { recorded }: { recorded?: RecordedTls }): ClusterSpec {
  if (!recorded) return spec;
  const { tls: _, ...plain } = spec;
  return { ...plain, ...recorded };
}

export interface OpenedFleet {
  name: string;
  epoch: number;
  plan: FleetPlan;
  record: FleetRecord;
}

export interface InstallInput {
  spec: ClusterSpec;
  host: string;
  epoch: number;
  digest: string;
}

export interface TurnsInput extends Pick<InstallInput, 'spec' | 'host' | 'epoch'> {
  sentinel?: Sentinel;
  to: string[] | 'all';
}

export interface InstalledWave {
  spec: ClusterSpec;
  release: string;
  epoch: number;
  /** Those that were given their turn last. */
  addresses: string[];
  /** Milliseconds since the epoch: whoever has not come to it then is late. */
  untilMs: number;
  /** More left than that, and the others are not waited for. */
  mayLeave: number;
}

export interface InstalledOutcome {
  there: number;
  left: InstalledLeft[];
}

export interface AgentProof {
  digest: string;
  seconds: number;
}

export interface AgentPull {
  vm: VmAddress;
  ok: boolean;
  digest?: string;
  via?: string;
  seconds?: number;
  error?: string;
  hint?: string;
}

/**
 * VMs in one answer: of ten thousand at once Temporal would take no answer, for which 2 MB is the most. One VM is told in at most 2 KB, one that installed
 * itself in at most 400 bytes.
 */
export const agentsPerPage = 500;
export const enrolledPerPage = 1000;

/** Every agent that shall be, by its address alone, and a page of the VMs that installed themselves. */
export interface AgentRoster {
  vms: VmAddress[];
  /** VMs that are to lose their agent and may still have it. */
  leaving?: VmAddress[];
  /** Image of the record; undefined where no operation brought agents yet. */
  digest?: string;
  enrolled: EnrolledVm[];
  next?: string;
  installs: BalancerInstall[];
  unseen: UnseenHost[];
  recorded?: RecordedTls;
}

/** Answers of `agent list`: what is seen now, beside what was asked for. */
export interface ListedAgent {
  vm: VmAddress;
  seen: ObservedAgent;
  /** The release that the record and this spec ask for. */
  wanted: string;
  plan: AgentPlan;
  /** Its credential was taken away. */
  revoked?: boolean;
}

export interface AgentActivities {
  /** `agents.json` of all nodes: the highest generation on a majority counts. */
  readFleet(input: {
    spec: ClusterSpec;
    /** Of the VMs that installed themselves: their addresses alone, or some of them; absent: all that is known of all. */
    enrolled?: 'addresses' | EnrolledPage;
  }): Promise<FleetView>;
  /** Names the operation, and says which VMs it is about and in which batches. */
  openFleet(input: { input: FleetInput; view: FleetView; nowMs: number }): Promise<OpenedFleet>;
  /** Writes `agents.json` on one node. */
  writeFleet(input: { spec: ClusterSpec; host: string; epoch: number; record: FleetRecord }): Promise<Changed>;
  /** Takes those off the list of one node that were to leave and are gone. */
  forgetRemoved(input: { spec: ClusterSpec; host: string; epoch: number; vms: VmAddress[] }): Promise<Changed>;
  /** Whether the nodes' record still asks for an agent on a VM that is tried again for days. */
  isAgentWanted(input: {
    spec: ClusterSpec;
    vm: VmAddress;
  }): Promise<{ wanted: true } | { wanted: false; why: string }>;
  resolveAgentImage(input: { spec: ClusterSpec; known?: string }): Promise<string>;
  /** The agent's image in the engine of one load balancer. */
  ensureInstallImage(input: InstallInput): Promise<Changed>;
  /** `/install` of one load balancer: script, release and image. */
  publishInstall(input: InstallInput): Promise<Changed>;
  /** Of workflows before turns: 100 lets all VMs that installed themselves take what one load balancer serves. */
  openInstallWave(input: InstallInput & { percent: number }): Promise<Changed>;
  /** Of the VMs that installed themselves, those that shall take what is served, in which order. */
  planInstalled(input: { spec: ClusterSpec; digest: string; policy: InstalledPolicy }): Promise<InstalledPlan>;
  /** Which of them may take what one load balancer serves. */
  giveTurns(input: TurnsInput): Promise<Changed>;
  /** Ends when each of them has come to it or is left. */
  awaitInstalled(input: InstalledWave): Promise<InstalledOutcome>;
  /** Tells VMs that installed themselves to leave, on one load balancer. */
  dismissVms(input: { spec: ClusterSpec; host: string; epoch: number; addresses: string[] }): Promise<Changed>;
  /** Through the first load balancer that takes it; those that are away are not asked. */
  pushSentinel(input: { spec: ClusterSpec; operation: OperationIdentity; away?: string[] }): Promise<Sentinel>;
  lookAtAgent(input: AgentInput): Promise<AgentLook>;
  ensureAgentImage(input: AgentStepInput): Promise<Changed>;
  ensureAgentRelease(input: AgentStepInput): Promise<Changed>;
  /** Its credential, or none any more where nobody needs a login. */
  ensureAgentLogin(input: AgentInput): Promise<Changed>;
  ensureAgentActive(input: AgentStepInput): Promise<Changed>;
  /** A VM on which a release does not come to run is as it was before it. */
  putBackAgent(input: PutBackInput): Promise<Changed>;
  ensureAgentAbsent(input: AgentInput): Promise<Changed>;
  restartAgent(input: AgentInput): Promise<Changed>;
  /** Ready, and the sentinel came through this agent and was read back. */
  proveAgent(input: AgentStepInput): Promise<AgentProof>;
  /** All at once, each with a limit of its own; an unreachable VM is an answer. */
  listAgents(input: { spec: ClusterSpec; vms: VmAddress[]; digest?: string }): Promise<ListedAgent[]>;
  /** `kraken-pull` on one VM. */
  pullOnVm(input: { spec: ClusterSpec; vm: VmAddress; image: string }): Promise<AgentPull>;
}

export type { SeenAgent };
