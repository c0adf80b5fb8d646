/**
 * Kraken's P2P settings for a VM, by its size and its link. The settings are Kraken's own (`scheduler` of
 * lib/torrent/scheduler/config.go); which class a VM is in, it finds out itself at each start of its agent, so that a resized VM needs
 * no deploy and all VMs carry the same release.
 */

export interface SizeClass {
  name: string;
  /** A VM with at least so much of both. */
  cores: number;
  memoryMebibytes: number;
  /** `connstate.max_open_conn`: connections for one image layer. Kraken's default is 10. */
  connections: number;
}

/** Largest first. A connection costs buffers and a goroutine pair, and pieces are hashed on arrival: cores and memory set the number. */
export const sizeClasses: SizeClass[] = [
  { name: 'large', cores: 16, memoryMebibytes: 30_000, connections: 40 },
  { name: 'medium', cores: 4, memoryMebibytes: 7_500, connections: 20 },
  { name: 'small', cores: 0, memoryMebibytes: 0, connections: 10 },
];

export interface LinkClass {
  name: string;
  /** Highest speed of the link, Mbit/s, that belongs here. */
  upToMbit: number;
  egressMbit: number;
  ingressMbit: number;
}

/**
 * Slowest first. Half of the link for others and four fifths for itself leave room for what the VM is there for. A faster link, or one
 * that does not say how fast it is (virtio), gets Kraken's own limits: 1.6 and 2.4 Gbit/s.
 */
export const linkClasses: LinkClass[] = [
  { name: '100m', upToMbit: 100, egressMbit: 50, ingressMbit: 80 },
  { name: '1g', upToMbit: 1000, egressMbit: 500, ingressMbit: 800 },
  { name: '10g', upToMbit: Number.MAX_SAFE_INTEGER, egressMbit: 1600, ingressMbit: 2400 },
];

/**
 * `dispatch.origin_pipeline_limit`: pieces asked of one origin at a time; Kraken's default is 5, beside 3 of a peer. Origins are few and serve every
 * VM, so what peers have is taken from them: of ten agents that pulled 500 MB at once half of the bytes came from origins with 5 (bench:p2p).
 */
export const originRequests = 1;

/**
 * `dispatch.piece_request_policy`: Kraken's image sets `rarest_first`, whose ties are broken alike everywhere: VMs that begin together ask the origins for
 * the same pieces in the same order and have nothing to give each other. `default` chooses at random.
 */
export const pieceRequestPolicy = 'default';

/**
 * `connstate.max_open_conn` of an origin: VMs that it serves one layer at a time; Kraken's default is 10. Those that find no place take it from those
 * that did: of ten agents that pulled 500 MB at once three tenths of the bytes still came from origins with 10 (bench:p2p).
 */
export const originConnections = 3;

export interface VmFacts {
  cores: number;
  memoryMebibytes: number;
  /** Mbit/s; undefined where the interface does not say. */
  linkMbit?: number;
}

export interface P2pChoice {
  className: string;
  settings: { name: string; value: string; because: string }[];
}

export function sizeClassOf({ cores, memoryMebibytes }: VmFacts): SizeClass {
  return sizeClasses.find((c) => cores >= c.cores && memoryMebibytes >= c.memoryMebibytes)!;
}

export function linkClassOf({ linkMbit }: VmFacts): LinkClass {
  return linkClasses.find((c) => (linkMbit ?? Number.MAX_SAFE_INTEGER) <= c.upToMbit)!;
}

/** The same choice as the launcher makes on the VM, with its reasons. */
export function chooseP2p(facts: VmFacts): P2pChoice {
  const [size, link] = [sizeClassOf(facts), linkClassOf(facts)];
  const machine = `${facts.cores} cores, ${facts.memoryMebibytes} MiB: ${size.name}`;
  const line = facts.linkMbit === undefined ? 'the link does not say its speed' : `link of ${facts.linkMbit} Mbit/s`;
  return {
    className: `${size.name}-${link.name}`,
    settings: [
      { name: 'scheduler.connstate.max_open_conn', value: `${size.connections}`, because: machine },
      {
        name: 'scheduler.dispatch.origin_pipeline_limit',
        value: `${originRequests}`,
        because: 'origins are few and serve every VM: peers are asked first',
      },
      {
        name: 'scheduler.dispatch.piece_request_policy',
        value: pieceRequestPolicy,
        because: 'VMs that begin together ask for different pieces, and have something to give each other',
      },
      { name: 'scheduler.conn.bandwidth.egress', value: `${link.egressMbit} Mbit/s`, because: line },
      { name: 'scheduler.conn.bandwidth.ingress', value: `${link.ingressMbit} Mbit/s`, because: line },
    ],
  };
}
