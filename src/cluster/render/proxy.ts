import type { ClusterSpec } from '../spec';
import { cleanupOf, hostsOf, krakenText } from './kraken';

export function proxyText(spec: ClusterSpec): string {
  return krakenText('proxy', {
    origin: hostsOf(spec, spec.ports.origin),
    build_index: hostsOf(spec, spec.ports.buildIndex),
    castore: { cache_cleanup: cleanupOf(spec) },
  });
}
