import type { PartName } from './spec';

/** Names and paths that krakenctl gives to things; decided in one place so that they can be found again on any host. */

export const labelPrefix = 'io.krakenctl';

/** Labels on each container; ownership and the fingerprint live here, not in a database. */
export const labels = {
  cluster: `${labelPrefix}.cluster`,
  part: `${labelPrefix}.part`,
  host: `${labelPrefix}.host`,
  fingerprint: `${labelPrefix}.fingerprint`,
  /** JSON of the ingredient hashes, so that a plan can name the field that differs. */
  ingredients: `${labelPrefix}.ingredients`,
  operation: `${labelPrefix}.operation`,
} as const;

export function containerName(cluster: string, host: string, part: PartName): string {
  return `kraken-${cluster}-${host}-${part}`;
}

/** Rendered files of one part; the folder is what gets mounted (a mounted file keeps its old text after a rename). */
export function configFolder(cluster: string, part: PartName): string {
  return `/etc/kraken/${cluster}/${part}`;
}

export function dataFolder(cluster: string, part: PartName): string {
  return `/var/lib/kraken/${cluster}/${part}`;
}

export function logFolder(cluster: string, part: PartName): string {
  return `/var/log/kraken/${cluster}/${part}`;
}

/** The cluster's record on each node (decisions 1). */
export function recordFolder(cluster: string): string {
  return `/var/lib/krakenctl/${cluster}`;
}

/** Everything of a cluster on a host lies in these four folders, and in nothing else but its containers. */
export type ClusterFolder = 'configuration' | 'logs' | 'data' | 'record';

/** What the folders of clusters lie directly under. */
export const folderRoots: Record<ClusterFolder, string> = {
  configuration: '/etc/kraken',
  logs: '/var/log/kraken',
  data: '/var/lib/kraken',
  record: '/var/lib/krakenctl',
};

export const clusterFolderKinds = Object.keys(folderRoots) as ClusterFolder[];

export function clusterFolder(cluster: string, kind: ClusterFolder): string {
  return `${folderRoots[kind]}/${cluster}`;
}

/** NGINX's own data folder inside its container: `install` (what /install serves) and `spool` (what VMs tell of themselves). */
export const servedFolder = '/srv/krakenctl';

/** Folder inside every container under which its rendered folder is mounted. */
export const mountedConfigFolder = '/etc/krakenctl';

export function operationWorkflowId(cluster: string): string {
  return `kraken-${cluster}-operation`;
}
