import { ClientError } from '../clients/errors';
import type { HostConnection } from '../clients/host';
import { type FleetRecord, newestFleet } from '../cluster/agents/fleet-record';
import { vmName } from '../cluster/agents/vm';
import { type CredentialSources, fleetSum, sealedSum } from '../cluster/auth/credentials';
import { type NewestHeld, newestHeld } from '../cluster/auth/newest';
import type { SealedAuth } from '../cluster/auth/record';
import { recordFolder } from '../cluster/names';
import type { ClusterRecord, ObservedAuth } from '../cluster/observed';
import type { ClusterSpec } from '../cluster/spec';
import { type ActivityDependencies, connectTo } from './dependencies';
import { ActivityError } from './failures';
import { parseRecord } from './record-json';

/** `auth.json` and `agents.json` of the nodes: who may come in. */
export interface AuthRecords extends Pick<NewestHeld<unknown>, 'state' | 'isLacking' | 'hasRival'> {
  auth?: SealedAuth;
  fleet?: FleetRecord;
  /** Fingerprint of the AUTH_SECRET that the cluster goes by; undefined where it never asked anybody for a login. */
  key?: string;
  /** Of operations on logins that a host has seen. */
  epoch: number;
  unseen: { host: string; error: string }[];
}

export const authPath = ({ name }: Pick<ClusterSpec, 'name'>) => `${recordFolder(name)}/auth.json`;

interface Holding {
  host: string;
  auth?: SealedAuth;
  fleet?: FleetRecord;
  epoch: number;
}

/** @throws HOST_UNREACHABLE where no majority was seen, or it does not tell: what was revoked is not to come back. */
export async function readAuthRecords(deps: ActivityDependencies, spec: ClusterSpec): Promise<AuthRecords> {
  const answers = await Promise.all(spec.nodes.map(({ id }) => lookAt(deps, spec, id)));
  const unseen = answers.flatMap((a) => ('error' in a ? [a] : []));
  const holdings = answers.flatMap((a) => ('error' in a ? [] : [a]));
  if (holdings.length <= spec.nodes.length / 2)
    throw tooFew('most nodes could not be seen, and they keep who may come in', unseen);
  const { record, ...spread } = newestHeld(
    holdings.map(({ auth }) => auth && { generation: auth.generation, sum: sealedSum(auth), sealed: auth }),
    spec.nodes.length,
  );
  if (spread.state === 'doubtful')
    throw tooFew(
      `two records of who may come in have number ${record?.generation}, and who could not be seen tells which counts`,
      unseen,
    );
  const auth = record?.sealed;
  return {
    ...spread,
    auth,
    fleet: newestFleet(
      holdings.map(({ host, fleet }) => ({ host, record: fleet })),
      spec.nodes.length,
    ),
    key: auth?.key ?? keyOf(holdings.flatMap(({ applied }) => applied ?? [])),
    epoch: holdings.reduce((highest, { epoch }) => Math.max(highest, epoch), 0),
    unseen,
  };
}

type Answer = (Holding & { applied?: ClusterRecord }) | { host: string; error: string };

async function lookAt(deps: ActivityDependencies, spec: ClusterSpec, host: string): Promise<Answer> {
  try {
    const connection = await connectTo(deps, spec, host);
    const [holding, applied] = await Promise.all([readHolding(connection, spec), readApplied(connection, spec)]);
    return { ...holding, applied };
  } catch (error) {
    if (error instanceof ClientError) return { host, error: error.message };
    throw error;
  }
}

function tooFew(what: string, unseen: AuthRecords['unseen']): ActivityError {
  const why = unseen.map((u) => `${u.host}: ${u.error}`).join('; ');
  return new ActivityError('HOST_UNREACHABLE', `${what}: ${why}`, { final: false, hint: 'krakenctl status' });
}

/** Agents have what is derived from it, also where nobody was ever named in `auth.json`. */
function keyOf(applied: ClusterRecord[]): string | undefined {
  const [newest] = applied.sort((a, b) => b.generation - a.generation);
  return newest?.destroyed ? undefined : newest?.spec.auth?.key;
}

async function readApplied({ files, host }: HostConnection, { name }: ClusterSpec): Promise<ClusterRecord | undefined> {
  return parseRecord<ClusterRecord>(host.id, 'state.json', await files.read(`${recordFolder(name)}/state.json`));
}

async function readHolding(connection: HostConnection, spec: ClusterSpec): Promise<Holding> {
  const { files, host } = connection;
  const folder = recordFolder(spec.name);
  const [auth, fleet, epoch] = await Promise.all([
    files.read(authPath(spec)),
    files.read(`${folder}/agents.json`),
    files.read(`${folder}/epoch-auth`),
  ]);
  return {
    host: host.id,
    auth: parseRecord<SealedAuth>(host.id, 'auth.json', auth),
    fleet: parseRecord<FleetRecord>(host.id, 'agents.json', fleet),
    epoch: Number.parseInt(epoch?.toString() ?? '', 10) || 0,
  };
}

export function addressesOf(fleet: FleetRecord | undefined): string[] {
  return (fleet?.agents ?? []).map(vmName);
}

export function sourcesOf(key: string, { auth, fleet }: Pick<Holding, 'auth' | 'fleet'>): CredentialSources {
  return {
    key,
    ...(auth && { auth: { generation: auth.generation, sum: sealedSum(auth) } }),
    ...(fleet && { fleet: { generation: fleet.generation, sum: fleetSum(addressesOf(fleet)) } }),
  };
}

/** What one host has of it, without a name. */
export async function observeAuth(connection: HostConnection, spec: ClusterSpec): Promise<ObservedAuth> {
  const isBalancer = spec.loadBalancers.includes(connection.host.id);
  const [holding, mark] = await Promise.all([
    readHolding(connection, spec),
    isBalancer ? connection.credentials.look(spec.name) : undefined,
  ]);
  const { auth, fleet } = sourcesOf('', holding);
  return {
    ...(auth && { auth: { ...auth, key: holding.auth!.key } }),
    ...(fleet && { fleet }),
    ...(mark && { mark }),
  };
}
