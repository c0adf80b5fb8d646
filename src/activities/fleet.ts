import { createHash } from 'node:crypto';
import { ClientError, ImageMissingError } from '../clients/errors';
import type { HostConnection, InstallBundle } from '../clients/host';
import { installArchive } from '../clients/install-source';
import { pushTinyImage, withLogin } from '../clients/registry';
import { desiredAgents, type FleetWish, planFleet, strangersOf } from '../cluster/agents/fleet-plan';
import { type FleetRecord, highestGeneration, newestFleet, recordedVms } from '../cluster/agents/fleet-record';
import { type EnrolledVm, joinEnrolled, pageOfEnrolled } from '../cluster/agents/install-source';
import { agentImageReference } from '../cluster/agents/release';
import { vmName, withKnownLogins } from '../cluster/agents/vm';
import { installScript } from '../cluster/render/agent/install';
import type { ClusterSpec } from '../cluster/spec';
import type { AgentActivities, FleetInput, FleetView, InstallInput } from '../contracts/agents';
import { archiveOf, renderRelease } from './agent-release';
import { bringAgentImage } from './agents';
import { contentsOf } from './auth-contents';
import { loginOf } from './auth-keys';
import { type ActivityDependencies, connectTo, type FencedScope, fenced } from './dependencies';
import { ActivityError } from './failures';
import { forgetRemoved, isAgentWanted, readHolding, recordedTls, writeFleet } from './fleet-records';

type Verbs =
  | 'readFleet'
  | 'openFleet'
  | 'writeFleet'
  | 'forgetRemoved'
  | 'isAgentWanted'
  | 'resolveAgentImage'
  | 'pushSentinel'
  | 'ensureInstallImage'
  | 'publishInstall'
  | 'openInstallWave'
  | 'dismissVms';

/** The record of the fleet on the nodes, and what all its VMs share. */
export function fleetActivities(deps: ActivityDependencies): Pick<AgentActivities, Verbs> {
  return {
    async readFleet({ spec, enrolled: wanted }) {
      const answers = await Promise.all(spec.nodes.map(({ id }) => readHolding(deps, spec, id)));
      const holdings = answers.flatMap((a) => ('error' in a ? [] : [a]));
      const record = newestFleet(holdings, spec.nodes.length);
      return {
        record: record && { ...record, generation: highestGeneration(holdings) },
        highestEpoch: holdings.reduce((highest, { epoch }) => Math.max(highest, epoch), 0),
        ...chosenOf(await verified(deps, spec, joinEnrolled(holdings.map(({ install }) => install.enrolled))), wanted),
        installs: holdings
          .filter(({ host }) => spec.loadBalancers.includes(host))
          .map(({ host, install: { enrolled: _, ...served } }) => ({ host, ...served })),
        unseen: answers.flatMap((a) => ('error' in a ? [a] : [])),
        recorded: recordedTls(holdings, spec.nodes.length),
      };
    },
    async openFleet({ input, view, nowMs }) {
      const { operation, verb } = input;
      const wish = { ...input, vms: loginsOf(input, view.record) };
      refuseStrangers(wish, view);
      const counts = { ...view.record?.counts, [verb]: (view.record?.counts[verb] ?? 0) + 1 };
      const name = `agents-${Object.values(counts).reduce((sum, n) => sum + n, 0)}`;
      const record: FleetRecord = {
        format: 1,
        generation: (view.record?.generation ?? 0) + 1,
        ...desiredAgents(wish, view.record),
        digest: view.record?.digest,
        counts,
        operation: { id: operation.id, name, actor: operation.actor, at: new Date(nowMs).toISOString() },
      };
      // VMs have no common record, so the time is what makes a later operation the higher one on each of them.
      return {
        name,
        epoch: Math.max(nowMs, view.highestEpoch + 1),
        plan: planFleet(wish, view.record, view),
        record,
      };
    },
    async writeFleet({ spec, host, epoch, record }) {
      return fencedNode(deps, { spec, host, epoch }, (connection) => writeFleet(connection, spec, record));
    },
    forgetRemoved: (input) => forgetRemoved(deps, input),
    isAgentWanted: (input) => isAgentWanted(deps, input),
    async ensureInstallImage(input) {
      return fencedNode(deps, input, (connection) => bringAgentImage(deps, connection, input));
    },
    async publishInstall(input) {
      const bundle = await bundleOf(deps, input);
      return fencedNode(deps, input, (connection) => connection.installs.publish(input.spec.name, bundle));
    },
    async openInstallWave({ percent, ...scope }) {
      const turns = { epoch: scope.epoch, to: percent >= 100 ? ('all' as const) : [] };
      return fencedNode(deps, scope, ({ installs }) => installs.giveTurns(scope.spec.name, turns));
    },
    async dismissVms({ addresses, ...scope }) {
      const those = { addresses, mark: scope.epoch };
      return fencedNode(deps, scope, ({ installs }) => installs.dismiss(scope.spec.name, those));
    },
    async resolveAgentImage({ spec, known }) {
      const reference = agentImageReference(spec);
      if (spec.images.source === 'load') return identify(deps, spec, reference);
      return resolveThroughNodes(deps, spec, { reference, known });
    },
    async pushSentinel({ spec, operation, away = [] }) {
      const repository = 'krakenctl-canary/agents';
      const port = spec.ports.lbProxy;
      const tag = `t${operation.id.charCodeAt(operation.id.length - 1) % 16}`;
      const image = { port, repository, tag, contents: operation.id };
      const balancers = spec.loadBalancers.filter((host) => !away.includes(host));
      const login = loginOf(deps, spec);
      const push = async (host: string) => pushTinyImage(withLogin(await connectTo(deps, spec, host), login), image);
      const { digest } = await onFirst(balancers, push);
      return { repository, digest };
    },
  };
}

