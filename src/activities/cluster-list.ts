import { ClientError } from '../clients/errors';
import type { HostConnection } from '../clients/host';
import { partsOf, readinessOf } from '../cluster/component';
import { folderRoots } from '../cluster/names';
import type { ClusterRecord } from '../cluster/observed';
import type { ClusterListActivities, RecordedCluster } from '../contracts/activities';
import { type ActivityDependencies, connectTo } from './dependencies';
import { isReady, readRecord } from './hosts';

export function clusterListActivities(deps: ActivityDependencies): ClusterListActivities {
  return {
    async listClusters({ spec, host }) {
      try {
        const connection = await connectTo(deps, spec, host);
        const names = await connection.folders.names(folderRoots.record);
        const clusters = await Promise.all(names.map((name) => readCluster(deps, connection, name)));
        return { host, reachable: true, clusters };
      } catch (error) {
        if (error instanceof ClientError) return { host, reachable: false, error: error.message };
        throw error;
      }
    },
  };
}

/** A record that cannot be read must not hide the others. */
async function readCluster(
  { ownerId }: ActivityDependencies,
  connection: HostConnection,
  name: string,
): Promise<RecordedCluster> {
  try {
    const { record, epoch, owner } = await readRecord(connection, name);
    const ours = owner && owner.id === ownerId;
    return { name, epoch, owner, ours, record, serving: await isServing(connection, record) };
  } catch (error) {
    if (error instanceof ClientError) throw error;
    return { name, epoch: 0, serving: false, error: error instanceof Error ? error.message : String(error) };
  }
}

async function isServing(connection: HostConnection, record: ClusterRecord | undefined): Promise<boolean> {
  const node = record?.spec.nodes.find((n) => n.ssh.address === connection.host.ssh.address);
  if (!record || !node || record.destroyed) return false;
  const { spec } = record;
  const answers = await Promise.all(partsOf(spec, node).map((part) => isReady(connection, readinessOf(spec, part))));
  return answers.every(Boolean);
}
