import type { ClusterSpec } from '../cluster/spec';
import type { TlsInspection } from '../contracts/tls';
import { lookers } from './activities';

/** What every port shows. Changes nothing. */
export async function inspectTls(input: { spec: ClusterSpec }): Promise<TlsInspection> {
  return lookers.inspectTls(input);
}
