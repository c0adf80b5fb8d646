import fc from 'fast-check';
import type { Gate, Stage, Step } from '../../src/cluster/plan';
import type { Position } from '../../src/contracts/carried';
import { Course } from '../../src/workflows/course';
import type { FurtherRuns } from '../../src/workflows/further-runs';
import { groupsOf } from '../../src/workflows/stage-groups';

/** A plan as it crosses: objects of its own in each run. */
const planOf = (shape: { steps: number; gates: number; node?: string }[]): Stage[] =>
  shape.map(({ steps, gates, node }, index) => ({
    ...{ id: `stage-${index}`, title: '', ...(node !== undefined && { node }) },
    steps: Array.from({ length: steps }, (_, n) => ({ id: `${index}/step-${n}` }) as Step),
    gates: Array.from({ length: gates }, (_, n): Gate => ({ kind: 'quiet', host: `${index}/gate-${n}` })),
  }));

const onward = (from?: Position) => ({
  further: { isDue: false } as FurtherRuns,
  tell: () => undefined,
  ...(from && { from }),
});

const nameOf = (one: Step | Gate) => ('id' in one ? one.id : (one as { host: string }).host);

/** Does what is left, in some order within a stage, until it was allowed `most` things; what it did, and where it leaves the plan. */
function runOnce(stages: Stage[], from: Position | undefined, most: number, reverse: boolean) {
  const course = new Course(stages, onward(from));
  const did: string[] = [];
  const asked: string[] = [];
  for (const group of groupsOf(stages)) {
    if (course.isPast(group.at(-1)!)) continue;
    if (did.length >= most) break;
    if (!course.isEntered(group)) asked.push(group[0]!.id);
    course.enter(group);
    for (const stage of group.filter((one) => !course.isPast(one))) {
      for (const all of [stage.steps, stage.gates] as (Step | Gate)[][]) {
        for (const one of reverse ? [...all].reverse() : all) {
          if (course.isDone(one) || did.length >= most) continue;
          did.push(nameOf(one));
          course.did(one);
        }
      }
    }
  }
  // As it crosses.
  return { did, asked, position: JSON.parse(JSON.stringify(course.position)) as Position };
}

test('wherever runs end, each step and gate of a plan is done once, in the order of its stages, and each group is asked for once', () => {
  const stage = fc.record(
    { steps: fc.nat(3), gates: fc.nat(3), node: fc.constantFrom('a', 'b') },
    { requiredKeys: ['steps', 'gates'] },
  );
  const shape = fc.array(stage, { minLength: 1, maxLength: 8 }).map((all) => all.filter((s) => s.steps + s.gates > 0));
  fc.assert(
    fc.property(
      shape,
      fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 12 }),
      fc.boolean(),
      (plan, ends, reverse) => {
        const did: string[] = [];
        const asked: string[] = [];
        let from: Position | undefined;
        for (const most of [...ends, 1000]) {
          const run = runOnce(planOf(plan), from, most, reverse);
          did.push(...run.did);
          asked.push(...run.asked);
          from = run.position;
        }
        const whole = planOf(plan);
        const all = whole.flatMap(({ steps, gates }) => [...steps, ...gates].map(nameOf));
        expect([...did].sort()).toEqual([...all].sort());
        const stageOf = (name: string) => Number(name.split('/')[0]);
        expect(did.map(stageOf)).toEqual([...did].map(stageOf).sort((a, b) => a - b));
        expect(asked).toEqual(groupsOf(whole).map(([first]) => first!.id));
        expect(from).toMatchObject({ stage: whole.length, steps: [], gates: [] });
      },
    ),
    { numRuns: 500 },
  );
});

test('when a stage began is carried, and so is when each node was', () => {
  const stages = planOf([{ steps: 2, gates: 1, node: 'a' }]);
  const course = new Course(stages, onward());
  course.enter(stages);
  course.begun.set('a', 5);
  const startedAt = course.startOf(stages[0]!);
  course.did(stages[0]!.steps[1]!);
  const { position } = course;
  expect(position).toEqual({ stage: 0, steps: [1], gates: [], entered: true, startedAt, begun: [['a', 5]] });
  const again = planOf([{ steps: 2, gates: 1, node: 'a' }]);
  const further = new Course(again, onward(position));
  expect([further.startOf(again[0]!), further.begun.get('a')]).toEqual([startedAt, 5]);
});
