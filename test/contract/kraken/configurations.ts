import { stringify } from 'yaml';
import type { Part } from './images';

/** Configurations as krakenctl renders them, for a cluster whose nodes all use the same ports. */
export const ports = {
  testfs: 7000,
  origin: 8080,
  originPeer: 8090,
  tracker: 8081,
  buildIndex: 8082,
  proxy: 8083,
  agent: 8180,
  agentPeer: 8190,
  agentServer: 8191,
};

export type Tree = { [key: string]: unknown };

const common = {
  zap: { outputPaths: ['stdout'], errorOutputPaths: ['stdout'] },
  metrics: { backend: 'disabled' },
  tls: { server: { disabled: true }, client: { disabled: true } },
};

const retrying = { retry_interval: '1s', poll_retries_interval: '1s' };

export interface Addresses {
  nodes: string[];
  redis: string;
}

export function configurationOf(part: Exclude<Part, 'testfs'>, { nodes, redis }: Addresses): Tree {
  const at = (port: number) => nodes.map((node) => `${node}:${port}`);
  const hosts = (port: number) => ({ hosts: { static: at(port) } });
  const backends = (root: string, name_path: string, must_ready: boolean) => [
    { namespace: '.*', backend: { testfs: { addr: `127.0.0.1:${ports.testfs}`, root, name_path } }, must_ready },
  ];
  const own: Record<typeof part, Tree> = {
    origin: {
      cluster: { static: at(ports.origin) },
      hashring: { max_replica: 2, membership_wait_timeout: '1s' },
      backends: backends('blobs', 'identity', true),
      writeback: retrying,
    },
    tracker: {
      origin: hosts(ports.origin),
      peerstore: { redis: { enabled: true, addr: redis } },
      originstore: { origin_unavailable_ttl: '5s' },
      trackerserver: { announce_interval: '3s' },
    },
    'build-index': {
      cluster: hosts(ports.buildIndex),
      origin: hosts(ports.origin),
      backends: backends('tags', 'docker_tag', false),
      tag_types: [{ namespace: '.*', type: 'docker', root: 'tags' }],
      tag_store: { write_through: true },
      tag_replication: retrying,
      remotes: {},
      writeback: retrying,
    },
    proxy: { origin: hosts(ports.origin), build_index: hosts(ports.buildIndex) },
    agent: {
      tracker: hosts(ports.tracker),
      build_index: hosts(ports.buildIndex),
      allowed_cidrs: ['127.0.0.1', '0.0.0.0/0'],
    },
  };
  const nginx = { cache_dir: `/var/cache/kraken/kraken-${part}/nginx/`, access_log_path: '/dev/stdout' };
  return { extends: `/etc/kraken/config/${part}/base.yaml`, ...own[part], nginx, ...common };
}

export function toYaml(tree: Tree): string {
  return stringify(tree, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false });
}

/** What each part is started with. */
export function flagsOf(part: Part, address: string): string[] {
  const flags: Record<Part, string[]> = {
    testfs: [`--port=${ports.testfs}`],
    origin: [
      ...['--blobserver-hostname', address, '--blobserver-port', `${ports.origin}`],
      ...['--peer-ip', address, '--peer-port', `${ports.originPeer}`],
    ],
    tracker: ['--port', `${ports.tracker}`],
    'build-index': ['--port', `${ports.buildIndex}`],
    proxy: ['--port', `${ports.proxy}`],
    agent: [
      ...['--peer-ip', address, '--peer-port', `${ports.agentPeer}`],
      ...['--agent-server-port', `${ports.agentServer}`, '--agent-registry-port', `${ports.agent}`],
    ],
  };
  return flags[part];
}
