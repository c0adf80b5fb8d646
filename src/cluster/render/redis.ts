import { createHash } from 'node:crypto';
import type { ClusterSpec, HostSpec } from '../spec';
import { notice } from './notice';

/** Lines of redis.conf that a running Redis takes by CONFIG SET too, with the values as CONFIG GET says them. */
export const redisSettingNames = ['cluster-node-timeout', 'maxmemory', 'maxmemory-policy'] as const;
export type RedisSettings = Record<(typeof redisSettingNames)[number], string>;

export function redisSettings({ redis }: ClusterSpec): RedisSettings {
  return {
    'cluster-node-timeout': `${redis.nodeTimeoutMs}`,
    maxmemory: `${redis.maxmemoryBytes}`,
    'maxmemory-policy': redis.maxmemoryPolicy,
  };
}

/** SHA-256 of what a running Redis does not take: the text without the lines of {@link redisSettingNames}. */
export function redisFixedSum(text: string): string {
  const names: readonly string[] = redisSettingNames;
  const fixed = text.split('\n').filter((line) => !names.includes(line.trim().split(/\s/)[0]!.toLowerCase()));
  return createHash('sha256').update(fixed.join('\n')).digest('hex');
}

/** Any version from 6 on reads this; the reason stands by each line that is not the default. */
export function redisText(spec: ClusterSpec, node: HostSpec, part: 'redis' | 'redis-replica'): string {
  const { ports } = spec;
  const settings = redisSettings(spec);
  return `${notice}
port ${part === 'redis' ? ports.redis : ports.redisReplica}
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
`;
}
