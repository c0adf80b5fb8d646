import type { ClusterSpec } from '../spec';

/** What a host says of itself before anything is changed on it; see `clients/preflight.ts` for how it is asked. */
export interface MachineFacts {
  /** Host clock minus ours, milliseconds. */
  clockOffsetMs: number;
  memoryBytes: number;
  cpus: number;
  disks: DiskFacts[];
  /** Values of the kernel settings that were asked for; undefined where the kernel has none of that name. */
  settings: Record<string, string | undefined>;
  /** Programs that effects need and that are not there. */
  missingPrograms: string[];
  /** Who listens on a port that will be used. */
  listeners: Listener[];
  /** `/etc/kraken/<cluster>` is there, with more in it than rules of a firewall. */
  hasFiles: boolean;
  /** Rules of our firewall are kept there. */
  hasFirewall: boolean;
  /** `state.json` of this cluster is there. */
  hasRecord: boolean;
}

export interface DiskFacts {
  folder: string;
  availableBytes: number;
  usedPercent: number;
  inodesUsedPercent: number;
  /** Absent where the file system has no limit of them. */
  inodesFree?: number;
}

export interface Listener {
  port: number;
  pid?: number;
  program?: string;
  /** Full id, when the process is a container's. */
  containerId?: string;
}

export interface EngineFacts {
  version: string;
  apiVersion: string;
  /** `linux/amd64` */
  platform: string;
  storageDriver: string;
  /** Docker's root folder. */
  root: string;
}

/** One try to reach a port of another host. */
export interface Reach {
  from: string;
  to: string;
  port: number;
  /** `open`: connected, and where our own listener stood there, it was that one. */
  result: 'open' | 'refused' | 'silent' | 'another' | 'untested';
}

export interface ImageFacts {
  reference: string;
  /** `linux/amd64`, …; empty when the registry does not say. */
  platforms: string[];
  /** Why it cannot be had. */
  error?: string;
}

export type HostFacts =
  | {
      host: string;
      reachable: true;
      machine: MachineFacts;
      /** Absent when it does not answer. */
      engine?: EngineFacts;
      engineError?: string;
      /** The Engine's socket is reached by a forward; else by `docker system dial-stdio`. */
      forwards: boolean;
      containers: { id: string; name: string; cluster?: string }[];
      images: ImageFacts[];
      /** Whose record lies here. */
      owner?: { id: string; temporal: string; namespace: string };
      /** Of its record; absent where there is none, or it cannot be read. */
      tls?: { generation: number; tls: NonNullable<ClusterSpec['tls']> };
      tookMs: number;
    }
  | { host: string; reachable: false; code: string; error: string; hint?: string };

export interface PreflightFacts {
  hosts: HostFacts[];
  reaches: Reach[];
  /** Of the krakenctl that looks. */
  ownerId: string;
  /** It is not the one that deploys. */
  bystander?: boolean;
  /** Milliseconds since the epoch; absent: nothing is said of what ends. */
  nowMs?: number;
}
