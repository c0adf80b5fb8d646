import type { ClusterSpec } from '../spec';
import { duration, hostsOf, krakenText, krakenTls } from './kraken';

export function trackerText(spec: ClusterSpec): string {
  const own = {
    origin: hostsOf(spec, spec.ports.origin),
    // Without enabled the address is silently ignored and every tracker knows only its own peers.
    peerstore: { redis: { enabled: true, addr: `127.0.0.1:${spec.ports.redisRouter}` } },
    trackerserver: { announce_interval: duration(spec.kraken.announceIntervalSeconds) },
  };
  // Every peer announces every few seconds: logged, that would push all else out of the rotated log.
  return krakenText('tracker', own, { accessLog: '/dev/null', tls: krakenTls(spec) });
}
