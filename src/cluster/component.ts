import type { DesiredMount, Readiness } from './desired';
import { configFolder, dataFolder, mountedConfigFolder, servedFolder } from './names';
import { redisSettings } from './render/redis';
import { storageRouterPort } from './render/storage-router';
import { type ClusterSpec, type HostSpec, type PartName, partNames } from './spec';
import { redisTlsOffset } from './tls/languages';

/**
 * Who has to reach a port; the firewall's rules are made of it. `itself`: its own host alone. `nodes`: the nodes. `fleet`: nodes and VMs.
 * `clients`: whoever pushes and pulls.
 */
export type Audience = 'itself' | 'nodes' | 'fleet' | 'clients';

export interface OpenPort {
  port: number;
  from: Audience;
}

const to = (from: Audience, ...ports: number[]): OpenPort[] => ports.map((port) => ({ port, from }));

/** What each part is: one row a part, read by everything that has to know something about "an origin" or "a tracker". */
export interface Component {
  /** Image reference as hosts pull it. */
  image(spec: ClusterSpec): string;
  command(spec: ClusterSpec, node: HostSpec): string[];
  /** Ports that it listens on, on the host's network, and who has to reach each. */
  listens(spec: ClusterSpec): OpenPort[];
  readiness(spec: ClusterSpec): Readiness;
  /** Parts, on whatever host, that must be there before it can work. They stand before it in {@link partNames}. */
  waitsFor: PartName[];
  /** Folder inside the container whose contents must outlive it; absent: the part keeps nothing. */
  state?: string;
  /** Folders that start empty with each start of the container. */
  tmpfs: string[];
  /** All that are not here are dropped. */
  capabilities: string[];
  /** Its image is not written to: whatever it changes lies in its state, or in a tmpfs. */
  readOnlyRoot: boolean;
  /** Settings in its configuration that the running part takes one by one, without a new container. */
  live?(spec: ClusterSpec): Record<string, string>;
  /** Its requests come through an nginx of its own inside the container, which ends when it has answered those it has. */
  hasInnerNginx?: boolean;
  /** True where a changed configuration is loaded by the running part, so that it never makes a new container. */
  reloads?: boolean;
}

/** Processes and threads of one container: far above what any part has (some dozens), far below what a machine falls over with. */
export const pidsLimit = 4096;

/** Of images whose starters change owners and users, and nothing more. */
const starterCapabilities = ['CHOWN', 'DAC_OVERRIDE', 'SETGID', 'SETUID'];

const krakenImage = (name: string) => (spec: ClusterSpec) =>
  `${spec.images.registry}/kraken-${name}:${spec.images.version}`;

const krakenConfig = ['--config', `${mountedConfigFolder}/production.yaml`];

/** Sockets of an earlier start stop a part with "address already in use". */
const krakenTmpfs = ['/tmp'];

/** Kraken's parts and their own nginx stay root, own their files, and do without any capability (v0.1.27). */
const krakenConfinement = { capabilities: [], readOnlyRoot: true, tmpfs: [...krakenTmpfs, '/run', '/var/lib/nginx'] };

/**
 * Where images pass through, the inner nginx spools whole layers to /var/lib/nginx, and a tracker's keeps answers in /var/cache/kraken: a tmpfs there would
 * be the part's memory.
 */
const writableConfinement = { capabilities: [], readOnlyRoot: false, tmpfs: krakenTmpfs };

function redis(part: 'redis' | 'redis-replica', waitsFor: PartName[]): Component {
  const port = ({ ports }: ClusterSpec) => (part === 'redis' ? ports.redis : ports.redisReplica);
  return {
    image: (spec) => spec.images.redis,
    // The official image's starter changes to its redis user exactly when the first word is redis-server.
    command: () => ['redis-server', `${mountedConfigFolder}/redis.conf`],
    listens: (spec) => to('nodes', port(spec), port(spec) + 10_000, ...(spec.tls ? [port(spec) + redisTlsOffset] : [])),
    readiness: (spec) => ({ kind: 'redis', port: port(spec) }),
    waitsFor,
    state: '/data',
    tmpfs: [],
    capabilities: starterCapabilities,
    readOnlyRoot: true,
    live: (spec) => redisSettings(spec, part),
  };
}

