import { judgeTls } from '../serving-tls';
import type { HostFacts } from './facts';
import type { Finding } from './findings';

/** How long what is recorded is good. A deploy mends it, so it is none that would fail one. */
export function judgeCertificates(hosts: HostFacts[], nowMs: number | undefined): Finding[] {
  const recorded = hosts.flatMap((host) => (host.reachable && host.tls ? [host.tls] : []));
  const newest = recorded.sort((a, b) => b.generation - a.generation)[0];
  if (!newest || nowMs === undefined) return [];
  return judgeTls({ tls: newest.tls, nowMs })
    .filter(({ code }) => code.startsWith('CERTIFICATES_'))
    .map(
      ({ code, text, hint = '' }): Finding => ({
        code,
        level: 'warning',
        what: text,
        why: 'when they have ended, no part takes what another says',
        mend: hint,
      }),
    );
}
