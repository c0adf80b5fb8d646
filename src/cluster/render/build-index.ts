import type { ClusterSpec } from '../spec';
import { addressesOf, backendsOf, cleanupOf, hostsOf, krakenText, writebackOf } from './kraken';

export function buildIndexText(spec: ClusterSpec): string {
  return krakenText('build-index', {
    cluster: hostsOf(spec, spec.ports.buildIndex),
    origin: hostsOf(spec, spec.ports.origin),
    backends: backendsOf(spec, 'tags'),
    tag_types: [{ namespace: '.*', type: 'docker', root: 'tags' }],
    // A tag is in the backend before its push is acknowledged.
    tag_store: { write_through: true },
    tag_replication: writebackOf(spec),
    remotes: Object.fromEntries(addressesOf(spec, spec.ports.buildIndex).map((address) => [address, ['.*']])),
    store: { cache_cleanup: cleanupOf(spec) },
    writeback: writebackOf(spec),
  });
}
