/** Everything a worker can run; the names are the workflow types of `contracts/queues.ts`. */
export { bringAgent, keepAgent } from './bring-agent';
export { deployCluster } from './deploy-cluster';
export { destroyCluster } from './destroy-cluster';
export { inspectCluster } from './inspect-cluster';
export { inspectClusters } from './inspect-clusters';
export { inspectFirewall } from './inspect-firewall';
export { inspectOwnership } from './inspect-ownership';
export { inspectRemains } from './inspect-remains';
export { inspectTls } from './inspect-tls';
export { keepToken } from './keep-token';
export { listAgents, pullOnVms, rosterOfAgents } from './list-agents';
export { inspectAuth, operateAuth } from './operate-auth';
export { operateFirewall } from './operate-firewall';
export { operateFleet } from './operate-fleet';
export { mendHosts, preflightCluster } from './preflight-cluster';
export { smokeTest } from './smoke-test';
export { stewardCertificates } from './steward';
export { takeOverCluster } from './take-over-cluster';
