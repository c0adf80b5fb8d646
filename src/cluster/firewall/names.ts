import { createHash } from 'node:crypto';
import { clusterFolder } from '../names';

/** Names and paths of a cluster's rules on a host. */

/** A name of nft has no `-`, and the name of a cluster no `_`: no two clusters share one. */
export function firewallTable(cluster: string): string {
  if (!/^[a-z0-9-]+$/.test(cluster)) throw new RangeError(`no name of a cluster: ${JSON.stringify(cluster)}`);
  return `krakenctl_${cluster.replaceAll('-', '_')}`;
}

export function firewallFolder(cluster: string): string {
  return `${clusterFolder(cluster, 'configuration')}/firewall`;
}

/** The rules that hold, also after the next start of the host. */
export function firewallFile(cluster: string): string {
  return `${firewallFolder(cluster)}/rules.nft`;
}

export function firewallUnit(cluster: string): string {
  return `krakenctl-firewall-${cluster}.service`;
}

export function firewallSum(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
