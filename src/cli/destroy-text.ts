import type { DestroyPlan, PlannedFolder } from '../cluster/destroy-plan';
import type { DestroyReport } from '../contracts/operation';
import type { DeployView, DescribedReport } from './deploy-text';
import { showHosts } from './host-ranges';
import type { Colors } from './output';
import { showSize } from './size-text';
import { showDuration } from './time-text';

/** Exactly what will be removed, for a person who has to type the cluster's name next. */
export function describeDestroyPlan(plan: DestroyPlan, { bold, dim, yellow }: Colors): string[] {
  const removed = plan.folders.filter((f) => f.removed);
  const kept = plan.folders.filter((f) => !f.removed);
  return [
    bold(`cluster ${plan.cluster}: this will be removed`),
    ...containerLines(plan),
    ...firewallLines(plan),
    ...folderLines(removed),
    ...(kept.length > 0 ? [bold('this stays'), ...folderLines(kept)] : []),
    ...plan.left.map((l) => yellow(` ! ${l.host} is left as it is: ${l.why}`)),
    dim(' images and the Docker engine stay on every host'),
  ];
}

/** Hosts that lose the same parts stand in one line. */
function containerLines(plan: DestroyPlan): string[] {
  const byHost = new Map<string, string[]>();
  for (const step of plan.stages.flatMap((s) => s.steps).filter((s) => s.kind === 'remove')) {
    byHost.set(step.host, [...(byHost.get(step.host) ?? []), step.part ?? step.target]);
  }
  const bySet = new Map<string, string[]>();
  for (const [host, parts] of byHost) {
    const set = [...parts].sort().join(' ');
    bySet.set(set, [...(bySet.get(set) ?? []), host]);
  }
  return [...bySet].map(([set, hosts]) => ` - ${showHosts(hosts)}  ${set.split(' ').length} containers: ${set}`);
}

function firewallLines(plan: DestroyPlan): string[] {
  const steps = plan.stages.flatMap((s) => s.steps).filter((s) => s.kind === 'firewall');
  if (steps.length === 0) return [];
  return [` - ${showHosts(steps.map((s) => s.host))}  firewall rules; those on VMs stay: krakenctl firewall off`];
}

function folderLines(folders: PlannedFolder[]): string[] {
  const paths = [...new Set(folders.map((f) => f.path))];
  const width = Math.max(0, ...paths.map((path) => path.length));
  return paths.map((path) => {
    const at = folders.filter((f) => f.path === path);
    const sizes = at.map((f) => `${f.host} ${f.bytes === undefined ? 'large' : showSize(f.bytes)}`);
    return ` ${at[0]!.removed ? '-' : ' '} ${path.padEnd(width)}  ${at[0]!.what.padEnd(13)}  ${sizes.join(' · ')}`;
  });
}

/** The last lines of a destroy that ended well. */
export function describeDestroy(report: DestroyReport, { colors, progress }: DeployView): DescribedReport {
  const { plan, name } = report;
  const left = plan.left.map((l) => `${l.host}: ${l.why}`);
  const leftLines = left.map((text) => colors.yellow(` ! left to do: ${text}`));
  const again = left.length > 0 ? [' when it can be reached: krakenctl cluster destroy'] : [];
  if (!report.changed) {
    const kept = plan.folders.length > 0 ? ' · what was kept is still there' : '';
    return { lines: [colors.green(`nothing to destroy${kept}`), ...leftLines, ...again], left };
  }
  const took = progress?.endedAt ? ` in ${showDuration(progress.endedAt - progress.startedAt)}` : '';
  const steps = plan.stages.flatMap((s) => s.steps);
  const containers = steps.filter((s) => s.kind === 'remove').length;
  const folders = steps.filter((s) => s.kind === 'folder').length;
  const kept = plan.keepData ? ['data and record are kept; bring it back: krakenctl deploy'] : [];
  return {
    lines: [
      ` ${containers} containers and ${folders} folders removed · images and the Docker engine stay`,
      ...kept.map((text) => ` ${text}`),
      ...leftLines,
      ...again,
      colors.green(`Done${took}. ${name}`),
    ],
    left,
  };
}
