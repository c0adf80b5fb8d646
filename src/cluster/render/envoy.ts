import type { ClusterSpec, HostSpec } from '../spec';
import { languagesOf, redisTlsOffset, stateOf } from '../tls/languages';
import { serverName } from '../tls/material';
import { mountedTlsFile } from './kraken';
import { yamlText } from './notice';
import { storageClusters, storageListener } from './storage-router';

const types = 'type.googleapis.com/envoy';
const clusterName = 'redis';

/** The tracker speaks to one plain Redis; Envoy turns that into the Redis Cluster, on loopback of each node. */
export function envoyText(spec: ClusterSpec, node: HostSpec): string {
  return yamlText({
    admin: { address: loopback(spec.ports.redisRouterAdmin) },
    static_resources: {
      listeners: [listener(spec), storageListener(spec)],
      clusters: [cluster(spec), ...storageClusters(spec, node)],
    },
  });
}

function loopback(port: number) {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

function listener(spec: ClusterSpec) {
  const redisProxy = {
    '@type': `${types}.extensions.filters.network.redis_proxy.v3.RedisProxy`,
    stat_prefix: 'redis',
    settings: {
      op_timeout: '3s',
      // Follows MOVED and ASK, which the tracker does not know.
      enable_redirection: true,
      read_policy: 'MASTER',
    },
    prefix_routes: { catch_all_route: { cluster: clusterName } },
  };
  return {
    name: 'redis',
    address: loopback(spec.ports.redisRouter),
    filter_chains: [{ filters: [{ name: 'envoy.filters.network.redis_proxy', typed_config: redisProxy }] }],
  };
}

function cluster(spec: ClusterSpec) {
  const discovery = {
    '@type': `${types}.extensions.clusters.redis.v3.RedisClusterConfig`,
    cluster_refresh_rate: '1s',
    cluster_refresh_timeout: '1s',
    redirect_refresh_interval: '1s',
    redirect_refresh_threshold: 1,
    failure_refresh_threshold: 1,
  };
  const overTls = stateOf(spec) !== undefined && languagesOf(spec).asks === 'tls';
  const ports = [spec.ports.redis, spec.ports.redisReplica].map((port) => port + (overTls ? redisTlsOffset : 0));
  const seeds = spec.nodes.flatMap((node) =>
    ports.map((port) => ({
      endpoint: { address: { socket_address: { address: node.address, port_value: port } } },
    })),
  );
  return {
    name: clusterName,
    connect_timeout: '1s',
    // Listens before there is a Redis Cluster: a tracker dials once when it starts, and ends when nobody answers.
    wait_for_warm_on_init: false,
    lb_policy: 'CLUSTER_PROVIDED',
    cluster_type: { name: 'envoy.clusters.redis', typed_config: discovery },
    load_assignment: { cluster_name: clusterName, endpoints: [{ lb_endpoints: seeds }] },
    ...(overTls && { transport_socket: towardsRedis() }),
  };
}

/** Shows its own certificate, and wants one for the name that all of the cluster have. */
function towardsRedis() {
  const pair = {
    certificate_chain: { filename: mountedTlsFile('certificate') },
    private_key: { filename: mountedTlsFile('key') },
  };
  const validation = {
    trusted_ca: { filename: mountedTlsFile('trusted') },
    match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: serverName } }],
  };
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${types}.extensions.transport_sockets.tls.v3.UpstreamTlsContext`,
      sni: serverName,
      common_tls_context: { tls_certificates: [pair], validation_context: validation },
    },
  };
}
