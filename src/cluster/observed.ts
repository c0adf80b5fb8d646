import type { CredentialMark } from './auth/credentials';
import type { Listener } from './preflight/facts';
import type { ClusterSpec, PartName } from './spec';

/** What was seen on the hosts. "Unreachable" is a state of its own: nothing is concluded from it. */

export interface ObservedContainer {
  id: string;
  name: string;
  /** From our labels; undefined on a foreign container that has one of our names. */
  cluster?: string;
  part?: PartName;
  fingerprint?: string;
  operation?: string;
  /** Ingredient hashes kept in the label, to say which field changed. */
  ingredients?: Record<string, string>;
  imageId: string;
  image: string;
  /** Docker's State.Status: created, running, paused, restarting, removing, exited, dead. */
  state: string;
  /** Unix seconds of the last start, host clock; 0 when never started. */
  startedAt: number;
  restartCount: number;
  exitCode: number;
  /** Hard memory limit; 0 where the host's kernel keeps none, -1 where a hand took it away. */
  memoryBytes?: number;
  /** What its CPU limit comes to; 0 = none. */
  nanoCpus?: number;
  /** The CPU limit was set in a way beside which Docker takes no other: only a new container gets another one. */
  nanoCpusHeld?: boolean;
}

export interface ObservedFile {
  path: string;
  sha256: string;
  /** redis.conf: sum of the lines that a running instance does not take. */
  fixedSha256?: string;
  mode: number;
  /** ctime, Unix seconds, host clock. */
  changedAt: number;
}

/** One line of an instance's own `CLUSTER NODES`. */
export interface RedisView {
  id: string;
  address: string;
  port: number;
  flags: string[];
  masterId?: string;
  slots: [number, number][];
}

export type ObservedRedisInstance = {
  host: string;
  part: 'redis' | 'redis-replica';
} & (
  | { reachable: false; error: string }
  | {
      reachable: true;
      /** Cluster node id of this instance. */
      id: string;
      role: 'master' | 'replica';
      /** Replicas: cluster node id of the master. */
      masterId?: string;
      /** Replicas: `master_link_status:up`. */
      linkUp: boolean;
      clusterState: 'ok' | 'fail';
      /** What it says of the settings that can be changed while it runs. */
      settings?: Record<string, string>;
      /** The cluster as this instance sees it, itself included. */
      view: RedisView[];
    }
);

export interface ObservedNginx {
  /** Sum that the running NGINX says its configuration has; undefined when it does not answer. */
  runningConfig?: string;
  /** Nodes that it leaves out. */
  out?: string[];
}

/** Who may come in, as one host keeps it: which record, and not what is in it. */
export interface ObservedAuth {
  /** `auth.json`. */
  auth?: { generation: number; sum: string; key: string };
  /** `agents.json`. */
  fleet?: { generation: number; sum: string };
  /** What a load balancer's hashes are made of. */
  mark?: CredentialMark;
}

export type ObservedHost =
  | {
      host: string;
      reachable: true;
      /** Docker Engine version. */
      engine: string;
      /** `linux/amd64` … */
      platform: string;
      /** Host clock minus worker clock, milliseconds. */
      clockOffsetMs: number;
      memoryBytes: number;
      diskUsedPercent: number;
      /** Folders that krakenctl or Docker writes to and in which the next write would fail; absent where there are none. */
      full?: { folder: string; left: string }[];
      containers: ObservedContainer[];
      files: ObservedFile[];
      images: { id: string; references: string[] }[];
      nginx?: ObservedNginx;
      redis: ObservedRedisInstance[];
      /** `state.json` of this host; undefined where there is none. */
      record?: ClusterRecord;
      /** Who listens on the ports of its parts; absent where it was not looked for. */
      listeners?: Listener[];
      /** Highest epoch of an operation that this host has seen. */
      epoch: number;
      owner?: RecordOwner;
      /** Only where the spec asks for logins. */
      auth?: ObservedAuth;
      /** One probe of each part that has one; only when asked for. */
      ready?: Partial<Record<PartName, boolean>>;
      /** Milliseconds that the whole look took. */
      tookMs: number;
    }
  | {
      host: string;
      reachable: false;
      error: string;
      /** Name of the failure; absent in what older workers answer. */
      code?: string;
    };

export interface Observed {
  cluster: string;
  hosts: ObservedHost[];
}

export type SeenHost = Extract<ObservedHost, { reachable: true }>;

export function isSeen(host: ObservedHost): host is SeenHost {
  return host.reachable;
}

/** Which krakenctl may change this cluster (decisions 1). */
export interface RecordOwner {
  /** Random id made once and kept in the worker's state folder. */
  id: string;
  /** Temporal address and namespace, for a person. */
  temporal: string;
  namespace: string;
}

/** A state that was applied and proven: enough to come back to it. */
export interface LastGood {
  generation: number;
  spec: ClusterSpec;
  images: Record<string, string>;
  desiredHash: string;
  operation: { id: string; name: string; actor: string; endedAt: string };
}

/** `state.json`: the same on every node of a majority. */
export interface ClusterRecord {
  format: 1;
  cluster: string;
  /** Grows by one with each change. */
  generation: number;
  /** The spec as applied; there is no secret in it. */
  spec: ClusterSpec;
  images: Record<string, string>;
  desiredHash: string;
  operation: { id: string; name: string; actor: string; endedAt: string };
  /** Operations so far by verb, for short names such as `deploy-2`. */
  counts: Record<string, number>;
  /** The state before this one, which an undo comes back to. */
  before?: LastGood;
  /** Which operation brought this state, where the last one only mended it. */
  broughtBy?: { id: string; name: string };
  /** Set by a destroy that left something on purpose; the next deploy writes a record without it. */
  destroyed?: { at: string; dataKept: boolean; left: string[] };
}

/** What is at a path where a folder of the cluster would be. */
export interface ObservedFolder {
  path: string;
  /** `mounted`: a file system is mounted at it or below; `other`: a file, a socket. */
  kind: 'absent' | 'folder' | 'link' | 'mounted' | 'other';
  /** All files in it; undefined where counting takes too long. */
  bytes?: number;
}

export interface HostFolders {
  host: string;
  folders: ObservedFolder[];
}
