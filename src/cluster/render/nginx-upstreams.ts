import type { BalancedPorts, BalancerState } from '../plan';
import type { ClusterSpec } from '../spec';
import { indent } from './indent';

/** To whom the load balancer passes requests on. */

/**
 * An upload lies on the disk of the proxy that began it, so its Location names that proxy, and whoever goes on with it comes back to it
 * whatever the ring is by then. Proxies are told by their addresses; for nodes that have names alone the ring must do.
 */
export function uploads({ nodes, ports }: ClusterSpec, state: BalancerState): string {
  const numeric = nodes.filter(({ address }) => /^[0-9.]+$/.test(address));
  const answering = numeric.map(
    ({ id, address }) => `~(?:^|\\s)${address.replaceAll('.', '\\.')}:${portOn(id, 'proxy', { ports, state })}$ ${id};`,
  );
  const going = numeric.map(({ id }) => `${id} proxy_${id};`);
  return `map $upstream_addr $proxy_that_answers {
${indent([...answering, "default '';"].join('\n'))}
}

map $arg__proxy $proxy_of_upload {
${indent([...going, 'default proxies_by_upload;'].join('\n'))}
}

map $uri $upload_goes_to {
  ~/blobs/uploads/.+ $proxy_of_upload;
  default proxies_by_repository;
}`;
}

/** Where a part of one node listens now. */
function portOn(
  node: string,
  part: keyof BalancedPorts,
  { ports, state }: { ports: ClusterSpec['ports']; state: BalancerState },
): number {
  return state.earlier?.nodes.includes(node) ? state.earlier.ports[part] : ports[part];
}

export function upstreams(spec: ClusterSpec, state: BalancerState): string {
  const byRepository = 'hash $repository consistent';
  const one = (node: string) => portOn(node, 'proxy', { ports: spec.ports, state });
  return [
    upstream(spec, state, { name: 'proxies_by_repository', part: 'proxy', choice: byRepository }),
    upstream(spec, state, { name: 'proxies', part: 'proxy', choice: 'least_conn' }),
    upstream(spec, state, { name: 'trackers', part: 'tracker', choice: 'least_conn' }),
    upstream(spec, state, { name: 'build_indexes', part: 'buildIndex', choice: 'least_conn' }),
    `# Uploads that were begun: nobody is out here.\n${upstream(spec, { ...state, out: [] }, { name: 'proxies_by_upload', part: 'proxy', choice: byRepository })}`,
    ...spec.nodes.map(({ id, address }) => `upstream proxy_${id} {\n  server ${address}:${one(id)} max_fails=0;\n}`),
    ...outNodes(spec, state).map(({ id, address }) => throughUpstream(id, `${address}:${spec.ports.tracker}`)),
  ].join('\n\n');
}

export function outNodes({ nodes }: ClusterSpec, { out }: BalancerState): ClusterSpec['nodes'] {
  return nodes.filter(({ id }) => out.includes(id));
}

/** A node that is out is tried through an agent when its parts are new, and so where they listen from now on. */
function throughUpstream(node: string, tracker: string): string {
  return `# For its canary alone.\nupstream tracker_${node} {\n  server ${tracker} max_fails=0;\n}`;
}

interface Upstream {
  name: string;
  part: keyof BalancedPorts;
  choice: string;
}

function upstream(spec: ClusterSpec, state: BalancerState, { name, part, choice }: Upstream): string {
  const { maxFails, failTimeoutSeconds, upstreamKeepalive } = spec.nginx;
  const failing = `max_fails=${maxFails} fail_timeout=${failTimeoutSeconds}s`;
  const server = ({ id, address }: { id: string; address: string }) => {
    const down = state.out.includes(id) ? ' down' : '';
    return `server ${address}:${portOn(id, part, { ports: spec.ports, state })} ${failing}${down};`;
  };
  const lines = [
    // Shared, so that all workers know what one of them has found dead.
    `zone ${name} 256k;`,
    `${choice};`,
    ...spec.nodes.map(server),
    ...(upstreamKeepalive > 0 ? [`keepalive ${upstreamKeepalive};`] : []),
  ];
  return `upstream ${name} {\n${indent(lines.join('\n'))}\n}`;
}
