import { randomBytes } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { ClientError } from '../clients/errors';
import type { HostConnection } from '../clients/host';
import { requiredImages } from '../cluster/desired-state';
import { recordFolder } from '../cluster/names';
import type { ClusterRecord, RecordOwner } from '../cluster/observed';
import { portNumbersOf } from '../cluster/port-conflicts';
import { judgePreflight, sharedPortsOf } from '../cluster/preflight/cluster';
import type { HostFacts, ImageFacts, Reach } from '../cluster/preflight/facts';
import type { Finding } from '../cluster/preflight/findings';
import { kernelSettings } from '../cluster/preflight/machine';
import type { ClusterSpec, HostSpec } from '../cluster/spec';
import type { PreflightActivities } from '../contracts/activities';
import type { FailureDetails } from '../contracts/failures';
import { keysOf } from './auth-keys';
import { type ActivityDependencies, connectPlainly } from './dependencies';
import { ActivityError, toFailure } from './failures';
import { readGivenFiles } from './tls-planner';

export function preflightActivities(deps: ActivityDependencies): PreflightActivities {
  return {
    async preflightCluster({ spec, listen, bystander }) {
      const startedAt = deps.now();
      const hosts = await Promise.all(spec.nodes.map((node) => lookAt(deps, spec, node)));
      const reaches = await tryWays(deps, spec, { hosts, listen });
      const findings = [
        ...judgePreflight(spec, { hosts, reaches, ownerId: deps.ownerId, bystander, nowMs: deps.now() }),
        ...findSecretMissing(deps, spec),
        // They lie on the machine of who deploys.
        ...(bystander ? [] : findGivenUnfit(deps, spec)),
      ];
      const seen = hosts.filter((h) => h.reachable).map((h) => h.host);
      const untried = reaches.filter((r) => r.result === 'untested').length;
      const firewall = hosts.flatMap((h) => (h.reachable && h.machine.hasFirewall ? [h.host] : []));
      const ways = { tried: reaches.length - untried, untried };
      const certificates = hosts.some((h) => h.reachable && h.tls) && { certificates: true as const };
      return { findings, seen, ways, firewall, ...certificates, tookMs: deps.now() - startedAt };
    },
    async ensureKernelSetting({ spec, host, mend }) {
      const known = kernelSettings.find((s) => s.name === mend.setting && s.want === mend.value);
      if (!known) throw new ActivityError('INTERNAL', `no mend for ${mend.setting}`, { host, final: true });
      const { preflight } = await connectPlainly(deps, spec, host);
      const read = async () => {
        const query = { cluster: spec.name, ports: [], folders: [], settings: [known.name] };
        return (await preflight.machine(query)).settings[known.name];
      };
      if (isSet(known, await read())) return { changed: false };
      await preflight.setKernel(mend);
      if (isSet(known, await read())) return { changed: true };
      const why = `${known.name} was set to ${mend.value} and still reads ${await read()}`;
      throw new ActivityError('REMOTE_COMMAND', why, { host, final: true });
    },
  };
}

/** Whether who looks could make the credentials of this very cluster. */
function findSecretMissing(deps: ActivityDependencies, spec: ClusterSpec): Finding[] {
  if (!spec.auth) return [];
  try {
    keysOf(deps, spec, spec.auth.key);
    return [];
  } catch (error) {
    if (!(error instanceof ActivityError)) throw error;
    const why = 'the credentials of agents are derived from it, and who may come in is sealed with it';
    return [{ code: 'AUTH_SECRET', level: 'failure', what: error.message, why, mend: error.details.hint ?? '' }];
  }
}

/** Certificates of a person, as a deploy would read and refuse them. */
function findGivenUnfit(deps: ActivityDependencies, { tls }: ClusterSpec): Finding[] {
  if (!tls?.given) return [];
  try {
    readGivenFiles(tls.given, deps.now());
    return [];
  } catch (error) {
    if (!(error instanceof ActivityError)) throw error;
    const why = 'every part would be given them, and clients would refuse what they cannot check';
    const mend = 'mend the files on the machine of the worker; docs/tls.md says what a certificate must have';
    return [{ code: 'TLS_GIVEN', level: 'failure', what: error.message.replaceAll('\n', '; '), why, mend }];
  }
}

function isSet(setting: (typeof kernelSettings)[number], value: string | undefined): boolean {
  return value !== undefined && setting.isGood(value);
}

async function lookAt(deps: ActivityDependencies, spec: ClusterSpec, node: HostSpec): Promise<HostFacts> {
  const startedAt = deps.now();
  try {
    const connection = await connectPlainly(deps, spec, node.id);
    const { files, preflight } = connection;
    const engine = await lookAtEngine(deps, spec, connection);
    const query = {
      cluster: spec.name,
      ports: portNumbersOf(spec, node),
      folders: [engine.engine?.root ?? '/var/lib/docker', '/var/lib/kraken', '/var/lib/krakenctl', '/etc', '/var/log'],
      settings: kernelSettings.map((s) => s.name),
    };
    const folder = recordFolder(spec.name);
    const [machine, owner, state] = await Promise.all([
      preflight.machine(query),
      files.read(`${folder}/owner.json`),
      files.read(`${folder}/state.json`),
    ]);
    const tls = state && parseTls(state);
    return {
      host: node.id,
      reachable: true,
      machine,
      ...engine,
      forwards: preflight.forwards,
      owner: owner && parseOwner(owner),
      ...(tls && { tls }),
      tookMs: deps.now() - startedAt,
    };
  } catch (error) {
    return refusal(node.id, error);
  }
}

type EngineLook = Pick<Extract<HostFacts, { reachable: true }>, 'engine' | 'engineError' | 'containers' | 'images'>;

