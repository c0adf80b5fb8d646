import type { PartName } from './spec';

/** A plan is data. Printing it is the dry run, filtering it is the policy, storing it is the audit. */

export type StepKind =
  | 'image'
  | 'file'
  | 'container'
  | 'start'
  | 'reload'
  /** Settings of a running Redis. */
  | 'setting'
  /** Memory and CPUs of a container that is kept. */
  | 'limits'
  | 'remove'
  | 'redis'
  | 'record'
  | 'folder';
export type StepAction = 'create' | 'replace' | 'change' | 'remove';

export interface FieldChange {
  field: string;
  from: string;
  to: string;
}

export interface Step {
  /** Stable within a plan: `<stage>/<host>/<kind>/<target>`. */
  id: string;
  host: string;
  kind: StepKind;
  action: StepAction;
  part?: PartName;
  /** Steps of one lane run in order, lanes side by side; the host where nothing else is said. */
  lane?: string;
  /** Container name, file path, image reference or redis instance. */
  target: string;
  /** One line for the Temporal UI and the terminal: `start origin v0.1.27`. */
  summary: string;
  changes: FieldChange[];
  /** Why, for a person: `KRAKEN_VERSION changed (.env:14)`, `the container is missing on the host`. At least one. */
  because: string[];
  /** Fingerprint or sum that the resource must have afterwards; the activity renders again and refuses when it differs. */
  expect?: string;
  /** For removals and replacements: the id seen, so that nothing else is removed. */
  seen?: string;
}

export type Gate = { kind: 'ready'; host: string; part: PartName } | { kind: 'redis-whole' };

export interface Stage {
  /** `images`, `files`, `redis`, `node-1` … */
  id: string;
  title: string;
  /** Steps of one host run in order; hosts run side by side. */
  steps: Step[];
  /** What must be seen before the next stage begins. */
  gates: Gate[];
}

export interface Plan {
  cluster: string;
  /** First 12 hex characters name a plan to a person; the whole is compared. */
  hash: string;
  desiredHash: string;
  stages: Stage[];
  counts: { create: number; replace: number; change: number; remove: number; keep: number };
  /** Nothing to do at all; the record is as it should be too. */
  empty: boolean;
  /** Nothing to do on the hosts but writing the record. */
  recordOnly: boolean;
  /** True when running parts are replaced: hosts then go one by one. */
  rolling: boolean;
  /** Hosts that could not be seen; a plan with any is shown but not applied. */
  unseen: { host: string; error: string }[];
  /** Desired state lies elsewhere than the record says, or the record is missing on some node. */
  recordStale: boolean;
  /** Foreign containers or files in our way; final. */
  conflicts: { host: string; what: string; why: string }[];
  /** Hosts that another krakenctl looks after; final. Known to whoever made the plan, and no part of its hash. */
  foreign?: { host: string; why: string }[];
}
