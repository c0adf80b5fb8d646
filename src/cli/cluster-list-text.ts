import type { ClusterSummary } from './cluster-list';
import type { Colors } from './output';
import { showMoment } from './time-text';

export interface ClustersView {
  colors: Colors;
  now: Date;
  /** Who could not be asked, and why. */
  missing: string[];
}

export function renderClusters(clusters: ClusterSummary[], view: ClustersView): string[] {
  const lacks = view.missing.map((text) => view.colors.yellow(` ! incomplete, without ${text}`));
  if (clusters.length > 0) return [...renderTable(clusters, view), ...lacks];
  return lacks.length > 0
    ? ['no cluster among those that could be seen', ...lacks]
    : ['no cluster yet · krakenctl deploy'];
}

function renderTable(clusters: ClusterSummary[], { colors, now }: ClustersView): string[] {
  const head = ['NAME', 'GENERATION', 'VERSION', 'SERVING', 'OWNER', 'LAST OPERATION'];
  const rows = clusters.map((cluster) => cellsOf(cluster, now));
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: string[]) => ` ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd();
  const remarks = clusters.flatMap((cluster) => remarksOf(cluster).map((text) => colors.yellow(` ! ${text}`)));
  return [line(head), ...rows.map(line), ...remarks];
}

function cellsOf(cluster: ClusterSummary, now: Date): string[] {
  const { name, generation, version, nodes, serving, unseen, owner, lastOperation: last, destroyed } = cluster;
  const atLeast = unseen ? 'at least ' : '';
  const state = destroyed ? 'destroyed' : nodes === undefined ? '-' : `${atLeast}${serving} of ${nodes}`;
  const operation = last
    ? `${last.name ?? last.id} ${last.result} ${showMoment(new Date(last.at), now)} by ${last.actor}`
    : '-';
  return [name, generation === undefined ? '-' : String(generation), version ?? '-', state, owner ?? '-', operation];
}

function remarksOf({ name, destroyed, owner, ownerDetails = [], errors = [] }: ClusterSummary): string[] {
  const remarks = errors.map((error) => `${name}: ${error}`);
  if (destroyed?.dataKept) remarks.push(`${name} is destroyed, its data is kept · bring it back: krakenctl deploy`);
  if (destroyed?.left.length) remarks.push(`${name} is destroyed but for ${destroyed.left.join(', ')}`);
  if (ownerDetails.length > 0 && owner !== 'ours') {
    const where = ownerDetails.map((o) => `${o.temporal}, namespace ${o.namespace}`).join('; ');
    const doubt = owner === 'unknown' ? ': its worker knows whether that is this krakenctl' : '';
    remarks.push(`${name} is looked after through ${where}${doubt}`);
  }
  return remarks;
}
