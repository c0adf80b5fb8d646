import type { ClusterSpec } from '../spec';
import { duration, hostsOf, krakenText, krakenTls } from './kraken';

/** Longer would hold a node up that is tried through an agent; a host without power costs who asks for it five seconds each time. */
const originUnavailable = '5s';

export function trackerText(spec: ClusterSpec): string {
  const own = {
    origin: hostsOf(spec, spec.ports.origin),
    // Without enabled the address is silently ignored and every tracker knows only its own peers.
    peerstore: { redis: { enabled: true, addr: `127.0.0.1:${spec.ports.redisRouter}` } },
    // A minute otherwise: an origin that was replaced is named to no agent by a tracker that did not find it meanwhile.
    originstore: { origin_unavailable_ttl: originUnavailable },
    trackerserver: { announce_interval: duration(spec.kraken.announceIntervalSeconds) },
  };
  // Every peer announces every few seconds: logged, that would push all else out of the rotated log.
  return krakenText('tracker', own, { accessLog: '/dev/null', tls: krakenTls(spec) });
}
