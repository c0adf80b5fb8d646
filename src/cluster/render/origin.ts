import { originConnections } from '../agents/p2p';
import type { ClusterSpec } from '../spec';
import {
  addressesOf,
  backendsOf,
  cleanupOf,
  healthFilter,
  healthInterval,
  krakenText,
  krakenTls,
  writebackOf,
} from './kraken';

export function originText(spec: ClusterSpec): string {
  const own = {
    cluster: { static: addressesOf(spec, spec.ports.origin) },
    hashring: { max_replica: spec.kraken.maxReplica, refresh_interval: healthInterval },
    healthcheck: healthFilter,
    backends: backendsOf(spec, 'blobs'),
    castore: { cache_cleanup: cleanupOf(spec) },
    writeback: writebackOf(spec),
    scheduler: { connstate: { max_open_conn: originConnections } },
  };
  return krakenText('origin', own, { tls: krakenTls(spec) });
}
