import type { ClusterSpec } from '../cluster/spec';
import type { HostClusters } from '../contracts/activities';
import { lookers } from './activities';

/** The clusters that have a record on the hosts of a spec. Changes nothing. */
export async function inspectClusters({ spec }: { spec: ClusterSpec }): Promise<HostClusters[]> {
  const look = (host: string) =>
    lookers.listClusters.executeWithOptions({ summary: `clusters on ${host}` }, [{ spec, host }]);
  return Promise.all(spec.nodes.map((node) => look(node.id)));
}
