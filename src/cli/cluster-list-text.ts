import type { ClusterSummary } from './cluster-list';
import type { Colors } from './output';
import { showMoment } from './time-text';

export function renderClusters(clusters: ClusterSummary[], colors: Colors, now: Date): string[] {
  if (clusters.length === 0) return ['no cluster yet · krakenctl deploy'];
  const head = ['NAME', 'GENERATION', 'VERSION', 'SERVING', 'OWNER', 'LAST OPERATION'];
  const rows = clusters.map((cluster) => cellsOf(cluster, now));
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: string[]) => ` ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd();
  const remarks = clusters.flatMap((cluster) => remarksOf(cluster).map((text) => colors.yellow(` ! ${text}`)));
  return [line(head), ...rows.map(line), ...remarks];
}

function cellsOf(cluster: ClusterSummary, now: Date): string[] {
  const { name, generation, version, nodes, serving, owner, lastOperation: last, destroyed } = cluster;
  const state = destroyed ? 'destroyed' : nodes === undefined ? '-' : `${serving} of ${nodes}`;
  const operation = last
    ? `${last.name ?? last.id} ${last.result} ${showMoment(new Date(last.at), now)} by ${last.actor}`
    : '-';
  return [name, generation === undefined ? '-' : String(generation), version ?? '-', state, owner ?? '-', operation];
}

function remarksOf({ name, destroyed, owner, ownerDetails = [], errors = [] }: ClusterSummary): string[] {
  const remarks = errors.map((error) => `${name}: ${error}`);
  if (destroyed?.dataKept) remarks.push(`${name} is destroyed, its data is kept · bring it back: krakenctl deploy`);
  if (destroyed?.left.length) remarks.push(`${name} is destroyed but for ${destroyed.left.join(', ')}`);
  if (owner === 'another' || owner === 'several') {
    const where = ownerDetails.map((o) => `${o.temporal}, namespace ${o.namespace}`).join('; ');
    remarks.push(`${name} is looked after through ${where}`);
  }
  return remarks;
}
