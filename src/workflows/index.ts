/** Everything a worker can run; the names are the workflow types of `contracts/queues.ts`. */
export { deployCluster } from './deploy-cluster';
export { inspectCluster } from './inspect-cluster';
export { mendHosts, preflightCluster } from './preflight-cluster';
export { smokeTest } from './smoke-test';
