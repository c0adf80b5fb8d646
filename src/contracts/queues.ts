export { operationWorkflowId } from '../cluster/names';

/** Task queues (decisions 6): streaming, and VMs that do not answer, never starve the short effects on a cluster. */
export const taskQueues = {
  main: 'krakenctl',
  stream: 'krakenctl-stream',
  /** What is done on VMs with agents. */
  agents: 'krakenctl-agents',
} as const;

/** Those on which there are activities alone. */
export const sideQueues = [taskQueues.stream, taskQueues.agents] as const;

/** All workers of a namespace, whatever their release: each release is a version of this deployment (decisions/0024). */
export const deploymentName = 'krakenctl';

/** Keyword search attributes that every operation carries. */
export const searchAttributes = {
  cluster: 'KrakenCluster',
  operation: 'KrakenOperation',
  verb: 'KrakenVerb',
} as const;

export const workflowTypes = {
  deploy: 'deployCluster',
  inspect: 'inspectCluster',
  smoke: 'smokeTest',
  preflight: 'preflightCluster',
  mend: 'mendHosts',
  destroy: 'destroyCluster',
  inspectRemains: 'inspectRemains',
  takeOver: 'takeOverCluster',
  inspectOwnership: 'inspectOwnership',
  inspectClusters: 'inspectClusters',
  firewall: 'operateFirewall',
  inspectFirewall: 'inspectFirewall',
  auth: 'operateAuth',
  inspectAuth: 'inspectAuth',
  keepToken: 'keepToken',
  inspectTls: 'inspectTls',
  steward: 'stewardCertificates',
  fleet: 'operateFleet',
  agent: 'bringAgent',
  keepAgent: 'keepAgent',
  agentRoster: 'rosterOfAgents',
  listAgents: 'listAgents',
  pullOnVms: 'pullOnVms',
} as const;

export const progressQuery = 'progress';
export const parkedQuery = 'parked';
/** Of an older krakenctl, for operations on agents; updates since. */
export const pauseSignal = 'pause';
export const resumeSignal = 'resume';
/** Tells who cancels and why; the cancellation itself follows, and needs no worker. */
export const cancellingSignal = 'cancelling';

/** What a person may ask of an operation that has safe points; each answers, or refuses with the reason. */
export const decisionUpdates = { pause: 'pause', resume: 'resume', approve: 'approve', deny: 'deny' } as const;
export type DecisionUpdate = keyof typeof decisionUpdates;

/** The fleet's operation; never the cluster's (decisions 10). */
export function fleetWorkflowId(cluster: string): string {
  return `kraken-${cluster}-agents`;
}

/** Who may come in changes beside whatever else is under way. */
export function authWorkflowId(cluster: string): string {
  return `kraken-${cluster}-auth`;
}

/** One for each enrolment token. */
export function tokenWorkflowId(cluster: string, token: string): string {
  return `kraken-${cluster}-token-${token}`;
}

/** The schedule that looks after a cluster's certificates. */
export function stewardScheduleId(cluster: string): string {
  return `kraken-${cluster}-certificates`;
}

/** Each of its turns; Temporal adds the time. */
export function stewardWorkflowId(cluster: string): string {
  return `${stewardScheduleId(cluster)}-due`;
}

/** One for each VM, whoever logs in there and for whatever reason it is worked on. */
export function agentWorkflowId(cluster: string, vm: string): string {
  return `kraken-${cluster}-agent-${vm.slice(vm.indexOf('@') + 1, vm.lastIndexOf(':'))}`;
}

/** Kept in the memo of each operation, so that `op list` needs no worker. */
export interface OperationMemo {
  cluster: string;
  operation: string;
  verb: string;
  actor: string;
  reason?: string;
  /** Of a further run: when the operation began, ISO 8601. */
  begunAt?: string;
  [key: string]: unknown;
}
