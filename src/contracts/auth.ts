import type { Applicant, AuthUser, EnrolmentToken, Role, SealedAuth } from '../cluster/auth/record';
import type { ClusterSpec } from '../cluster/spec';
import type { Serials } from './agents';
import type { Changed } from './changed';
import type { OperationIdentity, OwnerIdentity } from './operation';

/** What crosses between the CLI, the operation on logins and its activities: names, roles and seals, and no password. */

export interface AuthInput {
  operation: OperationIdentity;
  spec: ClusterSpec;
  owner: OwnerIdentity;
  /** Fingerprint of the AUTH_SECRET; also where the spec asks nobody for a login yet. */
  key: string;
  /** An `AuthChange`, sealed for this operation: there may be the hash of a password in it. */
  change: string;
  /** A token is kept by a workflow of its own until then. */
  token?: { id: string; untilMs: number };
  /** What is done, for a person: `add user ci, who may push`. */
  summary: string;
}

export interface AuthReport {
  auth: true;
  operation: OperationIdentity;
  changed: boolean;
  generation: number;
  summary: string;
  /** Load balancers that have it now. */
  balancers: string[];
  /** Hosts that were left. A load balancer among them goes on with what it has until it is back and the next deploy. */
  left: { host: string; why: string }[];
}

export interface PlanAuthInput extends Pick<AuthInput, 'spec' | 'key' | 'operation'> {
  nowMs: number;
  /** As in {@link AuthInput}. */
  change?: string;
  /** Addresses of VMs that are let in again, in place of a change. */
  readmit?: string[];
  /** VMs that show a token. */
  enrol?: { token: string; applicants: Applicant[] };
  /** A token that goes. */
  forget?: string;
  /** A record with this change was written before, and may be the one that counts by now. */
  again?: boolean;
}

export interface KeptToken extends Pick<AuthInput, 'spec' | 'key' | 'operation'> {
  token: string;
  untilMs: number;
  /** Hashes by address, of those that were looked at. */
  accepted?: Record<string, string>;
}

export interface TokenReport {
  token: string;
  /** Addresses of the VMs that came with it. */
  vms: string[];
}

export interface ShownToken extends Pick<EnrolmentToken, 'id' | 'until' | 'uses' | 'used'> {}

export interface PlannedAuth {
  /** Absent where nothing is to be changed. */
  record?: SealedAuth;
  /** The record holds no change, and nodes lack it. `first`: the change is planned once a majority has it, so that what another wrote is not lost. */
  mends?: 'first' | 'all';
  generation: number;
  /** Of VMs that had more than one credential, afterwards. */
  serials: Serials;
  /** Of the token that was asked for. */
  enrolled?: string[];
  epoch: number;
  unseen: { host: string; error: string }[];
}

export type ShownUser = Pick<AuthUser, 'name' | 'since'> & { role: Role };

export interface AuthView {
  generation: number;
  /** Fingerprint of the secret that lets in too, while it is rotated. */
  former?: string;
  users: ShownUser[];
  /** Addresses of VMs whose credential was taken away. */
  revoked: string[];
  tokens: ShownToken[];
  serials: Serials;
  unseen: { host: string; error: string }[];
}

export interface CredentialsInput {
  spec: ClusterSpec;
  host: string;
  key: string;
  epoch: number;
  /** Whose fence; the cluster's where nothing is said. */
  realm?: 'agents' | 'auth';
}

export interface AuthActivities {
  /** Who may come in, without anything that lets anybody in. */
  readAuth(input: { spec: ClusterSpec; key: string }): Promise<AuthView>;
  /** The record with a change. @throws AUTH_REFUSED where it cannot be made. */
  planAuth(input: PlanAuthInput): Promise<PlannedAuth>;
  /** Ends when VMs show the token that were not let in yet; `over`: it holds no more. */
  awaitApplicants(input: Required<Omit<KeptToken, 'operation'>>): Promise<{ applicants: Applicant[]; over: boolean }>;
  /** Writes `auth.json` on one node. */
  writeAuth(input: { spec: ClusterSpec; host: string; epoch: number; record: SealedAuth }): Promise<Changed>;
  /** Hashes of everybody who may come in onto one load balancer, by the newest records. */
  ensureCredentials(input: CredentialsInput): Promise<Changed>;
}
