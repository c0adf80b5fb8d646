import type { ClusterRecord } from '../observed';
import { hasEnded, isDue, isOfAuthority, partOfLife } from './walk';

/** Two thirds of a life, as everywhere; what the steward makes of a record. Times are ISO 8601. */
export type RecordedCertificates =
  | { state: 'none'; why: string }
  | { state: 'good'; until: string; dueAt: string }
  | { state: 'due'; until: string; ended: boolean; given: boolean };

export function judgeSeries(record: ClusterRecord | undefined, nowMs: number): RecordedCertificates {
  if (!record) return { state: 'none', why: 'nothing is recorded on the nodes' };
  if (record.destroyed) return { state: 'none', why: 'the cluster was destroyed' };
  const state = record.spec.tls?.state;
  if (!state) return { state: 'none', why: 'the cluster has no TLS' };
  const { series } = state;
  const { until } = series;
  if (isDue(series, nowMs))
    return { state: 'due', until, ended: hasEnded(series, nowMs), given: !isOfAuthority(state) };
  return { state: 'good', until, dueAt: new Date(partOfLife(series, 2 / 3)).toISOString() };
}
