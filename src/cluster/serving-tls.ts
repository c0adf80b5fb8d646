import type { Finding } from './serving-findings';
import type { ClusterSpec, TlsState } from './spec';
import { hasEnded, isDue, isOfAuthority, partOfLife } from './tls/walk';

/** Of the schedule that looks after certificates. */
export type StewardState = 'works' | 'paused' | 'missing';

export interface TlsFacts {
  /** As recorded. */
  tls: ClusterSpec['tls'];
  /** Absent: nothing is said of what ends. */
  nowMs?: number;
  /** Absent: Temporal was not asked. */
  steward?: StewardState;
}

/** How far TLS is, how long its certificates are good, and who looks after them. Kraken ends connections at once when one has ended. */
export function judgeTls(facts: TlsFacts): Finding[] {
  const state = facts.tls?.state;
  if (!state) return [];
  const { stage } = state;
  const text = `TLS is on its way, at stage ${stage}: both languages are taken`;
  const way: Finding = { code: 'TLS_ON_ITS_WAY', severity: 'note', text, hint: 'krakenctl deploy goes on' };
  return [...(stage === 'require' ? [] : [way]), ...judgeEnd(state, facts), ...judgeSteward(facts.steward)];
}

function judgeEnd({ series, ...state }: TlsState, { nowMs, steward }: TlsFacts): Finding[] {
  if (nowMs === undefined || !isDue(series, nowMs)) return [];
  const isOwn = isOfAuthority(state);
  const hint = isOwn ? 'krakenctl tls rotate' : 'put a new one at CERT_PATH, then: krakenctl deploy';
  if (hasEnded(series, nowMs)) {
    const text = `the certificates of all parts have ended at ${series.until}`;
    return [{ code: 'CERTIFICATES_ENDED', severity: 'down', text, hint }];
  }
  const days = Math.floor((Date.parse(series.until) - nowMs) / 86_400_000);
  const text = `the certificates of all parts end in ${days} days, at ${series.until}`;
  // The steward has had its turns by then.
  const isLate = nowMs >= partOfLife(series, 5 / 6);
  if (isOwn && steward === 'works' && !isLate) {
    const soon = `${text}; the steward makes others with its next turn`;
    return [{ code: 'CERTIFICATES_DUE', severity: 'note', text: soon, hint: 'krakenctl tls status' }];
  }
  return [{ code: 'CERTIFICATES_DUE', severity: 'degraded', text, hint }];
}

function judgeSteward(steward: StewardState | undefined): Finding[] {
  if (steward === 'paused') {
    const text = 'the certificate steward is paused: nobody looks how long certificates are good';
    return [{ code: 'STEWARD_PAUSED', severity: 'note', text, hint: 'krakenctl tls schedule resume' }];
  }
  if (steward === 'missing') {
    const text = 'there is no certificate steward: nobody looks how long certificates are good';
    return [{ code: 'STEWARD_MISSING', severity: 'note', text, hint: 'krakenctl deploy makes it' }];
  }
  return [];
}
