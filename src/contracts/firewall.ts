import type { FirewallAction, FirewallPlan } from '../cluster/firewall/firewall-plan';
import type { FirewallLook } from '../cluster/firewall/observed';
import type { ClusterSpec } from '../cluster/spec';
import type { Changed } from './changed';
import type { CrossedObserved } from './crossed';
import type { OperationIdentity, OwnerIdentity } from './operation';

/** What crosses between the CLI, the operation on the firewall's rules and its activities. */

export type { FirewallAction };

export interface FirewallInput {
  operation: OperationIdentity;
  spec: ClusterSpec;
  owner: OwnerIdentity;
  action: FirewallAction;
  /** Go on without the nodes that cannot be reached; VMs are left to do in any case. */
  skipUnreachable: boolean;
  /** Rules that nobody has kept by then are taken back. */
  trialSeconds: number;
}

export interface FirewallReport {
  operation: OperationIdentity;
  name: string;
  action: FirewallAction;
  changed: boolean;
  plan: FirewallPlan;
  left: { host: string; why: string }[];
}

/** Every host that has rules, and a mark of the list of VMs that they were made from. */
export interface FirewallFleet {
  hosts: { id: string; role: 'node' | 'vm' }[];
  fleet: string;
  /** VMs that installed themselves; nobody logs in there, and rules let them in by FIREWALL_PEERS alone. */
  enrolled: string[];
  /** Nodes whose list of VMs could not be read. */
  unseen: { host: string; error: string }[];
}

/** A host, and what its rules are made from: the activity renders again and refuses when it would be others than were planned. */
export interface FirewallTarget {
  spec: ClusterSpec;
  host: string;
  fleet: string;
}

export interface FirewallStepInput extends FirewallTarget {
  epoch: number;
  sum: string;
}

export interface FirewallTrialInput extends FirewallStepInput {
  seconds: number;
}

/** `reverted`: no login was possible while they were on trial. `late`: nobody tried in time. */
export type FirewallVerdict =
  | { state: 'kept'; changed: boolean }
  | { state: 'reverted'; why: string }
  | { state: 'late' };

/** Ports of a host that another does not reach although it shall. */
export interface FirewallCuts {
  tried: number;
  cut: { from: string; port: number }[];
}

export interface FirewallInspection {
  plan: FirewallPlan;
  looks: FirewallLook[];
  enrolled: string[];
  tookMs: number;
}

export interface FirewallActivities {
  /** @throws ADDRESS_NEEDED where a host is known by a name. */
  listFirewallHosts(input: { spec: ClusterSpec; action: FirewallAction }): Promise<FirewallFleet>;
  /** Unreachable is an answer, not a failure. */
  lookAtFirewall(input: FirewallTarget): Promise<FirewallLook>;
  planFirewall(input: {
    spec: ClusterSpec;
    action: FirewallAction;
    looks: FirewallLook[];
    observed: CrossedObserved;
  }): Promise<FirewallPlan>;
  /** Lays the rules of one host beside those that hold. */
  stageFirewall(input: FirewallStepInput): Promise<Changed>;
  /** Loads them, with a timer that takes them back. */
  tryFirewall(input: FirewallTrialInput): Promise<{ state: 'loaded' | 'kept' | 'gone' }>;
  /** Other nodes try the ports that they have to reach. */
  probeFirewall(input: FirewallTarget): Promise<FirewallCuts>;
  /** Logs in anew and keeps them from there; ends when they are kept, or were seen taken back. */
  keepFirewall(input: FirewallTrialInput): Promise<FirewallVerdict>;
  /** Takes rules on trial back at once. */
  takeBackFirewall(input: FirewallStepInput): Promise<Changed>;
  /** The rules come back when the host starts. */
  enableFirewall(input: FirewallStepInput): Promise<Changed>;
  removeFirewall(input: { spec: ClusterSpec; host: string; epoch: number }): Promise<Changed>;
  /** All hosts and the plan for them, in one look; changes nothing. */
  inspectFirewall(input: { spec: ClusterSpec; action: FirewallAction }): Promise<FirewallInspection>;
}
