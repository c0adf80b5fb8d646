import type { HostConnection } from '../clients/host';
import { recordFolder } from '../cluster/names';
import type { RecordOwner } from '../cluster/observed';
import type { OperationLine, RecordActivities } from '../contracts/activities';
import type { OwnerIdentity } from '../contracts/operation';
import { type ActivityDependencies, connectTo, fenced } from './dependencies';
import { ActivityError } from './failures';

export function recordActivities(deps: ActivityDependencies): RecordActivities {
  return {
    async claimHost({ spec, host, epoch, owner }) {
      const connection = await connectTo(deps, spec, host);
      // Asked before the fence is taken: taking it already raises the host's epoch.
      await refuseForeignOwner(connection, spec.name, deps.ownerId);
      return fenced(deps, { spec, host, epoch }, (c) => writeOwner(c, spec.name, { id: deps.ownerId, ...owner }));
    },
    async writeRecord({ spec, host, epoch, record }) {
      const contents = Buffer.from(`${JSON.stringify(record, null, 1)}\n`);
      const path = `${recordFolder(spec.name)}/state.json`;
      return fenced(deps, { spec, host, epoch }, (connection) =>
        connection.files.write({ path, mode: 0o644, contents }),
      );
    },
    async appendOperation({ spec, host, epoch, line }) {
      const path = `${recordFolder(spec.name)}/operations.jsonl`;
      return fenced(deps, { spec, host, epoch }, (connection) => appendOnce(connection, path, line));
    },
  };
}

async function refuseForeignOwner(connection: HostConnection, cluster: string, ownerId: string): Promise<void> {
  const bytes = await connection.files.read(`${recordFolder(cluster)}/owner.json`);
  if (bytes === undefined) return;
  const owner = JSON.parse(bytes.toString()) as RecordOwner;
  if (owner.id === ownerId) return;
  throw new ActivityError(
    'FOREIGN_OWNER',
    `${connection.host.id} is looked after by another krakenctl (${owner.temporal}, namespace ${owner.namespace})`,
    {
      host: connection.host.id,
      final: true,
      hint: 'deploy through that Temporal, or with the state folder of that worker',
    },
  );
}

async function writeOwner(connection: HostConnection, cluster: string, owner: { id: string } & OwnerIdentity) {
  const contents = Buffer.from(`${JSON.stringify(owner)}\n`);
  return connection.files.write({ path: `${recordFolder(cluster)}/owner.json`, mode: 0o644, contents });
}

/** An attempt whose end was not seen may have written the line already. */
async function appendOnce(
  connection: HostConnection,
  path: string,
  line: OperationLine,
): Promise<{ changed: boolean }> {
  const written = (await connection.files.read(path))?.toString() ?? '';
  if (written.includes(`"id":"${line.id}"`)) return { changed: false };
  await connection.files.append(path, JSON.stringify(line));
  return { changed: true };
}
