import { newestOfMost } from '../cluster/record';
import type { ClusterSpec } from '../cluster/spec';
import { judgeSeries } from '../cluster/tls/steward';
import type { CertificatesVerdict, StewardActivities } from '../contracts/steward';
import { type ActivityDependencies, connectTo } from './dependencies';
import { readRecord } from './hosts';
import { bringSchedule, takeScheduleAway } from './steward-schedule';

export function stewardActivities(deps: ActivityDependencies): StewardActivities {
  return {
    judgeCertificates: ({ spec }) => judge(deps, spec),
    ensureSteward: bringSchedule,
    removeSteward: ({ cluster }) => takeScheduleAway(cluster),
  };
}

async function judge(deps: ActivityDependencies, spec: ClusterSpec): Promise<CertificatesVerdict> {
  const { name, nodes } = spec;
  const read = async (host: string) => readRecord(await connectTo(deps, { ...spec, tls: undefined }, host), name);
  const looks = await Promise.allSettled(nodes.map(({ id }) => read(id)));
  const seen = looks.flatMap((look) => (look.status === 'fulfilled' ? [look.value] : []));
  const other = seen.find(({ owner }) => owner && owner.id !== deps.ownerId)?.owner;
  if (other) return { state: 'foreign', why: `looked after through Temporal ${other.temporal}, ${other.namespace}` };
  const record = newestOfMost(
    seen.map((one) => one.record),
    nodes.length,
  );
  if (!record && seen.length < nodes.length) {
    const reasons = looks.flatMap((look) => (look.status === 'rejected' ? [(look.reason as Error).message] : []));
    return { state: 'unseen', why: `${seen.length} of ${nodes.length} nodes were seen: ${reasons[0]}` };
  }
  const verdict = judgeSeries(record, deps.now());
  if (verdict.state === 'none') return { state: 'gone', why: verdict.why };
  if (verdict.state === 'good') return verdict;
  const { until, ended, given } = verdict;
  if (given) return { state: 'due', until, ended, given };
  return { state: 'due', until, ended, given, spec: record!.spec, images: record!.images };
}
