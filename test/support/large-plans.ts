import type { Observed } from '../../src/cluster/observed';
import type { Plan } from '../../src/cluster/plan';
import type { ClusterSpec } from '../../src/cluster/spec';
import { foldPlan } from '../../src/contracts/folded-plan';
import { exampleImages, exampleSpec, observedAs, planFor } from './cluster';

/** Plans of clusters in which every node is a load balancer. Called as a program it prints how large they are: jest renders a hundred nodes ten times slower. */

const large = (nodes: number, change: (spec: ClusterSpec) => void = () => undefined): ClusterSpec =>
  exampleSpec((s) => {
    s.nodes = Array.from({ length: nodes }, (_, i) => ({
      id: `node-${i + 1}`,
      address: `10.0.1.${10 + i}`,
      ssh: { address: `10.0.1.${10 + i}`, port: 22, user: 'root' },
    }));
    s.loadBalancers = s.nodes.map((node) => node.id);
    change(s);
  });

function planOf(nodes: number, change: (spec: ClusterSpec) => void, touch = (observed: Observed) => observed): Plan {
  const before = large(nodes);
  const images = exampleImages(before);
  const after = large(nodes, change);
  return planFor(after, { ...exampleImages(after, 'c'), ...images }, touch(observedAs(before, images)));
}

const nothingThere = (observed: Observed): Observed => ({
  ...observed,
  hosts: observed.hosts.map((host) => ({
    ...host,
    ...{ containers: [], files: [], images: [], redis: [], record: undefined, nginx: undefined },
  })),
});

const newVersion = (s: ClusterSpec) => void Object.assign(s.images, { version: 'v0.1.28' });

export const largePlans = {
  'another version': (nodes: number) => planOf(nodes, newVersion),
  /** Where a load balancer finds a part is told of each node until that was replaced. */
  'another version on other ports': (nodes: number) =>
    planOf(nodes, (s) => void [newVersion(s), Object.assign(s.ports, { proxy: 18083 })]),
  'a first deploy': (nodes: number) => planOf(nodes, () => undefined, nothingThere),
};

export type PlanName = keyof typeof largePlans;

/** Nodes of each plan that is to be measured. */
export type Counts = Record<PlanName, number[]>;

if (require.main === module) {
  const counts: Counts = JSON.parse(process.argv[2]!);
  const sizeOf = (name: PlanName, nodes: number) => JSON.stringify(foldPlan(largePlans[name](nodes))).length;
  const sizes = Object.entries(counts).map(([name, all]) => [name, all.map((n) => sizeOf(name as PlanName, n))]);
  console.log(JSON.stringify(Object.fromEntries(sizes)));
}