export const components: Record<PartName, Component> = {
  redis: redis('redis', []),
  'redis-replica': redis('redis-replica', []),
  'redis-router': {
    image: (spec) => spec.images.envoy,
    // Without --disable-hot-restart Envoy ends when the process that started it does.
    command: () => [
      ...['envoy', '-c', `${mountedConfigFolder}/envoy.yaml`],
      ...['--concurrency', '1', '--disable-hot-restart', '--log-level', 'warning'],
    ],
    listens: (spec) => to('itself', spec.ports.redisRouter, spec.ports.redisRouterAdmin, storageRouterPort(spec)),
    readiness: (spec) => ({ kind: 'http', port: spec.ports.redisRouterAdmin, path: '/ready' }),
    waitsFor: ['redis', 'redis-replica'],
    tmpfs: ['/tmp'],
    capabilities: starterCapabilities,
    readOnlyRoot: true,
  },
  testfs: {
    image: krakenImage('testfs'),
    command: () => ['/bin/sh', `${mountedConfigFolder}/start.sh`],
    // Each node's storage router reads from all of them.
    listens: (spec) => to('nodes', spec.ports.testfs),
    readiness: (spec) => ({ kind: 'http', port: spec.ports.testfs, path: '/health' }),
    waitsFor: [],
    // testfs has no setting for its folder: it makes one under /tmp.
    state: '/tmp',
    tmpfs: [],
    capabilities: [],
    readOnlyRoot: true,
  },
  origin: {
    image: krakenImage('origin'),
    command: (spec, node) => [
      ...['/usr/bin/kraken-origin', ...krakenConfig],
      // The very name by which the others list it; otherwise it does not find itself in the ring and ends.
      ...['--blobserver-hostname', node.address, '--blobserver-port', `${spec.ports.origin}`],
      ...['--peer-ip', node.address, '--peer-port', `${spec.ports.originPeer}`],
    ],
    // Agents fetch pieces from origins.
    listens: ({ ports }) => [...to('nodes', ports.origin), ...to('fleet', ports.originPeer)],
    readiness: (spec) => ({ kind: 'http', port: spec.ports.origin, path: '/readiness' }),
    waitsFor: ['redis-router', 'testfs'],
    state: '/var/cache/kraken/kraken-origin',
    ...writableConfinement,
    hasInnerNginx: true,
  },
  tracker: {
    image: krakenImage('tracker'),
    command: (spec) => ['/usr/bin/kraken-tracker', ...krakenConfig, '--port', `${spec.ports.tracker}`],
    listens: (spec) => to('nodes', spec.ports.tracker),
    readiness: (spec) => ({ kind: 'http', port: spec.ports.tracker, path: '/readiness' }),
    waitsFor: ['redis-router', 'origin'],
    ...writableConfinement,
    hasInnerNginx: true,
  },
  'build-index': {
    image: krakenImage('build-index'),
    command: (spec) => ['/usr/bin/kraken-build-index', ...krakenConfig, '--port', `${spec.ports.buildIndex}`],
    listens: (spec) => to('nodes', spec.ports.buildIndex),
    readiness: (spec) => ({ kind: 'http', port: spec.ports.buildIndex, path: '/readiness' }),
    waitsFor: ['redis-router', 'testfs', 'origin'],
    state: '/var/cache/kraken/kraken-build-index',
    ...krakenConfinement,
    hasInnerNginx: true,
  },
  proxy: {
    image: krakenImage('proxy'),
    command: (spec) => ['/usr/bin/kraken-proxy', ...krakenConfig, '--port', `${spec.ports.proxy}`],
    listens: (spec) => to('nodes', spec.ports.proxy),
    // A proxy has no /readiness: it answers 404 there.
    readiness: (spec) => ({ kind: 'http', port: spec.ports.proxy, path: '/health' }),
    waitsFor: ['origin', 'build-index'],
    state: '/var/cache/kraken/kraken-proxy',
    ...writableConfinement,
    hasInnerNginx: true,
  },
  nginx: {
    image: (spec) => spec.images.nginx,
    command: () => ['nginx', '-c', `${mountedConfigFolder}/nginx.conf`, '-g', 'daemon off;'],
    listens: ({ ports }) => to('clients', ports.lbProxy, ports.lbTracker),
    readiness: (spec) => ({ kind: 'http', port: spec.ports.lbProxy, path: '/health' }),
    waitsFor: ['proxy', 'tracker', 'build-index'],
    // What VMs install from, and where they leave their names.
    state: servedFolder,
    // The image's own folders of temporary files, which nginx looks into when it starts; ours are in /tmp.
    tmpfs: ['/tmp', '/run', '/var/cache/nginx', '/var/lib/nginx'],
    capabilities: starterCapabilities,
    readOnlyRoot: true,
    reloads: true,
  },
};

/** How a part says that it is ready. */
export function readinessOf(spec: ClusterSpec, part: PartName): Readiness {
  return components[part].readiness(spec);
}

/** Parts of one node in start order; NGINX runs on the nodes that LB_NODES names. */
export function partsOf(spec: ClusterSpec, node: HostSpec): PartName[] {
  return partNames.filter((part) => part !== 'nginx' || spec.loadBalancers.includes(node.id));
}

export function portsOfPart(spec: ClusterSpec, part: PartName): number[] {
  return components[part].listens(spec).map(({ port }) => port);
}

export function capabilitiesOf(spec: ClusterSpec, part: PartName): string[] {
  const { capabilities } = components[part];
  const isPrivileged = portsOfPart(spec, part).some((port) => port < 1024);
  return isPrivileged ? [...capabilities, 'NET_BIND_SERVICE'].sort() : [...capabilities];
}

export function mountsOf(spec: ClusterSpec, part: PartName): DesiredMount[] {
  const mounts = [{ source: configFolder(spec.name, part), target: mountedConfigFolder, readOnly: true }];
  const { state } = components[part];
  if (state) mounts.push({ source: dataFolder(spec.name, part), target: state, readOnly: false });
  return mounts;
}
