import type { ClusterSpec } from '../spec';
import { backendsOf, cleanupOf, hostsOf, krakenText, krakenTls, writebackOf } from './kraken';

export function buildIndexText(spec: ClusterSpec): string {
  const own = {
    cluster: hostsOf(spec, spec.ports.buildIndex),
    origin: hostsOf(spec, spec.ports.origin),
    backends: backendsOf(spec, 'tags'),
    tag_types: [{ namespace: '.*', type: 'docker', root: 'tags' }],
    // As with blobs: on the disks of several nodes and in a queue that outlives the part, before the push is acknowledged. Through
    // to storage (the base file's true), a push would fail whenever the storage of one node does.
    tag_store: { write_through: false },
    tag_replication: writebackOf(spec),
    remotes: {},
    store: { cache_cleanup: cleanupOf(spec) },
    writeback: writebackOf(spec),
  };
  return krakenText('build-index', own, { tls: krakenTls(spec) });
}
