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
  /** Hashes by which a load balancer tells who comes. */
  | 'credentials'
  | 'folder'
  /** Rules of our own in a host's firewall. */
  | 'firewall'
  | 'handover';
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
  /** As it crosses: of each of these hosts, or of all that the plan names but these; `*` stands for them (`contracts/folded-plan.ts`). */
  each?: string[] | { but: string[] };
  /** Of load balancers: what its configuration says for a while, where it is not what it shall say at last. */
  balancer?: BalancerState;
}

/** What the load balancers are told while nodes are replaced one after the other. */
export interface BalancerState {
  /** Nodes that get nothing new. */
  out: string[];
  /** Nodes whose parts still listen where they did before. */
  earlier?: { nodes: string[]; ports: BalancedPorts };
}

/** Of the parts that stand behind a load balancer. */
export interface BalancedPorts {
  proxy: number;
  tracker: number;
  buildIndex: number;
}

/** Parts of one host that an operation has replaced, or changed. */
export interface ReplacedParts {
  host: string;
  parts: PartName[];
}

export type Gate =
  | { kind: 'ready'; host: string; part: PartName }
  | { kind: 'redis-whole' }
  /** Before nodes are taken away, all others serve these parts, but for those `besides` whose turn comes because they do not. */
  | { kind: 'others'; leaving: string[]; besides: string[]; parts: PartName[] }
  /** No request and no upload is under way on a node that is out of the load balancers. `earlier`: its parts listen there until they are replaced. */
  | { kind: 'quiet'; host: string; earlier?: BalancedPorts }
  /** An image goes through this node's own parts, before anybody else's does. */
  | { kind: 'canary'; host: string }
  /**
   * An agent gets from this node what nobody else has, where there is an agent that can: what it lacks is told, and fails nothing. `tells`: nor does what
   * the node lacks.
   */
  | { kind: 'agent'; host: string; tells?: true }
  /**
   * A node that is back has what the others took in while it was away. `hours`: away for longer than this operation. `since`: the stage's node that was
   * begun when this one went, where that is not the one under way. `settled`: nor is there more to come, since the others have taken it back.
   */
  | { kind: 'caught-up'; host: string; hours?: number; since?: string; settled?: true }
  /**
   * Replaced parts run on, without a restart; 0 seconds is one look. `inPlace`: they were changed and not made anew, so that restarts of before
   * the first look do not count. `andBefore`, as it crosses: and what the gate of this kind before it watches.
   */
  | { kind: 'steady'; replaced: ReplacedParts[]; seconds: number; inPlace?: true; andBefore?: true };

export interface Stage {
  /** `images`, `files`, `redis`, `node-1` … */
  id: string;
  title: string;
  /** Steps of one host run in order; hosts run side by side. */
  steps: Step[];
  /** What must be seen before the next stage begins. */
  gates: Gate[];
  /** Stages that follow each other and belong to the same nodes are one thing to a person, and are not left half way. */
  node?: string;
  /** A later stage of this plan takes it back, so that a person need not see it as a change. */
  passing?: true;
  /** As it crosses: of every step. */
  balancer?: BalancerState;
}

/** A node that an operation has left out of the load balancers, and which one that was. */
export interface LeftOut {
  host: string;
  /** Id of the operation that last made a container there; absent where it had made none yet. */
  operation?: string;
}

export interface Conflict {
  /** `cluster` where it is about all of them. */
  host: string;
  what: string;
  why: string;
  /** Nobody's fault on a host: krakenctl cannot do it yet. */
  notBuilt?: true;
  /** Nothing can be written there any more. */
  full?: true;
}

export interface Plan {
  cluster: string;
  /** First 12 hex characters name a plan to a person; the whole is compared. */
  hash: string;
  desiredHash: string;
  stages: Stage[];
  /** As it crosses: every host that has a step. */
  hosts?: string[];
  counts: { create: number; replace: number; change: number; remove: number; keep: number };
  /** Nothing to do at all; the record is as it should be too. */
  empty: boolean;
  /** Nothing to do on the hosts but writing the record. */
  recordOnly: boolean;
  /** True when running parts are replaced: hosts then go one by one. */
  rolling: boolean;
  /** When the certificates of what runs ended, ISO 8601: they are replaced on all hosts at once. Absent where they are good, or none is replaced. */
  ended?: string;
  /** Rolling: nodes in their order, those worked on at once together, why there are no more of these, and how many do not serve at most. */
  order?: { batches: string[][]; because: string[]; away?: number };
  /** Nodes that an operation which did not come to its end has left out of the load balancers; absent where there are none. */
  left?: LeftOut[];
  /** Hosts that could not be seen; a plan with any is shown but not applied. */
  unseen: { host: string; error: string }[];
  /** Desired state lies elsewhere than the record says, or the record is missing on some node. */
  recordStale: boolean;
  /** Foreign containers or files in our way, and what cannot be done yet; final. */
  conflicts: Conflict[];
  /** Hosts that another krakenctl looks after; final. Known to whoever made the plan, and no part of its hash. */
  foreign?: { host: string; why: string }[];
}
