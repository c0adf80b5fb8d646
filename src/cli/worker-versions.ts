import { deploymentName } from '../contracts/queues';
import {
  countPinned,
  type Deployment,
  describeVersion,
  type Place,
  readDeployment,
  type VersionState,
} from '../releases/deployment';
import { type Release, showRelease } from '../releases/release';
import { judgeSuccession } from '../releases/succession';
import type { Temporal } from './connect';
import type { Poller } from './pollers';
import { readVersion } from './version';

/** Workflow code that has work, or will get what is new. */
export interface WorkerVersion {
  buildId: string;
  state: Exclude<VersionState, 'drained'>;
  /** The newest release that has this workflow code; unknown until its workers say so. */
  release?: string;
  /** Open workflows that are gone on with on it alone; unknown where Temporal cannot count them. */
  open?: number;
  /** Identities of the workers that run it. */
  workers: string[];
}

const placeOf = ({ connection, namespace }: Temporal): Place => ({ server: connection, namespace });

/** None for a Temporal that knows no versions. */
export async function findVersions(temporal: Temporal, pollers: Poller[]): Promise<WorkerVersion[]> {
  const place = placeOf(temporal);
  const { versions } = (await readDeployment(place)) ?? { versions: [] };
  const found = versions.map(async ({ buildId, state }): Promise<WorkerVersion | undefined> => {
    const workers = pollers.filter((p) => p.buildIds.includes(buildId)).map((p) => p.identity);
    // A worker that was never needed, or that went before it was: of no interest to anybody.
    if (state === 'drained' || (state === 'waiting' && workers.length === 0)) return undefined;
    const count = countPinned(place, buildId).catch(() => undefined);
    const [release, open] = await Promise.all([releaseOf(place, buildId), count]);
    return { buildId, state, ...(release && { release: showRelease(release) }), open, workers };
  });
  return (await Promise.all(found)).filter((version) => version !== undefined);
}

async function releaseOf(place: Place, buildId: string): Promise<Release | undefined> {
  return (await describeVersion(place, buildId))?.release;
}

/** Whether the worker that was started here leaves what is new to a newer release elsewhere. It decides by the same rule itself. */
export async function leavesToNewer(temporal: Temporal, { buildIds }: Poller, pollers: Poller[]): Promise<boolean> {
  const place = placeOf(temporal);
  const { current }: Deployment = (await readDeployment(place)) ?? { versions: [] };
  const [own] = buildIds;
  if (current === undefined || own === undefined) return false;
  const polled = pollers.some((p) => p.buildIds.includes(current));
  const candidate = { buildId: own, release: readVersion(), starting: true };
  return (
    judgeSuccession(candidate, { buildId: current, release: await releaseOf(place, current), polled }) === 'leaves'
  );
}

export function renderVersions(versions: WorkerVersion[]): string[] {
  if (versions.length === 0) return [];
  const lines = versions.flatMap((version) => {
    const { buildId, state, release = 'release unknown', open = 0 } = version;
    const held = open > 0 ? `  ${open} open` : '';
    return [` ${buildId}  ${state.padEnd(8)}  ${release}${held}`, ...(isStuck(version) ? adviceFor(version) : [])];
  });
  return ['workflow code', ...lines];
}

function isStuck({ open = 0, workers }: WorkerVersion): boolean {
  return open > 0 && workers.length === 0;
}

/** The second way is a risk that a person may take: the new code may not understand what the old one has done. */
function adviceFor({ buildId, release = 'that release' }: WorkerVersion): string[] {
  const query = `TemporalWorkerDeploymentVersion="${deploymentName}:${buildId}" AND ExecutionStatus="Running"`;
  return [
    `  ! no worker runs it: what is open on it waits   → a worker of ${release}, on any machine`,
    `    or let the new code go on with it: temporal workflow update-options --query '${query}' --versioning-override-behavior auto_upgrade`,
  ];
}
