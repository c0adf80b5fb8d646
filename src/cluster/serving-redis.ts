import { isSeen, type Observed, type ObservedRedisInstance } from './observed';
import { totalSlots } from './redis-topology';
import type { Finding } from './serving-findings';

/** What the instances of a Redis Cluster say of it. */
export interface RedisShard {
  /** Where its master runs now. */
  host: string;
  slots: [number, number][];
  replica?: { host: string; linkUp: boolean };
}

/** Masters that serve slots, each with the best replica that follows it; by their own words. */
export function redisShards(observed: Observed): RedisShard[] {
  const instances = observed.hosts.filter(isSeen).flatMap((h) => h.redis);
  const reachable = instances.filter((i): i is Extract<ObservedRedisInstance, { reachable: true }> => i.reachable);
  const masters = reachable.filter((i) => i.role === 'master');
  return masters.flatMap((master) => {
    const slots = master.view.find((v) => v.id === master.id)?.slots ?? [];
    if (slots.length === 0) return [];
    const followers = reachable.filter((i) => i.role === 'replica' && i.masterId === master.id);
    const replica = followers.find((i) => i.linkUp) ?? followers[0];
    return [{ host: master.host, slots, replica: replica && { host: replica.host, linkUp: replica.linkUp } }];
  });
}

export function judgeRedis(observed: Observed): Finding[] {
  const shards = redisShards(observed);
  const served = shards.flatMap((s) => s.slots).reduce((sum, [from, to]) => sum + to - from + 1, 0);
  const findings: Finding[] = [];
  const isWhole = observed.hosts.every(isSeen);
  const there = isWhole ? '' : ' on a host that was seen';
  if (served < totalSlots) {
    const text = isWhole
      ? `Redis serves ${served} of ${totalSlots} slots: announces of the other blobs are lost`
      : `Redis masters on the hosts that were seen serve ${served} of ${totalSlots} slots`;
    findings.push({ code: 'REDIS_NOT_WHOLE', severity: 'degraded', part: 'redis', text, hint: 'krakenctl plan' });
  }
  for (const shard of shards) {
    const range = showSlots(shard.slots);
    if (!shard.replica) {
      const text = `Redis master of ${range} has no replica${there}`;
      findings.push({ code: 'REDIS_NO_REPLICA', severity: 'degraded', host: shard.host, part: 'redis-replica', text });
    } else if (!shard.replica.linkUp) {
      const text = `Redis replica of ${range} on ${shard.replica.host} is not in sync`;
      findings.push({ code: 'REDIS_NOT_IN_SYNC', severity: 'degraded', host: shard.host, part: 'redis-replica', text });
    }
  }
  const hosts = shards.map((s) => s.host);
  for (const host of new Set(hosts.filter((h, i) => hosts.indexOf(h) !== i))) {
    const text = 'carries two Redis masters: with it Redis would lose its majority';
    const hint = 'krakenctl deploy hands one back';
    findings.push({ code: 'REDIS_TWO_MASTERS', severity: 'degraded', host, part: 'redis', text, hint });
  }
  return findings;
}

export function showSlots(slots: [number, number][]): string {
  return slots.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}
