import type { Ownership } from '../cluster/ownership';
import type { TakeOverReport } from '../contracts/operation';
import type { DeployView, DescribedReport } from './deploy-text';
import { showHosts } from './host-ranges';
import type { Colors } from './output';
import { showDuration, showMoment } from './time-text';

/** What to do about a cluster that another krakenctl looks after. */
export const takeOverHint = 'work through that Temporal, or, where it is lost: krakenctl cluster take-over';

/** Whose the cluster is, for a person who has to type its name next. */
export function describeOwnership(cluster: string, ownership: Ownership, colors: Colors, now: Date): string[] {
  const owners = new Map(ownership.foreign.map(({ owner }) => [owner.id, owner]));
  const lines = [...owners.values()].map((owner) => {
    const hosts = ownership.foreign.filter((f) => f.owner.id === owner.id).map((f) => f.host);
    return ` ${showHosts(hosts)}  another krakenctl, which works through Temporal at ${owner.temporal}, namespace ${owner.namespace}`;
  });
  const ours = ownership.ours.length > 0 ? [` ${showHosts(ownership.ours)}  ours`] : [];
  const unowned = ownership.unowned.length > 0 ? [` ${showHosts(ownership.unowned)}  nobody`] : [];
  const { lastOperation: last, epoch } = ownership;
  const when = last && showMoment(new Date(last.endedAt), now);
  return [
    colors.bold(`cluster ${cluster} is looked after by`),
    ...lines,
    ...ours,
    ...unowned,
    last ? ` last recorded operation: ${last.name} by ${last.actor}, ended ${when}` : ' no operation is recorded',
    ` highest epoch ${epoch}: what the other has under way is refused from then on`,
    ...ownership.unseen.map((u) => colors.yellow(` ! ${u.host} cannot be reached and keeps its owner: ${u.error}`)),
  ];
}

/** The last lines of a take-over that ended well. */
export function describeTakeOver(report: TakeOverReport, { colors, progress }: DeployView): DescribedReport {
  const left = report.left.map((l) => `${l.host}: ${l.why}`);
  if (!report.changed) return { lines: [colors.green('nothing to do: it is ours already')], left };
  const took = progress?.endedAt ? ` in ${showDuration(progress.endedAt - progress.startedAt)}` : '';
  return {
    lines: [
      ` ${showHosts(report.hosts)}: ours, epoch ${report.epoch}; the other krakenctl is refused with exit 6`,
      ...left.map((text) => colors.yellow(` ! left to do: ${text}`)),
      ...(left.length > 0 ? [' when it can be reached: krakenctl cluster take-over'] : []),
      colors.green(`Done${took}. ${report.name} · next: krakenctl plan`),
    ],
    left,
  };
}
