import type { FleetRecord } from '../cluster/agents/fleet-record';
import { credentialMark, credentialTexts } from '../cluster/auth/credentials';
import type { AuthKeys } from '../cluster/auth/keys';
import { type AuthChange, type AuthContents, changed, type SealedAuth, sealContents } from '../cluster/auth/record';
import type { ClusterSpec } from '../cluster/spec';
import type { Serials } from '../contracts/agents';
import type { AuthActivities, CredentialsInput, PlanAuthInput, PlannedAuth } from '../contracts/auth';
import { awaitApplicants } from './applicants';
import { openRecord } from './auth-contents';
import { keysOf } from './auth-keys';
import { type AuthRecords, addressesOf, authPath, readAuthRecords, sourcesOf } from './auth-records';
import { type ActivityDependencies, fenced } from './dependencies';
import { ActivityError } from './failures';

/** Who may come in through the load balancers: a sealed record on the nodes, and hashes on each load balancer. */
export function authActivities(deps: ActivityDependencies): AuthActivities {
  return {
    async readAuth({ spec, key }) {
      const keys = keysOf(deps, spec, key);
      const records = await readAuthRecords(deps, spec);
      const { auth, unseen } = records;
      const { users, vms, tokens } = openRecord(keys, spec, records);
      return {
        generation: auth?.generation ?? 0,
        ...(auth?.former && { former: auth.former }),
        users: users.map(({ name, role, since }) => ({ name, role, since })),
        revoked: Object.keys(vms).filter((vm) => vms[vm]!.revoked),
        serials: serialsOf(vms),
        tokens: tokens.map(({ id, until, uses, used }) => ({ id, until, uses, used })),
        unseen,
      };
    },
    planAuth: (input) => planAuth(deps, input),
    async writeAuth({ spec, host, epoch, record }) {
      const contents = Buffer.from(`${JSON.stringify(record)}\n`);
      return fenced(deps, { spec, host, epoch, realm: 'auth' }, async ({ files }) => {
        const there = await files.read(authPath(spec));
        if (there && !there.equals(contents)) refuseLate(host, record, there);
        return files.write({ path: authPath(spec), mode: 0o600, contents });
      });
    },
    awaitApplicants: (input) => awaitApplicants(deps, input),
    ensureCredentials: (input) => bringCredentials(deps, input),
  };
}

async function planAuth(deps: ActivityDependencies, input: PlanAuthInput): Promise<PlannedAuth> {
  const { spec, key, nowMs } = input;
  const keys = keysOf(deps, spec, key);
  const records = await readAuthRecords(deps, spec);
  const { auth, epoch, unseen } = records;
  const wanted = changeOf(keys, input);
  const before = openRecord(openingKeys(deps, { keys, spec, wanted, records }), spec, records);
  const planned = { epoch: Math.max(nowMs, epoch + 1), unseen, generation: auth?.generation ?? 0 };
  const serials = serialsOf(before.vms);
  if (auth && records.state === 'open') return { ...planned, serials, record: auth, mends: 'first' };
  const contents = contentsAfter(before, wanted, { fleet: records.fleet, again: input.again });
  return {
    ...planned,
    serials: serialsOf(contents.vms),
    ...(input.forget && { enrolled: before.tokens.find(({ id }) => id === input.forget)?.used ?? [] }),
    ...recordAfter(records, {
      keys,
      contents,
      cluster: spec.name,
      former: formerAfter(wanted, auth),
      isSame: JSON.stringify(contents) === JSON.stringify(before),
      again: input.again,
    }),
  };
}

interface Rotating {
  keys: AuthKeys;
  spec: ClusterSpec;
  wanted: AuthChange;
  records: AuthRecords;
}

/** Sealed with the secret before until it is rotated. A second rotation would throw out whom the first has brought to its secret already. */
function openingKeys(deps: ActivityDependencies, { keys, spec, wanted, records }: Rotating): AuthKeys {
  const { auth, key = keys.fingerprint } = records;
  if (wanted.kind !== 'rotate' || key === keys.fingerprint) return keys;
  if (auth?.former === undefined && wanted.former === key) return keysOf(deps, spec, key);
  throw new ActivityError('AUTH_REFUSED', `cluster ${spec.name} is being brought to another AUTH_SECRET (${key})`, {
    final: true,
    hint: 'put that one into .env and let krakenctl auth rotate end; then rotate to the next',
  });
}

