import type { ResolvedImages } from '../cluster/desired';
import type { LastGood } from '../cluster/observed';
import type { Plan } from '../cluster/plan';
import type { ClusterSpec } from '../cluster/spec';
import type { OpenedOperation } from './activities';
import type { Decision, DeployInput, OperationFailure, OperationProgress, ProofReport, TlsReport } from './operation';

/** What a run of an operation leaves to the next, where its history became too long for one (continue-as-new). */

/**
 * Where a plan stands: its first stage that is not over, and what of that one is done. Stages are those of the unfolded plan, without the record;
 * steps and gates by their place in the stage.
 */
export interface Position {
  stage: number;
  steps: number[];
  gates: number[];
  /** Nobody is asked again whether it may be begun. */
  entered: boolean;
  /** When the stage began, milliseconds since the epoch. */
  startedAt?: number;
  /** When each node was begun, milliseconds since the epoch, in that order. */
  begun: [string, number][];
}

/** A change that failed, and the plan that takes it back. */
export interface TakingBack {
  failure: OperationFailure;
  spec: ClusterSpec;
  plan: Plan;
}

/** An operation that has looked, planned and claimed the hosts. */
export interface Underway {
  opened: OpenedOperation;
  images: ResolvedImages;
  /** While it is taken back without its stages: two of them may be more than Temporal takes of a value. */
  plan: Plan;
  at: 'plan' | 'proof' | 'record' | 'recorded' | 'back';
  /** Of the plan that is carried out: this one, or the one that takes it back. */
  position: Position;
  proof?: ProofReport;
  back?: TakingBack;
  /** Of a later state of one operation: how its stages are called. */
  label?: { id: string; title: string };
  /** What an undo comes back to, where that is not the state just before. */
  before?: LastGood;
  /** The states of TLS that it goes through. */
  tls?: TlsReport;
}

export interface DeployRun extends DeployInput {
  /** Where an earlier run of the same operation came to. */
  carried?: Carried;
}

export interface Carried extends Underway {
  /** What a person sees of it, but for the plan. */
  shown: Pick<OperationProgress, 'version' | 'name' | 'startedAt' | 'stages' | 'decisions'>;
  paused?: Decision;
}