/** An Engine that is down must not hide what else is wrong with its host. */
async function lookAtEngine(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  connection: HostConnection,
): Promise<EngineLook> {
  const { engine } = connection;
  try {
    const [version, info, containers, images] = await Promise.all([
      engine.version(),
      engine.info(),
      engine.names(),
      lookForImages(deps, spec, connection),
    ]);
    return { engine: { ...version, ...info }, containers, images };
  } catch (error) {
    return { engineError: (error as Error).message.replace(`${connection.host.id}: `, ''), containers: [], images: [] };
  }
}

function parseOwner(bytes: Buffer): RecordOwner | undefined {
  try {
    return JSON.parse(bytes.toString()) as RecordOwner;
  } catch {
    return undefined;
  }
}

function parseTls(bytes: Buffer): Extract<HostFacts, { reachable: true }>['tls'] {
  try {
    const { generation, spec, destroyed } = JSON.parse(bytes.toString()) as ClusterRecord;
    return spec.tls && !destroyed ? { generation, tls: spec.tls } : undefined;
  } catch {
    return undefined;
  }
}

function refusal(host: string, error: unknown): HostFacts {
  const failure = toFailure(error);
  if (!(failure instanceof ApplicationFailure)) throw error;
  const { hint } = (failure.details?.[0] ?? {}) as FailureDetails;
  return { host, reachable: false, code: failure.type ?? 'INTERNAL', error: failure.message, hint };
}

/** Asked by every host, since each needs a way to the registry of its own. */
async function lookForImages(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  { engine }: HostConnection,
): Promise<ImageFacts[]> {
  return Promise.all(
    requiredImages(spec).map(async (reference): Promise<ImageFacts> => {
      try {
        if (spec.images.source === 'pull') return { reference, platforms: (await engine.resolve(reference)).platforms };
        const image = await deps.archives.identify(reference, spec.images.archiveDir);
        if (image) return { reference, platforms: image.platform ? [image.platform] : [] };
        const where = spec.images.archiveDir ? `in ${spec.images.archiveDir} nor in` : 'in';
        return { reference, platforms: [], error: `${reference} is not ${where} the worker's engine` };
      } catch (error) {
        // The host's name stands before the line already.
        const message = (error as Error).message.replace(/^[\w-]+: docker manifest \S+: /, '');
        return { reference, platforms: [], error: `${reference}: ${message}` };
      }
    }),
  );
}

/**
 * Before the deploy nothing listens, so each bare host answers for a moment on the ports that are free; then each tries all the others. Where
 * parts of ours are, a port may be wanted by one that starts just now, and is left alone.
 */
async function tryWays(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  { hosts, listen }: { hosts: HostFacts[]; listen: boolean },
): Promise<Reach[]> {
  const able = spec.nodes.filter((node) =>
    hosts.some((h) => h.host === node.id && h.reachable && !h.machine.missingPrograms.includes('perl')),
  );
  const words = new Map(able.map((node) => [node.id, randomBytes(8).toString('hex')]));
  const listening = await Promise.all(
    able.map(async (node) => {
      const none = { node, ports: [] as number[], stop: () => undefined };
      const isBare = hosts.some(
        (h) => h.host === node.id && h.reachable && h.engine && !h.containers.some((c) => c.cluster === spec.name),
      );
      if (!listen || !isBare) return none;
      try {
        const { preflight } = await connectPlainly(deps, spec, node.id);
        return { node, ...(await preflight.listen(words.get(node.id)!, sharedPortsOf(spec, node))) };
      } catch (error) {
        // What cannot be listened on is told as not tried; the others are tried all the same.
        if (error instanceof ClientError) return none;
        throw error;
      }
    }),
  );
  try {
    const tries = able.map((from) => tryFrom(deps, spec, { from, listening, words }));
    return (await Promise.all(tries)).flat();
  } finally {
    for (const { stop } of listening) stop();
  }
}

interface Tries {
  from: HostSpec;
  listening: { node: HostSpec; ports: number[] }[];
  words: Map<string, string>;
}

async function tryFrom(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  { from, listening, words }: Tries,
): Promise<Reach[]> {
  const others = listening.filter(({ node }) => node.id !== from.id);
  const targets = others.flatMap(({ node }) => sharedPortsOf(spec, node).map((port) => ({ node, port })));
  const answers = await reachFrom(deps, spec, { from, targets });
  if (!answers) return targets.map(({ node, port }) => ({ from: from.id, to: node.id, port, result: 'untested' }));
  return answers.flatMap(({ address, port, result, word }): Reach[] => {
    const other = others.find(({ node }) => node.address === address);
    if (!other) return [];
    const isOurs = other.ports.includes(port);
    // Where a part listens already it says nothing that we know; that it can be reached is what was asked.
    const isAnother = result === 'open' && isOurs && word !== words.get(other.node.id);
    const seen = result === 'refused' && !isOurs ? 'untested' : isAnother ? 'another' : result;
    return [{ from: from.id, to: other.node.id, port, result: seen }];
  });
}

/** @returns undefined where the host tries nothing: its perl lacks a module, or it has gone away meanwhile. What else was seen is told all the same. */
async function reachFrom(
  deps: ActivityDependencies,
  spec: ClusterSpec,
  { from, targets }: { from: HostSpec; targets: { node: HostSpec; port: number }[] },
): Promise<Awaited<ReturnType<HostConnection['preflight']['reach']>> | undefined> {
  try {
    const { preflight } = await connectPlainly(deps, spec, from.id);
    return await preflight.reach(targets.map(({ node, port }) => ({ address: node.address, port })));
  } catch (error) {
    if (error instanceof ClientError) return undefined;
    throw error;
  }
}