function contentsAfter(
  before: AuthContents,
  wanted: AuthChange,
  { fleet, again }: { fleet?: FleetRecord; again?: boolean },
): AuthContents {
  if (wanted.kind === 'revoke') refuseStranger(wanted.vm, before, fleet);
  const outcome = changed(before, wanted);
  if ('contents' in outcome) return outcome.contents;
  if (again && wanted.kind === 'remove') return before;
  throw new ActivityError('AUTH_REFUSED', outcome.refusal, { final: true, hint: outcome.hint });
}

interface Outcome {
  keys: AuthKeys;
  contents: AuthContents;
  cluster: string;
  former?: string;
  isSame: boolean;
  again?: boolean;
}

/** What the nodes are to have; nothing where all that were seen have it. */
function recordAfter(
  records: AuthRecords,
  outcome: Outcome,
): Pick<PlannedAuth, 'record' | 'mends'> & { generation: number } {
  const { auth, state, hasRival, isLacking } = records;
  const { keys, contents, cluster, former, isSame, again } = outcome;
  const isKept = isSame && (auth ? auth.key === keys.fingerprint && auth.former === former : former === undefined);
  const generation = auth?.generation ?? 0;
  if (isKept && (!auth || (!isLacking && !again))) return { generation };
  if (isKept && auth && state === 'kept' && !hasRival) return { generation, record: auth, mends: 'all' };
  const next = { cluster, generation: generation + 1, former };
  return { generation: next.generation, record: sealContents(keys, next, contents), ...(isKept && { mends: 'all' }) };
}

/** A name that was mistyped would be revoked, and the VM that was meant would not. */
function refuseStranger(vm: string, { vms }: AuthContents, fleet: FleetRecord | undefined): void {
  if (vms[vm] || addressesOf(fleet).includes(vm)) return;
  throw new ActivityError('AUTH_REFUSED', `no VM ${vm} has a credential`, {
    final: true,
    hint: 'krakenctl agent list',
  });
}

function changeOf(keys: AuthKeys, { operation, change, readmit = [], enrol, forget }: PlanAuthInput): AuthChange {
  if (change) return JSON.parse(keys.open(change, operation.id));
  if (enrol) return { kind: 'enrol', id: enrol.token, applicants: enrol.applicants };
  if (forget) return { kind: 'untoken', id: forget };
  return { kind: 'readmit', vms: readmit };
}

/** Which secret beside the record's own lets in. */
function formerAfter(change: AuthChange, record: SealedAuth | undefined): string | undefined {
  if (change.kind === 'rotated') return undefined;
  return change.kind === 'rotate' ? change.former : record?.former;
}

/** Of two who planned from the same record, the second plans again: what the first did would be lost, a revocation too. */
function refuseLate(host: string, record: SealedAuth, there: Buffer): void {
  const { generation } = JSON.parse(there.toString()) as SealedAuth;
  if (generation < record.generation) return;
  throw new ActivityError('PLAN_STALE', `who may come in was changed on ${host} meanwhile (generation ${generation})`, {
    host,
    final: true,
    hint: 'run it again',
  });
}

function serialsOf(vms: AuthContents['vms']): Serials {
  return Object.fromEntries(Object.entries(vms).flatMap(([vm, { serial }]) => (serial > 0 ? [[vm, serial]] : [])));
}

/** Looked at again under the fence: somebody may have been let in, or thrown out, between the two. */
const mostRounds = 5;

async function bringCredentials(deps: ActivityDependencies, input: CredentialsInput): Promise<{ changed: boolean }> {
  const { spec, host, key, epoch, realm } = input;
  const keys = keysOf(deps, spec, key);
  return fenced(deps, { spec, host, epoch, realm }, async ({ credentials }) => {
    for (let round = 0; round < mostRounds; round += 1) {
      const records = await readAuthRecords(deps, spec);
      const mark = credentialMark(sourcesOf(key, records));
      const contents = openRecord(keys, spec, records);
      const former = records.auth?.former;
      const holding = former ? [keys, keysOf(deps, spec, former)] : [keys];
      const files = credentialTexts({ keys: holding, contents, vms: addressesOf(records.fleet) });
      const answer = await credentials.write(spec.name, { mark, files });
      if (answer !== 'newer') return { changed: answer === 'written' };
    }
    throw new ActivityError('OUTCOME_UNKNOWN', `${host} has hashes of a newer record than the nodes have`, {
      host,
      final: false,
    });
  });
}
