import type { ClusterSpec } from '../spec';
import { cleanupOf, hostsOf, krakenText, krakenTls } from './kraken';

export function proxyText(spec: ClusterSpec): string {
  const own = {
    origin: hostsOf(spec, spec.ports.origin),
    build_index: hostsOf(spec, spec.ports.buildIndex),
    castore: { cache_cleanup: cleanupOf(spec) },
  };
  return krakenText('proxy', own, { tls: krakenTls(spec) });
}