/** What was not said of a VM's login is as the record has it. Whoever asked before there was a word for that said all of it. */
function loginsOf({ vms, named }: FleetInput, record: FleetRecord | undefined): FleetInput['vms'] {
  if (!named) return vms;
  const asked = vms.map((vm, i) => ({ vm, target: named[i] ?? { address: vmName(vm) } }));
  return withKnownLogins(asked, recordedVms(record));
}

/** Before anything is changed: an upgrade would bring an agent that nobody looks after, and --forget forget nobody. */
function refuseStrangers(wish: FleetWish, { record, enrolled }: FleetView): void {
  const strangers = strangersOf(wish, record, { enrolled });
  if (strangers.length === 0) return;
  const shown = strangers.slice(0, 20).join(' ');
  const more = strangers.length > 20 ? ` and ${strangers.length - 20} more` : '';
  const why = wish.forget ? '--forget takes off the record alone' : 'an upgrade changes those alone that have an agent';
  throw new ActivityError('NO_AGENTS', `not in the record of agents: ${shown}${more}; ${why}; nothing was changed`, {
    final: true,
    hint: wish.forget ? 'krakenctl agent list' : `krakenctl agent deploy ${shown}`,
  });
}

/** What a VM says of itself is its own word where nobody asked for a login. */
async function verified(deps: ActivityDependencies, spec: ClusterSpec, all: EnrolledVm[]): Promise<EnrolledVm[]> {
  if (!spec.auth || all.length === 0) return all;
  const { vms } = await contentsOf(deps, spec, spec.auth.key);
  return all.map((vm) => (vms[vm.address]?.own && !vms[vm.address]?.revoked ? { ...vm, verified: true } : vm));
}

function chosenOf(
  all: EnrolledVm[],
  wanted: Parameters<AgentActivities['readFleet']>[0]['enrolled'],
): Pick<FleetView, 'enrolled' | 'next'> {
  if (wanted === undefined) return { enrolled: all };
  if (wanted !== 'addresses') return pageOfEnrolled(all, wanted);
  return {
    enrolled: all.map(({ address, ageSeconds, verified: isKnown }) => ({
      address,
      ageSeconds,
      ...(isKnown && { verified: true }),
    })),
  };
}

/** One host after the other until one has done it; what the last one said where none has. */
async function onFirst<T>(hosts: string[], work: (host: string) => Promise<T>): Promise<T> {
  let failure: unknown;
  for (const host of hosts) {
    try {
      return await work(host);
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

function fencedNode<T>(
  deps: ActivityDependencies,
  { spec, host, epoch }: FencedScope,
  work: (connection: HostConnection) => Promise<T>,
): Promise<T> {
  return fenced(deps, { spec, host, epoch, realm: 'agents' }, work);
}

/** Named by all that is in it but the image, which the digest stands for. */
async function bundleOf(deps: ActivityDependencies, { spec, digest, epoch }: InstallInput): Promise<InstallBundle> {
  const release = renderRelease({ spec, digest }, deps);
  const script = installScript(spec, release);
  const { archive } = await archiveOf(release);
  const sum = createHash('sha256').update(script).update(archive).digest('hex');
  const id = createHash('sha256').update(`${sum}${digest}`).digest('hex').slice(0, 16);
  return {
    id,
    release: release.id,
    image: release.image.reference,
    sum,
    archive: await installArchive(script, archive),
    epoch,
  };
}

async function identify(deps: ActivityDependencies, spec: ClusterSpec, reference: string): Promise<string> {
  const image = await deps.archives.identify(reference, spec.images.archiveDir);
  if (image) return image.id;
  throw new ActivityError('IMAGE_MISSING', `${reference} is neither in IMAGE_ARCHIVE_DIR nor in the worker's engine`, {
    final: true,
    hint: 'docker pull it there, or put its `docker save` archive into IMAGE_ARCHIVE_DIR',
  });
}

interface Reference {
  reference: string;
  known?: string;
}

async function resolveThroughNodes(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  { reference, known }: Reference,
): Promise<string> {
  let failure: unknown;
  for (const node of spec.nodes) {
    try {
      return (await (await connectTo(deps, spec, node.id)).engine.resolve(reference)).digest;
    } catch (error) {
      if (error instanceof ImageMissingError || !(error instanceof ClientError)) throw error;
      failure = error;
    }
  }
  // A registry that is down must not keep agents from being restarted or brought back.
  if (known !== undefined) return known;
  throw failure;
}
