import { defineKey, type KeyDefinition } from '../key';
import { port, redisPort } from '../values/quantities';

/** All parts share the host's network, so every port is one of the host's. */

function definePort(why: string, number: number): KeyDefinition<number> {
  const range = 'a port, 1 to 65535, that nothing else on the node uses';
  return defineKey({ section: 'ports', why, default: String(number), range, schema: port, status: 'built' });
}

function defineRedisPort(why: string, number: number): KeyDefinition<number> {
  const range = 'a port, 1 to 55535 (the cluster bus listens on it plus 10000), that nothing else on the node uses';
  return defineKey({ section: 'ports', why, default: String(number), range, schema: redisPort, status: 'built' });
}

export const portKeys = {
  ORIGIN_PORT: definePort('Origin: blobs and their storage.', 8080),
  ORIGIN_PEER_PORT: definePort('Origin: where agents fetch pieces from it.', 8090),
  TRACKER_PORT: definePort('Tracker: which peer has what.', 8081),
  BUILD_INDEX_PORT: definePort('Build-index: tags.', 8082),
  PROXY_PORT: definePort('Proxy: the registry that is pushed to, behind the load balancer.', 8083),
  LB_PROXY_PORT: definePort('Load balancer: push and pull of clients.', 5000),
  LB_TRACKER_PORT: definePort('Load balancer: tracker and build-index for agents.', 5003),
  REDIS_PORT: defineRedisPort("Redis: each node's master.", 6379),
  REDIS_REPLICA_PORT: defineRedisPort("Redis: the replica of another node's master.", 6380),
  REDIS_ROUTER_PORT: definePort('Redis router (Envoy), on loopback only.', 6390),
  REDIS_ROUTER_ADMIN_PORT: definePort("Redis router's own status page, on loopback only.", 6391),
  TESTFS_PORT: definePort('Embedded storage backend, on loopback only.', 7000),
};
