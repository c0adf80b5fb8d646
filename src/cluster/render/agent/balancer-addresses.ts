import type { ClusterSpec } from '../../spec';

/** Where a VM finds the cluster: its load balancers and nothing else. */
export function balancerAddresses({ nodes, loadBalancers }: ClusterSpec, port: number): string[] {
  return nodes.filter(({ id }) => loadBalancers.includes(id)).map(({ address }) => `${address}:${port}`);
}
