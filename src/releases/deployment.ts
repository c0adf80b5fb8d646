import type { temporal } from '@temporalio/proto';
import { deploymentName, sideQueues, taskQueues } from '../contracts/queues';
import type { Release } from './release';

/** What Temporal knows of workers' versions. Client and worker have each a connection of their own kind; both look like this. */
export interface DeploymentServer {
  workflowService: Pick<
    temporal.api.workflowservice.v1.WorkflowService,
    | 'getSystemInfo'
    | 'describeTaskQueue'
    | 'createWorkerDeployment'
    | 'describeWorkerDeployment'
    | 'describeWorkerDeploymentVersion'
    | 'updateWorkerDeploymentVersionMetadata'
    | 'setWorkerDeploymentCurrentVersion'
    | 'countWorkflowExecutions'
  >;
  withDeadline<T>(deadline: number, work: () => Promise<T>): Promise<T>;
}

export interface Place {
  server: DeploymentServer;
  namespace: string;
}

/** `draining`: it gets nothing new and open operations may still be pinned to it. `waiting`: it never was current. */
export type VersionState = 'current' | 'draining' | 'drained' | 'waiting';

export interface Deployment {
  /** Build id of the version that gets what is new. */
  current?: string;
  versions: { buildId: string; state: VersionState }[];
  /** Names this state of it, so that a change that was decided on an older one is refused. */
  token?: Uint8Array;
}

/** Counted from before the client's code is loaded, which takes seconds on a machine that is busy and sees it for the first time. */
const answersWithinMs = 15_000;
const codes = { notFound: 5, permissionDenied: 7, unimplemented: 12 };
const drained = 2;

const within = <T>({ server }: Place, work: () => Promise<T>) =>
  server.withDeadline(Date.now() + answersWithinMs, work);

const hasCode = (error: unknown, ...wanted: number[]) =>
  wanted.includes((error as { code?: number } | undefined)?.code ?? -1);

/** Server 1.27 names versions in another way, and would take "make this current" for "no version is". */
export async function isTooOld({ server }: Place): Promise<boolean> {
  const { serverVersion } = await server.workflowService.getSystemInfo({});
  const [major = 0, minor = 0] = (/^(\d+)\.(\d+)/.exec(serverVersion ?? '') ?? []).slice(1).map(Number);
  return major === 1 && minor < 28;
}

/** Undefined where the server has no worker deployments: they are switched off, or it is the one that skips time. */
export async function readDeployment(place: Place): Promise<Deployment | undefined> {
  try {
    const answer = await within(place, () =>
      place.server.workflowService.describeWorkerDeployment({ namespace: place.namespace, deploymentName }),
    );
    const { routingConfig, versionSummaries } = answer.workerDeploymentInfo ?? {};
    const current = routingConfig?.currentDeploymentVersion?.buildId || undefined;
    const versions = (versionSummaries ?? []).flatMap((summary) => {
      const buildId = summary.deploymentVersion?.buildId;
      return buildId ? [{ buildId, state: stateOf(summary, buildId === current) }] : [];
    });
    return { current, versions, token: answer.conflictToken };
  } catch (error) {
    if (hasCode(error, codes.notFound)) return { versions: [] };
    if (hasCode(error, codes.unimplemented, codes.permissionDenied)) return undefined;
    throw error;
  }
}

/**
 * Before the first polls of a namespace's first worker: they would make it by themselves, all at once, and those that meet another's
 * attempt are refused for five seconds. A server without this call still works in that way.
 */
export async function createDeployment(place: Place, identity: string): Promise<void> {
  const { namespace, server } = place;
  const request = { namespace, deploymentName, identity, requestId: deploymentName };
  await within(place, () => server.workflowService.createWorkerDeployment(request)).catch(() => undefined);
}

type Summary = temporal.api.deployment.v1.WorkerDeploymentInfo.IWorkerDeploymentVersionSummary;

function stateOf({ drainageStatus, drainageInfo, firstActivationTime }: Summary, isCurrent: boolean): VersionState {
  if (isCurrent) return 'current';
  const status = Number(drainageStatus || drainageInfo?.status || 0);
  if (status === 0) return firstActivationTime ? 'draining' : 'waiting';
  return status === drained ? 'drained' : 'draining';
}

export interface KnownVersion {
  /** As its workers noted it. */
  release?: Release;
  /** `queue/type` for each that a worker of it has asked for work. */
  queues: string[];
}

