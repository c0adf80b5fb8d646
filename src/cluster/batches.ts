import type { ClusterSpec, PartName } from './spec';

/** A node with the parts of it that are away while it is worked on. */
export interface WorkedNode {
  host: string;
  parts: PartName[];
}

export interface Batches {
  /** Nodes that are worked on at once, in order. */
  batches: string[][];
  /** Why there are fewer at once than asked for; one line each. */
  because: string[];
}

/** Two nodes that both have one of these parts away: why not, or undefined where they may. Indexes are those of the spec's nodes. */
interface ApartRule {
  parts: PartName[];
  why(spec: ClusterSpec, a: number, b: number): string | undefined;
}

/** Whatever is not here may be away on several nodes, as long as half of the nodes stay. */
const apart: ApartRule[] = [
  // Blobs are placed by a hash, so some blob has its copies on any two origins.
  { parts: ['origin'], why: () => 'two origins share replica sets: blobs of these would be away' },
  { parts: ['testfs'], why: () => 'what a testfs took in lies on that node alone' },
  { parts: ['redis', 'redis-replica'], why: neighbours },
];

/** The replica of a node's master lies on the next node. */
function neighbours({ nodes }: ClusterSpec, a: number, b: number): string | undefined {
  const next = (i: number) => (i + 1) % nodes.length;
  const areApart = next(a) !== b && next(b) !== a;
  return areApart ? undefined : 'a Redis master and its replica would be away together';
}

/** Groups nodes in the order of the spec, at most `wanted` at once and never so that a quorum or a replica set is away. */
export function batchesOf(spec: ClusterSpec, nodes: WorkedNode[], wanted: number): Batches {
  const because = new Set<string>();
  const batches: WorkedNode[][] = [];
  for (const node of nodes) {
    const last = batches.at(-1);
    if (last && last.length < wanted) {
      const reason = whyNot(spec, last, node);
      if (reason === undefined) {
        last.push(node);
        continue;
      }
      because.add(reason);
    }
    batches.push([node]);
  }
  return { batches: batches.map((batch) => batch.map((n) => n.host)), because: [...because] };
}

function whyNot(spec: ClusterSpec, batch: WorkedNode[], node: WorkedNode): string | undefined {
  const index = ({ host }: WorkedNode) => spec.nodes.findIndex((n) => n.id === host);
  const hasAny = ({ parts }: WorkedNode, those: PartName[]) => those.some((part) => parts.includes(part));
  for (const { parts, why } of apart.filter((rule) => hasAny(node, rule.parts))) {
    for (const other of batch.filter((n) => hasAny(n, parts))) {
      const reason = why(spec, index(other), index(node));
      if (reason) return reason;
    }
  }
  const masters = [...batch, node].filter((n) => n.parts.includes('redis')).length;
  if (masters > (spec.nodes.length - 1) / 2) return 'a majority of Redis masters must stay';
  if (batch.length + 1 > spec.nodes.length / 2) return 'half of the nodes must stay';
  return undefined;
}
