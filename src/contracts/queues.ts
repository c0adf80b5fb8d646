/** Task queues (decisions 6): watching and streaming never starve the short effects. */
export const taskQueues = {
  main: 'krakenctl',
  stream: 'krakenctl-stream',
} as const;

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
} as const;

export const progressQuery = 'progress';

/** Kept in the memo of each operation, so that `op list` needs no worker. */
export interface OperationMemo {
  cluster: string;
  operation: string;
  verb: string;
  actor: string;
  [key: string]: unknown;
}
