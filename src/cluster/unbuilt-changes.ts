import type { ClusterRecord } from './observed';
import type { Plan } from './plan';
import type { ClusterSpec } from './spec';

/**
 * What a running cluster cannot be brought to yet, told before anything is touched. Redis instances know each other by their ports, and a node that joins or
 * leaves takes data along: tried all the same, a deploy stood at its Redis Cluster until it was rolled back.
 */
export function unbuiltChanges(record: ClusterRecord | undefined, spec: ClusterSpec): Plan['conflicts'] {
  if (!record || record.destroyed) return [];
  const { ports, nodes } = record.spec;
  const refusal = (what: string, why: string) => ({ host: 'cluster', what, why, notBuilt: true as const });
  const moved = (
    [
      ['REDIS_PORT', ports.redis, spec.ports.redis],
      ['REDIS_REPLICA_PORT', ports.redisReplica, spec.ports.redisReplica],
    ] as const
  ).filter(([, from, to]) => from !== to);
  const ids = (list: { id: string }[]) => list.map(({ id }) => id);
  const joined = ids(spec.nodes).filter((id) => !ids(nodes).includes(id));
  const left = ids(nodes).filter((id) => !ids(spec.nodes).includes(id));
  return [
    ...moved.map(([key, from, to]) =>
      refusal(`${key} ${from} → ${to}`, `a running Redis Cluster keeps its ports: put ${from} back into .env`),
    ),
    ...(joined.length > 0
      ? [refusal(`${joined.join(', ')} would join`, 'adding nodes to a running cluster is not built yet')]
      : []),
    ...(left.length > 0
      ? [refusal(`${left.join(', ')} would leave`, 'taking nodes from a running cluster is not built yet')]
      : []),
  ];
}
