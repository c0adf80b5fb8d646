import type { ClusterSpec, PartName, TlsState } from '../spec';

/** Who speaks what at each stage; the table stands in `walk.ts`. */
export interface Languages {
  /** What Kraken's ports and the load balancers understand. */
  serves: 'plain' | 'both' | 'tls';
  /** What Kraken's parts, the load balancers and Envoy ask in. */
  asks: 'plain' | 'tls';
  /** Bus and replication of Redis. */
  bus: 'plain' | 'tls';
}

const byStage: Record<TlsState['stage'], Languages> = {
  accept: { serves: 'both', asks: 'plain', bus: 'plain' },
  bus: { serves: 'both', asks: 'plain', bus: 'tls' },
  speak: { serves: 'both', asks: 'tls', bus: 'tls' },
  require: { serves: 'tls', asks: 'tls', bus: 'tls' },
};

/** @throws {Error} where TLS is wanted and nobody has decided how far it is. */
export function stateOf({ tls }: Pick<ClusterSpec, 'tls'>): TlsState | undefined {
  if (tls && !tls.state) throw new Error('TLS is wanted and its state was not decided');
  return tls?.state;
}

export function languagesOf(spec: Pick<ClusterSpec, 'tls'>): Languages {
  const state = stateOf(spec);
  return state ? byStage[state.stage] : { serves: 'plain', asks: 'plain', bus: 'plain' };
}

/** Redis cannot take both on one port; its TLS has another, by rule as its bus has. */
export const redisTlsOffset = 1000;

/** Parts with a port that speaks TLS; the others listen on loopback, or cannot (testfs). */
export const tlsParts: PartName[] = [
  'redis',
  'redis-replica',
  'redis-router',
  'origin',
  'tracker',
  'build-index',
  'proxy',
  'nginx',
];

/** Ports on which HTTP is spoken in TLS as soon as there is any. */
export function httpsPorts({ ports }: Pick<ClusterSpec, 'ports'>): number[] {
  return [ports.origin, ports.tracker, ports.buildIndex, ports.proxy, ports.lbProxy, ports.lbTracker];
}
