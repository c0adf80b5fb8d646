import { isSeen, type Observed } from './observed';
import { highestRecord } from './record';
import type { Finding } from './serving-findings';
import { isDue } from './tls/walk';

/** Of the record: how far TLS is, and how long its certificates are good. Kraken ends connections at once when one has ended. */
export function judgeTls(observed: Observed, nowMs: number | undefined): Finding[] {
  const state = highestRecord(observed.hosts.filter(isSeen))?.spec.tls?.state;
  if (!state) return [];
  const { series, stage, signer } = state;
  const findings: Finding[] = [];
  if (stage !== 'require') {
    const text = `TLS is on its way, at stage ${stage}: both languages are taken`;
    findings.push({ code: 'TLS_ON_ITS_WAY', severity: 'note', text, hint: 'krakenctl deploy goes on' });
  }
  if (nowMs === undefined) return findings;
  const hint = signer.startsWith('ca-') ? 'krakenctl tls rotate' : 'put a new one at CERT_PATH, then: krakenctl deploy';
  if (Date.parse(series.until) <= nowMs) {
    const text = `the certificates of all parts have ended at ${series.until}`;
    findings.push({ code: 'CERTIFICATES_ENDED', severity: 'down', text, hint });
  } else if (isDue(series, nowMs)) {
    const days = Math.floor((Date.parse(series.until) - nowMs) / 86_400_000);
    const text = `the certificates of all parts end in ${days} days, at ${series.until}`;
    findings.push({ code: 'CERTIFICATES_DUE', severity: 'degraded', text, hint });
  }
  return findings;
}
