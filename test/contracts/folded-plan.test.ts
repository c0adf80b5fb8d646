import fc from 'fast-check';
import type { Observed } from '../../src/cluster/observed';
import type { Plan, Stage, Step } from '../../src/cluster/plan';
import type { ClusterSpec } from '../../src/cluster/spec';
import { foldPlan, unfoldPlan } from '../../src/contracts/folded-plan';
import { exampleImages, exampleSpec, observedAs, planFor } from '../support/cluster';

const large = (nodes: number, change: (spec: ClusterSpec) => void = () => undefined): ClusterSpec =>
  exampleSpec((s) => {
    s.nodes = Array.from({ length: nodes }, (_, i) => ({
      id: `node-${i + 1}`,
      address: `10.0.${Math.floor(i / 200)}.${10 + (i % 200)}`,
      ssh: { address: `10.0.1.${10 + i}`, port: 22, user: 'root' },
    }));
    s.loadBalancers = s.nodes.map((node) => node.id);
    change(s);
  });

const upgrade = (s: ClusterSpec) => void Object.assign(s.images, { version: 'v0.1.28' });
/** Where a load balancer finds a part is told of each node until that was replaced. */
const move = (s: ClusterSpec) => void [upgrade(s), Object.assign(s.ports, { proxy: 18083 })];

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

/** What is to be done, in the order that counts: hosts and lanes go side by side. */
function byHost({ steps, ...stage }: Stage) {
  const hosts = [...new Set(steps.map((step) => step.host))].sort();
  return { ...stage, steps: hosts.map((host) => steps.filter((step) => step.host === host)) };
}

describe('a plan that crosses', () => {
  test.each<[string, () => Plan]>([
    ['of another version', () => planOf(12, upgrade)],
    ['that moves ports', () => planOf(12, move)],
    ['of a first deploy', () => planOf(4, () => undefined, nothingThere)],
    ['of settings in place', () => planOf(4, (s) => void Object.assign(s.redis, { maxmemoryBytes: 2 ** 29 }))],
  ])('%s is the same on the other side, and shorter on the way', (_, make) => {
    const plan = make();
    const folded = foldPlan(plan);
    const { stages, ...rest } = unfoldPlan(folded);
    const { stages: before, ...same } = plan;
    expect(rest).toEqual(same);
    expect(stages.map(byHost)).toEqual(before.map(byHost));
    expect(JSON.stringify(folded).length).toBeLessThan(JSON.stringify(plan).length);
  });

  test('that was recorded before plans were folded is read as it is', () => {
    const plan = planOf(3, upgrade);
    expect(unfoldPlan(plan)).toEqual(plan);
  });

  test('keeps the order of the steps of each host, whatever they are', () => {
    const host = fc.constantFrom('node-1', 'node-2', 'node-10', 'node-11');
    const what = fc.constantFrom('a', 'b', 'c', '*');
    const one = fc.record({ host, what, other: host }).map(
      ({ host, what, other }): Step => ({
        ...{ id: `x/${host}/${what}`, host, kind: 'file', action: 'change', target: `/etc/${what}` },
        ...{ summary: `${host}: write ${what} for ${other}`, changes: [], because: [other] },
      }),
    );
    fc.assert(
      fc.property(fc.array(one, { maxLength: 30 }), (steps) => {
        const stage: Stage = { id: 'files', title: 'files', steps, gates: [] };
        const plan = { stages: [stage] } as unknown as Plan;
        expect(unfoldPlan(foldPlan(plan)).stages.map(byHost)).toEqual([byHost(stage)]);
      }),
    );
  });
});

/** Temporal refuses 2 MB. */
const mostBytes = 1_000_000;

describe.each<[string, number[], (nodes: number) => Plan]>([
  ['another version', [3, 10, 30, 60, 100], (nodes) => planOf(nodes, upgrade)],
  ['another version on other ports', [3, 10, 30, 60], (nodes) => planOf(nodes, move)],
  ['a first deploy', [3, 10, 30, 60, 100], (nodes) => planOf(nodes, () => undefined, nothingThere)],
])('a plan of %s', (_, counts, make) => {
  const sizes: number[] = [];

  // Rendering a hundred nodes takes seconds.
  test.each(counts)(
    'of %i nodes, each a load balancer, is below 1 MB',
    (nodes) => {
      const size = JSON.stringify(foldPlan(make(nodes))).length;
      sizes.push(size);
      expect(size).toBeLessThan(mostBytes);
    },
    300_000,
  );

  test('grows with the nodes, and not with their square', () => {
    const perNode = (i: number) => (sizes.at(i)! - sizes.at(i - 1)!) / (counts.at(i)! - counts.at(i - 1)!);
    expect(perNode(-1) / perNode(1)).toBeLessThan(1.3);
  });
});
