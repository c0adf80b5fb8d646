import { z } from 'zod';
import { parseNetwork, showNetwork } from './firewall/networks';

/**
 * What a person asked for, as values: the only input of {@link desiredState}. Every default of the product that concerns a
 * cluster stands here or in `config/keys.ts` (which turns `.env` text into these values). Secrets never appear: a spec is
 * written into workflow histories and onto hosts.
 */

const port = z.number().int().min(1).max(65535);
const bytes = z.number().int().positive();

export const partNames = [
  'redis',
  'redis-replica',
  'redis-router',
  'testfs',
  'origin',
  'tracker',
  'build-index',
  'proxy',
  'nginx',
] as const;

/** One container of a node, in the words of kraken.md. */
export type PartName = (typeof partNames)[number];

export const limitSchema = z.object({
  /** Hard memory limit of the container, bytes. */
  memoryBytes: bytes,
  /** CPU limit, cores (0.5 = half a core); 0 = no limit. */
  cpus: z.number().min(0),
});
export type Limit = z.infer<typeof limitSchema>;

/** IPv4 or a host's name: it is written into texts of NGINX, Redis and shell. */
const address = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/);

/** Canonical: it is written into rules. */
const network = z.string().refine((text) => {
  const read = parseNetwork(text);
  return read !== undefined && showNetwork(read) === text;
});

export const sshTargetSchema = z.object({
  address,
  port,
  user: z.string().min(1),
});
export type SshTarget = z.infer<typeof sshTargetSchema>;

export const hostSchema = z.object({
  /** `node-1` … as in container names. */
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  /** Address by which the other hosts reach it (IPv4, or a name that resolves on every host). */
  address,
  ssh: sshTargetSchema,
});
export type HostSpec = z.infer<typeof hostSchema>;

/** How far TLS is, in this order; see `tls/walk.ts`. */
export const tlsStages = ['accept', 'bus', 'speak', 'require'] as const;
export type TlsStage = (typeof tlsStages)[number];

const instant = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const signerId = z.string().regex(/^[a-z0-9-]{1,40}$/);

export const tlsStateSchema = z.object({
  stage: z.enum(tlsStages),
  /** Id of whoever signs (`tls/material.ts`). */
  signer: signerId,
  /** Ids of all that are believed; more than one while one takes over from another. */
  trusts: z.array(signerId).min(1),
  /** Certificates that were made together. */
  series: z.object({ number: z.number().int().positive(), from: instant, until: instant }),
});
export type TlsState = z.infer<typeof tlsStateSchema>;

export const specSchema = z.object({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,30}$/),
  nodes: z.array(hostSchema).min(3),
  /** Ids of the nodes that carry an NGINX (LB_NODES; all nodes by default). */
  loadBalancers: z.array(z.string()).min(1),
  ssh: z.object({
    /** Private key file on the worker; absent: the agent at SSH_AUTH_SOCK. */
    keyPath: z.string().optional(),
    knownHostsPath: z.string(),
    proxyJump: sshTargetSchema.optional(),
  }),
  ports: z.object({
    origin: port,
    originPeer: port,
    tracker: port,
    buildIndex: port,
    proxy: port,
    lbProxy: port,
    lbTracker: port,
    redis: port,
    redisReplica: port,
    redisRouter: port,
    redisRouterAdmin: port,
    testfs: port,
  }),
  images: z.object({
    source: z.enum(['pull', 'load']),
    /** Folder on the worker with `docker save` archives; used by `load` before the worker's own engine. */
    archiveDir: z.string().optional(),
    registry: z.string().min(1),
    version: z.string().min(1),
    redis: z.string().min(1),
    nginx: z.string().min(1),
    envoy: z.string().min(1),
  }),
  limits: z.record(z.enum(partNames), limitSchema),
  redis: z.object({
    maxmemoryBytes: bytes,
    maxmemoryPolicy: z.string(),
    nodeTimeoutMs: z.number().int().positive(),
  }),
  nginx: z.object({
    workerConnections: z.number().int().positive(),
    keepaliveTimeoutSeconds: z.number().int().nonnegative(),
    upstreamKeepalive: z.number().int().nonnegative(),
    connectTimeoutSeconds: z.number().int().positive(),
    readTimeoutSeconds: z.number().int().positive(),
    sendTimeoutSeconds: z.number().int().positive(),
    maxFails: z.number().int().nonnegative(),
    failTimeoutSeconds: z.number().int().positive(),
    connectionsPerClient: z.number().int().nonnegative(),
  }),
  kraken: z.object({
    /** Origins that hold a copy of each blob (hashring.max_replica). */
    maxReplica: z.number().int().positive(),
    /** Idle time after which a cached file may be removed, seconds (cleanup.tti). */
    cacheTtiSeconds: z.number().int().positive(),
    /** Age after which a cached file is removed, seconds (cleanup.ttl); 0 = by idleness only. */
    cacheTtlSeconds: z.number().int().nonnegative(),
    /** Time between announces of a peer, seconds. */
    announceIntervalSeconds: z.number().int().positive(),
    writebackRetrySeconds: z.number().int().positive(),
  }),
  storage: z.object({ backend: z.literal('testfs') }),
  /** What runs on each VM. */
  agents: z.object({
    ports: z.object({
      /** Registry from which Docker on the VM pulls. */
      registry: port,
      peer: port,
      server: port,
      /** First of the loopback ports on which a VM relays to the load balancers, one each. */
      relay: port,
    }),
    limit: limitSchema,
  }),
  /** Sources beside nodes and VMs; absent: none is set. */
  firewall: z
    .object({
      /** Who may reach the load balancers; absent: anyone. */
      clients: z.array(network).min(1).optional(),
      /** Who counts as a VM. */
      peers: z.array(network).min(1).optional(),
      /** Who may reach sshd; absent: it is not filtered. */
      ssh: z.array(network).min(1).optional(),
    })
    .optional(),
  /** Who comes through the load balancers needs a login; absent: nobody does. */
  auth: z
    .object({
      /** Fingerprint of AUTH_SECRET (`auth/keys.ts`). */
      key: z.string().regex(/^[0-9a-f]{16}$/),
    })
    .optional(),
  /** Absent: plain. */
  tls: z
    .object({
      /** How long a certificate made here is good. */
      lifetimeSeconds: z.number().int().positive(),
      /** One's own files on the worker; absent: krakenctl makes its own authority. */
      given: z.object({ certificate: z.string(), key: z.string(), trusted: z.string().optional() }).optional(),
      /** Decided by the worker (`tls/walk.ts`); absent in what a person asks for. */
      state: tlsStateSchema.optional(),
    })
    .optional(),
  logs: z.object({
    /** Docker json-file rotation. */
    maxSizeBytes: bytes,
    maxFiles: z.number().int().positive(),
  }),
  /** Hosts worked on at once. */
  concurrency: z.number().int().positive(),
});

export type ClusterSpec = z.infer<typeof specSchema>;
