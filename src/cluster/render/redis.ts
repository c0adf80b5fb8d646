import type { ClusterSpec, HostSpec } from '../spec';
import { notice } from './notice';

/** Any version from 6 on reads this; the reason stands by each line that is not the default. */
export function redisText(spec: ClusterSpec, node: HostSpec, part: 'redis' | 'redis-replica'): string {
  const { redis, ports } = spec;
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

maxmemory ${redis.maxmemoryBytes}
maxmemory-policy ${redis.maxmemoryPolicy}

cluster-enabled yes
cluster-config-file /data/nodes.conf
cluster-announce-ip ${node.address}
cluster-node-timeout ${redis.nodeTimeoutMs}
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
