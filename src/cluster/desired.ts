import type { PartName } from './spec';

/** What each host should carry. Pure values: a {@link DesiredState} is a function of the spec and the resolved images. */

export interface DesiredFile {
  host: string;
  part: PartName;
  /** Absolute path on the host. */
  path: string;
  /** Permission bits, for example 0o644. */
  mode: number;
  contents: string;
  /** Nobody else on the host may come near it: its cluster's folder is closed first. */
  isPrivate?: true;
  /** Hex SHA-256 of contents. */
  sha256: string;
  /** redis.conf: hex SHA-256 of the lines that a running instance does not take; absent: every line is of that kind. */
  fixedSha256?: string;
}

export interface DesiredMount {
  source: string;
  target: string;
  readOnly: boolean;
}

/** How a part says that it is ready; evaluated from the host itself (127.0.0.1) over its SSH connection. */
export type Readiness = { kind: 'http'; port: number; path: string } | { kind: 'redis'; port: number };

export interface DesiredContainer {
  name: string;
  host: string;
  part: PartName;
  /** The reference as a host pulls it, for example `kraken-origin:v0.1.27` with its registry. */
  image: string;
  /** What that reference was resolved to; a repository digest for `pull`, an image id for `load`. */
  imageDigest: string;
  command: string[];
  mounts: DesiredMount[];
  /**
   * Folders that start empty with each start of the container. Kraken's parts leave unix sockets in /tmp, and a part that is
   * started again over its own stale socket dies with "address already in use" (seen on v0.1.27).
   */
  tmpfs: string[];
  memoryBytes: number;
  /** Docker's NanoCpus; 0 = unlimited. */
  nanoCpus: number;
  capAdd: string[];
  readOnlyRoot: boolean;
  /** Processes and threads at once. */
  pidsLimit: number;
  logMaxSizeBytes: number;
  logMaxFiles: number;
  restartPolicy: 'unless-stopped';
  readiness: Readiness;
  /**
   * Hashes by name of all that made the container (image, command, mounts, files …), so that a plan can say which one differs.
   * What changes in place is not among them: limits, nginx.conf, and the lines of redis.conf that stand in {@link live}.
   */
  ingredients: Record<string, string>;
  /** Hex SHA-256 over the ingredients. */
  fingerprint: string;
  /** Redis only: settings that the running instance must have, as CONFIG GET says them. */
  live?: Record<string, string>;
  /** NGINX only: the sum that the running NGINX must say its configuration has (`nginxConfigSum`). */
  reloadSum?: string;
}

export interface DesiredHost {
  host: string;
  files: DesiredFile[];
  /** In start order. */
  containers: DesiredContainer[];
}

/** One Redis instance and its place in the cluster: each node's master and the replica of the previous node's master. */
export interface DesiredRedisInstance {
  host: string;
  part: 'redis' | 'redis-replica';
  address: string;
  port: number;
  role: 'master' | 'replica';
  /** Masters: inclusive slot range. */
  slots?: [number, number];
  /** Replicas: host whose master it follows. */
  follows?: string;
}

export interface DesiredState {
  cluster: string;
  hosts: DesiredHost[];
  redis: DesiredRedisInstance[];
  /** Hex SHA-256 over all fingerprints, limits and file sums. */
  hash: string;
}

/** Resolved images: reference → digest or id. */
export type ResolvedImages = Record<string, string>;
