import type { HostConnection } from '../clients/host';
import { recordFolder } from '../cluster/names';
import type { RecordOwner } from '../cluster/observed';
import { describeOwner } from '../cluster/ownership';
import type { OperationLine, RecordActivities } from '../contracts/activities';
import type { OwnerIdentity } from '../contracts/operation';
import { type ActivityDependencies, connectPlainly, type FencedScope, underFence } from './dependencies';
import { ActivityError } from './failures';

export function recordActivities(deps: ActivityDependencies): RecordActivities {
  return {
    async claimHost({ spec, host, epoch, owner }) {
      const connection = await connectPlainly(deps, spec, host);
      // Asked before the fence is taken: taking it already raises the host's epoch.
      await refuseOwner(connection, spec.name, [deps.ownerId]);
      // And under it: somebody may have taken over between the two.
      return fencedPlainly(deps, { spec, host, epoch }, async (c) => {
        await refuseOwner(c, spec.name, [deps.ownerId]);
        return writeOwner(c, spec.name, { id: deps.ownerId, ...owner });
      });
    },
    async takeHost({ spec, host, epoch, owner, from }) {
      const allowed = [deps.ownerId, ...from];
      await refuseOwner(await connectPlainly(deps, spec, host), spec.name, allowed);
      return fencedPlainly(deps, { spec, host, epoch }, async (c) => {
        await refuseOwner(c, spec.name, allowed);
        return writeOwner(c, spec.name, { id: deps.ownerId, ...owner });
      });
    },
    async writeRecord({ spec, host, epoch, record }) {
      const contents = Buffer.from(`${JSON.stringify(record, null, 1)}\n`);
      const path = `${recordFolder(spec.name)}/state.json`;
      return fencedPlainly(deps, { spec, host, epoch }, (connection) =>
        connection.files.write({ path, mode: 0o644, contents }),
      );
    },
    async appendOperation({ spec, host, epoch, realm, line }) {
      const path = `${recordFolder(spec.name)}/operations.jsonl`;
      return fencedPlainly(deps, { spec, host, epoch, realm }, (connection) => appendOnce(connection, path, line));
    },
  };
}

/** Who looks after a cluster, and what it is, can be written by a worker that has none of its keys. */
async function fencedPlainly<T>(
  deps: ActivityDependencies,
  { spec, host, ...fence }: FencedScope,
  work: (connection: HostConnection) => Promise<T>,
): Promise<T> {
  return underFence(await connectPlainly(deps, spec, host), { cluster: spec.name, ...fence }, work);
}

/** Anybody but these; nobody is no one to refuse. */
async function refuseOwner(connection: HostConnection, cluster: string, allowed: string[]): Promise<void> {
  const bytes = await connection.files.read(`${recordFolder(cluster)}/owner.json`);
  if (bytes === undefined) return;
  const owner = JSON.parse(bytes.toString()) as RecordOwner;
  if (allowed.includes(owner.id)) return;
  throw new ActivityError('FOREIGN_OWNER', `${connection.host.id}: ${describeOwner(owner)}`, {
    host: connection.host.id,
    final: true,
    hint: 'work through that Temporal, or, where it is lost: krakenctl cluster take-over',
  });
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
