import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Plan, Stage, Step } from '../../src/cluster/plan';
import { foldPlan, unfoldPlan } from '../../src/contracts/folded-plan';
import { type Counts, largePlans, type PlanName } from '../support/large-plans';
import { isSlice } from '../support/slice';

const names = Object.keys(largePlans) as PlanName[];

/** What is to be done, in the order that counts: hosts and lanes go side by side. */
function byHost({ steps, ...stage }: Stage) {
  const hosts = [...new Set(steps.map((step) => step.host))].sort();
  return { ...stage, steps: hosts.map((host) => steps.filter((step) => step.host === host)) };
}

describe('a plan that crosses', () => {
  test.each(names)('of %s is the same on the other side, and shorter on the way', (name) => {
    const plan = largePlans[name](11);
    const folded = foldPlan(plan);
    const { stages, ...rest } = unfoldPlan(folded);
    const { stages: before, ...same } = plan;
    expect(rest).toEqual(same);
    expect(stages.map(byHost)).toEqual(before.map(byHost));
    expect(JSON.stringify(folded).length).toBeLessThan(JSON.stringify(plan).length / 2);
  });

  test('that was recorded before plans were folded is read as it is', () => {
    const plan = largePlans['another version'](3);
    expect(unfoldPlan(plan)).toEqual(plan);
  });

  test('is left as it is where no two hosts have the same to do', () => {
    const step = (host: string, what: string): Step => ({
      ...{ id: `live/${host}/${what}`, host, kind: 'file', action: 'change', target: `/etc/${what}` },
      ...{ summary: `${host}: write ${what}`, changes: [], because: [what] },
    });
    const steps = [step('node-1', 'a'), step('node-2', 'b'), step('node-10', 'c')];
    const plan = { stages: [{ id: 'live', title: 'live', steps, gates: [] }] } as unknown as Plan;
    expect(unfoldPlan(foldPlan(plan)).stages[0]?.steps).toEqual(steps);
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
const most = isSlice ? [3, 10, 20] : [3, 30, 100];
const counts: Counts = {
  'another version': most,
  'another version on other ports': isSlice ? most : [3, 10, 30],
  'a first deploy': most,
};
let sizes: Counts;

beforeAll(() => {
  const register = join(__dirname, '..', 'campaign', 'register.cjs');
  const program = join(__dirname, '..', 'support', 'large-plans.ts');
  sizes = JSON.parse(execFileSync(process.execPath, ['-r', register, program, JSON.stringify(counts)]).toString());
}, 300_000);

describe.each(names)('a plan of %s', (name) => {
  test(`is below 1 MB for ${counts[name].join(', ')} nodes that are all load balancers`, () => {
    expect(sizes[name]).toHaveLength(counts[name].length);
    expect(Math.max(...sizes[name])).toBeLessThan(mostBytes);
  });

  test('grows with the nodes, and not with their square', () => {
    const perNode = (i: number) =>
      (sizes[name].at(i)! - sizes[name].at(i - 1)!) / (counts[name].at(i)! - counts[name].at(i - 1)!);
    expect(perNode(-1) / perNode(1)).toBeLessThan(1.3);
  });
});
