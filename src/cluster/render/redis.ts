import { createHash } from 'node:crypto';
import type { ClusterSpec, HostSpec } from '../spec';
import { languagesOf, redisTlsOffset, stateOf } from '../tls/languages';
import { mountedTlsFile } from './kraken';
import { notice } from './notice';

/** Lines of redis.conf that a running Redis takes by CONFIG SET too, with the values as CONFIG GET says them. */
export const redisSettingNames = ['cluster-node-timeout', 'maxmemory', 'maxmemory-policy'] as const;
/**
 * And these, once an instance has certificates: bus and replication go from one language to the other while all go on (docs/decisions/0044). In this
 * order: what it announces is worked out anew when an announced port changes.
 */
export const redisTlsSettingNames = [
  'tls-cluster',
  'tls-replication',
  'cluster-announce-port',
  'cluster-announce-tls-port',
  'port',
] as const;
type TlsSettings = Record<(typeof redisTlsSettingNames)[number], string>;
export type RedisSettings = Record<(typeof redisSettingNames)[number], string> & Partial<TlsSettings>;

export function redisSettings(spec: ClusterSpec, part: 'redis' | 'redis-replica'): RedisSettings {
  const { redis } = spec;
  return {
    'cluster-node-timeout': `${redis.nodeTimeoutMs}`,
    maxmemory: `${redis.maxmemoryBytes}`,
    'maxmemory-policy': redis.maxmemoryPolicy,
    ...(stateOf(spec) && tlsSettings(spec, portOf(spec, part))),
  };
}

const portOf = ({ ports }: ClusterSpec, part: 'redis' | 'redis-replica') =>
  part === 'redis' ? ports.redis : ports.redisReplica;

function tlsSettings(spec: ClusterSpec, port: number): TlsSettings {
  const { bus, serves } = languagesOf(spec);
  const overTls = bus === 'tls';
  return {
    'tls-cluster': overTls ? 'yes' : 'no',
    'tls-replication': overTls ? 'yes' : 'no',
    'cluster-announce-port': overTls ? `${port}` : '0',
    'cluster-announce-tls-port': overTls ? `${port + redisTlsOffset}` : '0',
    port: serves === 'tls' ? '0' : `${port}`,
  };
}

/** SHA-256 of what a running Redis does not take: the text without the lines of {@link redisSettings}. */
export function redisFixedSum(text: string): string {
  const hasTls = /^tls-port /m.test(text);
  const names: readonly string[] = [...redisSettingNames, ...(hasTls ? redisTlsSettingNames : [])];
  const fixed = text.split('\n').filter((line) => !names.includes(line.trim().split(/\s/)[0]!.toLowerCase()));
  return createHash('sha256').update(fixed.join('\n')).digest('hex');
}

/** Any version from 6 on reads this; the reason stands by each line that is not the default. */
export function redisText(spec: ClusterSpec, node: HostSpec, part: 'redis' | 'redis-replica'): string {
  const settings = redisSettings(spec, part);
  const port = portOf(spec, part);
  return `${notice}
port ${settings.port ?? port}
bind 0.0.0.0
protected-mode no
daemonize no
dir /data
logfile ""

# Peer lists expire within hours; an old one points agents at peers that are gone.
save ""
appendonly no

maxmemory ${settings.maxmemory}
maxmemory-policy ${settings['maxmemory-policy']}

cluster-enabled yes
cluster-config-file /data/nodes.conf
cluster-announce-ip ${node.address}
cluster-node-timeout ${settings['cluster-node-timeout']}
# Lists of other blobs are served while one shard is being taken over.
cluster-require-full-coverage no
# A replica takes over however old its copy is: an empty peer list fills again, a missing shard does not.
cluster-replica-validity-factor 0
# Who follows whom is krakenctl's decision alone.
cluster-migration-barrier 1000

# No wait for more replicas (5 s by default): each master has one.
repl-diskless-sync yes
repl-diskless-sync-delay 0
${stateOf(spec) ? tlsText(settings, port) : ''}`;
}

/** Every client shows a certificate, as do the instances to each other. The bus keeps its port, whichever of the others is its measure. */
function tlsText(settings: RedisSettings, port: number): string {
  const live = redisTlsSettingNames.filter((name) => name !== 'port').map((name) => `${name} ${settings[name]}`);
  return `
tls-port ${port + redisTlsOffset}
tls-cert-file ${mountedTlsFile('certificate')}
tls-key-file ${mountedTlsFile('key')}
tls-ca-cert-file ${mountedTlsFile('trusted')}
tls-auth-clients yes
cluster-port ${port + 10_000}
${live.join('\n')}
`;
}