/** Undefined until a worker of it has asked for work. */
export async function describeVersion(place: Place, buildId: string): Promise<KnownVersion | undefined> {
  try {
    const answer = await within(place, () =>
      place.server.workflowService.describeWorkerDeploymentVersion({
        namespace: place.namespace,
        deploymentVersion: { deploymentName, buildId },
      }),
    );
    const { metadata, taskQueueInfos } = answer.workerDeploymentVersionInfo ?? {};
    const queues = answer.versionTaskQueues?.length ? answer.versionTaskQueues : (taskQueueInfos ?? []);
    return {
      release: decodeRelease(metadata?.entries?.[releaseEntry]?.data),
      queues: queues.map(({ name, type }) => `${name}/${type}`),
    };
  } catch (error) {
    if (hasCode(error, codes.notFound)) return undefined;
    throw error;
  }
}

/** What a worker polls: workflow tasks (1) of the main queue, activities (2) of all. */
export const polledQueues = [`${taskQueues.main}/1`, ...[taskQueues.main, ...sideQueues].map((queue) => `${queue}/2`)];

const releaseEntry = 'krakenctl-release';

function decodeRelease(data: Uint8Array | null | undefined): Release | undefined {
  try {
    return data ? (JSON.parse(Buffer.from(data).toString('utf8')) as Release) : undefined;
  } catch {
    return undefined;
  }
}

/** Kept by Temporal beside the version, so that a worker of another release can tell who is newer. In the clear: it is no secret. */
export async function noteRelease(place: Place, buildId: string, release: Release): Promise<void> {
  const metadata = { encoding: Buffer.from('json/plain') };
  const upsertEntries = { [releaseEntry]: { metadata, data: Buffer.from(JSON.stringify(release)) } };
  await within(place, () =>
    place.server.workflowService.updateWorkerDeploymentVersionMetadata({
      namespace: place.namespace,
      deploymentVersion: { deploymentName, buildId },
      upsertEntries,
    }),
  );
}

/** Refused when the deployment was changed since it was read. */
export async function makeCurrent(
  place: Place,
  { buildId, identity, token }: { buildId: string; identity: string; token?: Uint8Array },
): Promise<void> {
  await within(place, () =>
    place.server.workflowService.setWorkerDeploymentCurrentVersion({
      namespace: place.namespace,
      deploymentName,
      buildId,
      identity,
      conflictToken: token,
      // That its workers poll was seen; a queue that this release no longer has is no reason to stay with the last one.
      ignoreMissingTaskQueues: true,
    }),
  );
}

/** Open workflows that can be gone on with by workers of this version alone. */
export async function countPinned(place: Place, buildId: string): Promise<number> {
  const query = [
    `TemporalWorkerDeploymentVersion = '${deploymentName}:${buildId}'`,
    "TemporalWorkflowVersioningBehavior = 'Pinned'",
    "ExecutionStatus = 'Running'",
  ].join(' AND ');
  const { count } = await within(place, () =>
    place.server.workflowService.countWorkflowExecutions({ namespace: place.namespace, query }),
  );
  return Number(count ?? 0);
}

export interface QueuePoller {
  identity: string;
  /** Milliseconds since the epoch. */
  lastSeen: number;
  /** Undefined for a worker without versions. */
  buildId?: string;
}

export interface MainQueue {
  pollers: QueuePoller[];
  /** Build id of the version that gets what is new; undefined where workers without versions do. */
  current?: string;
}

/** Who asked for workflow tasks lately, of whatever version. */
export async function readMainQueue(place: Place): Promise<MainQueue> {
  const answer = await within(place, () =>
    place.server.workflowService.describeTaskQueue({
      namespace: place.namespace,
      taskQueue: { name: taskQueues.main },
      taskQueueType: 1, // Workflow tasks.
    }),
  );
  const pollers = (answer.pollers ?? []).map(({ identity, lastAccessTime, deploymentOptions }) => ({
    identity: identity ?? '',
    lastSeen: Number(lastAccessTime?.seconds ?? 0) * 1000,
    // Workers without versions give a build id too, of another kind.
    ...(Number(deploymentOptions?.workerVersioningMode) === 2 && { buildId: deploymentOptions?.buildId ?? undefined }),
  }));
  const current = answer.versioningInfo?.currentDeploymentVersion;
  return { pollers, ...(current?.deploymentName === deploymentName && { current: current.buildId ?? undefined }) };
}
