import { createHash } from 'node:crypto';
import { firewallFolder, firewallTable } from './firewall/names';
import { type ClusterFolder, clusterFolder, clusterFolderKinds } from './names';
import {
  type HostFolders,
  isSeen,
  type Observed,
  type ObservedContainer,
  type ObservedFolder,
  type SeenHost,
} from './observed';
import { foreignHosts } from './ownership';
import type { Stage, Step } from './plan';
import { highestRecord } from './record';
import type { ClusterSpec, PartName } from './spec';

/** What of a cluster would be removed, where; the same input gives the same plan. */
export interface DestroyPlan {
  cluster: string;
  /** Over what is removed, not over sizes: those grow while a person reads. */
  hash: string;
  keepData: boolean;
  /** Nothing of the cluster is on any host that could be seen, but what is kept on purpose. */
  empty: boolean;
  stages: Stage[];
  /** Every folder that is there, with its size. */
  folders: PlannedFolder[];
  /** Things in our places that are not ours; final. */
  conflicts: { host: string; what: string; why: string }[];
  /** Hosts that another krakenctl looks after; final. */
  foreign: { host: string; why: string }[];
  /** Hosts that could not be seen. */
  unseen: { host: string; error: string }[];
  /** What stays although it is the cluster's: on hosts that were skipped, or that `.env` does not name any more. */
  left: { host: string; why: string }[];
  /** True when the record is rewritten and not removed, since something of the cluster stays. */
  keepsRecord: boolean;
}

export interface PlannedFolder {
  host: string;
  path: string;
  what: ClusterFolder;
  bytes?: number;
  removed: boolean;
}

export interface DestroyPlanInput {
  spec: ClusterSpec;
  observed: Observed;
  /** Of every host that was seen. */
  folders: HostFolders[];
  keepData: boolean;
  skipUnreachable: boolean;
}

/** Who takes requests goes first, who keeps data last. */
const partStages: { id: string; title: string; parts: PartName[] }[] = [
  { id: 'balancers', title: 'load balancers', parts: ['nginx'] },
  { id: 'parts', title: 'Kraken', parts: ['proxy', 'build-index', 'tracker', 'origin'] },
  { id: 'storage', title: 'storage and Redis', parts: ['testfs', 'redis-router', 'redis-replica', 'redis'] },
];

/** The stage that removes the record: the last, so that whatever is cut before it can be found and done again. */
export const recordStageId = 'forget';

export function planDestroy(input: DestroyPlanInput, ownerId: string): DestroyPlan {
  const { spec, observed, keepData } = input;
  const seen = observed.hosts.filter(isSeen);
  const unseen = observed.hosts.flatMap((h) => (h.reachable ? [] : [{ host: h.host, error: h.error }]));
  const left = [...skippedHosts(input, unseen), ...strayHosts(spec, seen)];
  const keepsRecord = keepData || left.length > 0;
  const folders = plannedFolders(input, keepsRecord);
  const removedFolders = folders.filter((f) => f.removed && f.what !== 'record');
  const containers = seen.flatMap((host) =>
    host.containers.filter((c) => c.cluster !== undefined).map((c) => ({ host: host.host, c })),
  );
  const hasRecord = !keepsRecord && folders.some((f) => f.what === 'record');
  const empty = containers.length + removedFolders.length === 0 && !hasRecord;
  const stages = empty
    ? []
    : [
        ...containerStages(containers),
        firewallStage(spec, seen),
        folderStage(
          { id: 'files', title: 'configuration and logs' },
          removedFolders.filter((f) => f.what !== 'data'),
        ),
        folderStage(
          { id: 'data', title: 'data' },
          removedFolders.filter((f) => f.what === 'data'),
        ),
        // On every host: the claim makes a record folder where there was none.
        folderStage({ id: recordStageId, title: 'the record' }, keepsRecord ? [] : recordFolders(spec, seen)),
      ].filter((stage) => stage.steps.length > 0);
  const plan = {
    cluster: spec.name,
    keepData,
    empty,
    stages,
    conflicts: conflictsOf(input, seen),
    foreign: foreignHosts(observed, ownerId),
    unseen,
    left,
    keepsRecord,
  };
  return { ...plan, folders, hash: hashOf(plan) };
}

/** How a host could not be reached reads differently each time. */
function hashOf(plan: Omit<DestroyPlan, 'hash' | 'folders'>): string {
  const same = { ...plan, unseen: plan.unseen.map((u) => u.host) };
  return createHash('sha256').update(JSON.stringify(same)).digest('hex');
}

function skippedHosts({ skipUnreachable }: DestroyPlanInput, unseen: DestroyPlan['unseen']): DestroyPlan['left'] {
  if (!skipUnreachable) return [];
  return unseen.map(({ host }) => ({ host, why: 'it could not be reached and was skipped' }));
}

