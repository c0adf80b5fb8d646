import { mountedConfigFolder } from '../names';
import type { ClusterSpec } from '../spec';
import { languagesOf, stateOf } from '../tls/languages';
import { serverName, tlsFileNames } from '../tls/material';
import { yamlText } from './notice';
import { storageRouterPort } from './storage-router';

/** What Kraken's own parts have in common. */

export type KrakenPart = 'origin' | 'tracker' | 'build-index' | 'proxy' | 'agent';
type Tree = Record<string, unknown>;

/** Where inner access logs go: to the container's log, which Docker rotates, or nowhere. */
type AccessLog = '/dev/stdout' | '/dev/null';

/** What a part says of TLS, and of the nginx before it. Absent: plain. */
export interface KrakenTls {
  tls: Tree;
  nginx?: Tree;
}

// Must be said: without it a part looks for certificates and ends.
const plain: KrakenTls = { tls: { server: { disabled: true }, client: { disabled: true } } };

export function krakenText(
  part: KrakenPart,
  own: Tree,
  { accessLog = '/dev/stdout', tls = plain }: { accessLog?: AccessLog; tls?: KrakenTls } = {},
): string {
  return yamlText({
    extends: `/etc/kraken/config/${part}/base.yaml`,
    ...own,
    nginx: {
      cache_dir: `/var/cache/kraken/kraken-${part}/nginx/`,
      stdout_log_path: '/dev/stdout',
      access_log_path: accessLog,
      error_log_path: '/dev/stdout',
      ...tls.nginx,
    },
    // The base file also logs into a file that nothing rotates.
    zap: { outputPaths: ['stdout'], errorOutputPaths: ['stdout'] },
    metrics: { backend: 'disabled' },
    tls: tls.tls,
  });
}

/** Inside a container. */
export const mountedTlsFile = (name: keyof typeof tlsFileNames) => `${mountedConfigFolder}/${tlsFileNames[name]}`;

export const innerNginxTemplate = 'nginx.tmpl';

export function krakenTls(spec: ClusterSpec): KrakenTls {
  if (!stateOf(spec)) return plain;
  const { serves, asks } = languagesOf(spec);
  const pair = { cert: { path: mountedTlsFile('certificate') }, key: { path: mountedTlsFile('key') } };
  const server = { disabled: false, ...pair, passphrase: { path: mountedTlsFile('passphrase') } };
  const client = asks === 'tls' ? { disabled: false, ...pair } : { disabled: true };
  const cas = [{ path: mountedTlsFile('trusted') }];
  const template = { template_path: `${mountedConfigFolder}/${innerNginxTemplate}` };
  return { tls: { name: serverName, cas, server, client }, ...(serves === 'both' && { nginx: template }) };
}

export function addressesOf(spec: ClusterSpec, port: number): string[] {
  return spec.nodes.map((node) => `${node.address}:${port}`);
}

/**
 * How the parts judge each other. Kraken's own words, but a look every 2 s and not every 10 s: a dead node is left out after at
 * most 15 s (39 s otherwise, and each push and first pull waits on it until then), a returned one is taken back after 4 s (20 s).
 */
export const healthFilter = { fails: 3, passes: 2, timeout: '3s' };
export const healthInterval = '2s';

/** A list of parts that is watched. */
export function hostsOf(spec: ClusterSpec, port: number): Tree {
  const healthcheck = { filter: healthFilter, monitor: { interval: healthInterval } };
  return { hosts: { static: addressesOf(spec, port) }, healthcheck };
}

export function duration(seconds: number): string {
  return `${seconds}s`;
}

/** Kraken looks for idle files every 30 minutes; a shorter limit needs more looks to mean something. */
const usualCleanupInterval = 1800;

export function cleanupOf({ kraken }: ClusterSpec): Tree {
  const limits = [kraken.cacheTtiSeconds, kraken.cacheTtlSeconds].filter((s) => s > 0);
  return {
    interval: duration(Math.min(usualCleanupInterval, ...limits)),
    tti: duration(kraken.cacheTtiSeconds),
    ttl: duration(kraken.cacheTtlSeconds),
  };
}

export function writebackOf({ kraken }: ClusterSpec): Tree {
  return {
    retry_interval: duration(kraken.writebackRetrySeconds),
    // How often the queue is looked through: more often than a task may be due.
    poll_retries_interval: duration(Math.max(1, Math.floor(kraken.writebackRetrySeconds / 2))),
  };
}

/** Each node writes to its own testfs and reads from all: see `storage-router.ts`. */
export function backendsOf(spec: ClusterSpec, root: 'blobs' | 'tags'): Tree[] {
  const name_path = root === 'tags' ? 'docker_tag' : 'identity';
  const testfs = { addr: `127.0.0.1:${storageRouterPort(spec)}`, root, name_path };
  // /readiness then says no while the backend is away; /health, by which the parts judge each other, stays as it is. Kraken asks
  // for a name that docker_tag refuses, so a build-index that must be ready never is.
  return [{ namespace: '.*', backend: { testfs }, must_ready: root === 'blobs' }];
}
