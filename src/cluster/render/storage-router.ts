import type { ClusterSpec, HostSpec } from '../spec';

/**
 * Envoy in front of the testfs of all nodes. What was pushed while a node was away is missing on its testfs for good, and Kraken
 * takes the first owner's 404 for an answer: acknowledged images were gone when the node came back (seen on v0.1.27). So writes
 * go to the node's own testfs, and reads try that one first and the others' after a 404.
 */

const types = 'type.googleapis.com/envoy';
const own = 'testfs-own';
const all = 'testfs-all';
const many = 10_000;

/** On loopback, next to testfs; like the bus of Redis it has no setting of its own. */
export function storageRouterPort(spec: ClusterSpec): number {
  return spec.ports.testfs + 1;
}

export function storageListener(spec: ClusterSpec) {
  const isPost = { name: ':method', string_match: { exact: 'POST' } };
  const routes = [
    { match: { prefix: '/', headers: [isPost] }, route: { cluster: own, timeout: '0s' } },
    // A list is of one node; put together from several it would need more than a router.
    { match: { prefix: '/list/' }, route: { cluster: own, timeout: '0s' } },
    { match: { prefix: '/' }, route: { cluster: all, timeout: '0s', retry_policy: tryOthers(spec) } },
  ];
  const manager = {
    '@type': `${types}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'testfs',
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': `${types}.extensions.filters.http.router.v3.Router` },
      },
    ],
    route_config: { virtual_hosts: [{ name: 'testfs', domains: ['*'], routes }] },
  };
  return {
    name: 'testfs',
    address: { socket_address: { address: '127.0.0.1', port_value: storageRouterPort(spec) } },
    filter_chains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] }],
  };
}

function tryOthers(spec: ClusterSpec) {
  return {
    retry_on: 'retriable-status-codes,connect-failure,refused-stream,reset,5xx',
    // Until the answer begins; a long download is not cut.
    per_try_timeout: '5s',
    retriable_status_codes: [404],
    // All others, and its own again: the last answer is what Kraken gets, and that must not be a dead node's 503.
    num_retries: spec.nodes.length,
    retry_back_off: { base_interval: '0.001s', max_interval: '0.005s' },
    retry_priority: {
      name: 'envoy.retry_priorities.previous_priorities',
      typed_config: {
        '@type': `${types}.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig`,
        update_frequency: 1,
      },
    },
  };
}

export function storageClusters(spec: ClusterSpec, node: HostSpec) {
  const others = spec.nodes.filter(({ id }) => id !== node.id).map(({ address }) => address);
  return [cluster(spec, own, ['127.0.0.1']), cluster(spec, all, ['127.0.0.1', ...others])];
}

/** Each address is a priority of its own, so that a retry goes to the next one. */
function cluster(spec: ClusterSpec, name: string, addresses: string[]) {
  const endpoints = addresses.map((address, priority) => ({
    priority,
    lb_endpoints: [{ endpoint: { address: { socket_address: { address, port_value: spec.ports.testfs } } } }],
  }));
  return {
    name,
    type: 'STRICT_DNS',
    connect_timeout: '1s',
    wait_for_warm_on_init: false,
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
    // Three retries at once is the default; the fourth would be told 404 without the others being asked.
    circuit_breakers: {
      thresholds: [{ max_connections: many, max_pending_requests: many, max_requests: many, max_retries: many }],
    },
    outlier_detection: leaveOutDead,
    load_assignment: { cluster_name: name, endpoints },
  };
}

/** Only who cannot be reached is left out, for 10 s and longer each time; a 404 or a slow answer is no fault. */
const leaveOutDead = {
  split_external_local_origin_errors: true,
  consecutive_local_origin_failure: 2,
  enforcing_consecutive_5xx: 0,
  enforcing_consecutive_gateway_failure: 0,
  enforcing_success_rate: 0,
  enforcing_local_origin_success_rate: 0,
  base_ejection_time: '10s',
  max_ejection_time: '30s',
  max_ejection_percent: 100,
  interval: '1s',
};