/** The record may know nodes that were taken out of `.env` since: nobody has looked at them. */
function strayHosts(spec: ClusterSpec, seen: SeenHost[]): DestroyPlan['left'] {
  const known = new Set(spec.nodes.map((node) => node.ssh.address));
  const recorded = highestRecord(seen)?.spec.nodes ?? [];
  return recorded
    .filter((node) => !known.has(node.ssh.address))
    .map((node) => ({ host: node.id, why: `the record names ${node.ssh.address}, and no CLUSTER_NODE does` }));
}

function plannedFolders({ spec, folders, keepData }: DestroyPlanInput, keepsRecord: boolean): PlannedFolder[] {
  const kept: ClusterFolder[] = [
    ...(keepData ? (['data'] as const) : []),
    ...(keepsRecord ? (['record'] as const) : []),
  ];
  return folders.flatMap(({ host, folders: found }) =>
    clusterFolderKinds.flatMap((what): PlannedFolder[] => {
      const path = clusterFolder(spec.name, what);
      const folder = found.find((f) => f.path === path && f.kind === 'folder');
      return folder ? [{ host, path, what, bytes: folder.bytes, removed: !kept.includes(what) }] : [];
    }),
  );
}

/** Side by side: each may take its whole grace to end. */
function containerStages(containers: { host: string; c: ObservedContainer }[]): Stage[] {
  const stageOf = (part: PartName | undefined) => partStages.find((s) => part && s.parts.includes(part))?.id ?? 'parts';
  return partStages.map(({ id, title }) => ({
    id,
    title,
    gates: [],
    steps: containers
      .filter(({ c }) => stageOf(c.part) === id)
      .map(
        ({ host, c }): Step => ({
          id: `${id}/${host}/remove/${c.name}`,
          host,
          kind: 'remove',
          action: 'remove',
          part: c.part,
          lane: `${host} ${c.id}`,
          target: c.name,
          summary: `${host}: remove ${c.part ?? c.name}`,
          changes: [],
          because: ['it carries our label'],
          seen: c.id,
        }),
      )
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
  }));
}

/** Before the folder that they lie in: what loads them at a start of the host lies elsewhere. */
function firewallStage({ name }: ClusterSpec, seen: SeenHost[]): Stage {
  const folder = `${firewallFolder(name)}/`;
  const hosts = seen.filter(({ files }) => files.some(({ path }) => path.startsWith(folder)));
  return {
    id: 'firewall',
    title: 'firewall rules',
    gates: [],
    steps: hosts.map(({ host }) => ({
      id: `firewall/${host}/firewall/${firewallTable(name)}`,
      host,
      kind: 'firewall',
      action: 'remove',
      target: firewallTable(name),
      summary: `${host}: remove the firewall rules`,
      changes: [],
      because: ['they are of this cluster'],
    })),
  };
}

function folderStage(stage: Pick<Stage, 'id' | 'title'>, folders: Pick<PlannedFolder, 'host' | 'path'>[]): Stage {
  const steps = folders.map(
    ({ host, path }): Step => ({
      id: `${stage.id}/${host}/folder/${path}`,
      host,
      kind: 'folder',
      action: 'remove',
      target: path,
      summary: `${host}: remove ${path}`,
      changes: [],
      because: ['the cluster is destroyed'],
    }),
  );
  return { ...stage, steps, gates: [] };
}

function recordFolders(spec: ClusterSpec, seen: SeenHost[]): Pick<PlannedFolder, 'host' | 'path'>[] {
  return seen.map(({ host }) => ({ host, path: clusterFolder(spec.name, 'record') }));
}

const obstacles: Partial<Record<ObservedFolder['kind'], string>> = {
  link: 'it is a link, or lies behind one: what it points to is not known to be ours',
  mounted: 'a file system is mounted at it or below: unmount it',
  other: 'it is not a folder',
};

function conflictsOf({ folders, keepData }: DestroyPlanInput, seen: SeenHost[]): DestroyPlan['conflicts'] {
  const containers = seen.flatMap(({ host, containers: found }) =>
    found
      .filter((c) => c.cluster === undefined)
      .map((c) => ({ host, what: c.name, why: 'a container of this name does not carry our label' })),
  );
  const data = (path: string) => path.startsWith('/var/lib/kraken/');
  const paths = folders.flatMap(({ host, folders: found }) =>
    found.flatMap(({ path, kind }) => {
      const why = obstacles[kind];
      return why && !(keepData && data(path)) ? [{ host, what: path, why }] : [];
    }),
  );
  return [...containers, ...paths];
}
