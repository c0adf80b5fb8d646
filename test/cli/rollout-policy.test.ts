import { readRolloutPolicy } from '../../src/cli/rollout-policy';
import { exampleSpec } from '../support/cluster';

const window = { from: '22:00', to: '04:00', zone: 'Europe/Berlin' };
const read = (options: object, rollout: object = {}) => readRolloutPolicy(options, { spec: exampleSpec(), rollout });
const usual = { batch: 1, approveEachNode: false, approveWithinMs: 30 * 24 * 3_600_000, rollback: true };

test('nothing said: one node after the other, at any time, taken back when it fails', () => {
  expect(read({})).toEqual(usual);
});

test('every option has its place', () => {
  const options = { batch: '3', approveEachNode: true, bake: '30m', rollback: false };
  const typed = { ...options, maintenanceWindow: '22:00-04:00 Europe/Berlin' };
  expect(read(typed)).toEqual({
    ...usual,
    batch: 3,
    approveEachNode: true,
    bakeMs: 1_800_000,
    rollback: false,
    window,
  });
});

test('an option wins over .env, and takes its window away for once', () => {
  const rollout = { bakeMs: 60_000, window };
  expect(read({}, rollout)).toMatchObject(rollout);
  expect(read({ bake: '0', maintenanceWindow: '01:00-02:00 UTC' }, rollout)).toMatchObject({
    bakeMs: 0,
    window: { from: '01:00', to: '02:00', zone: 'UTC' },
  });
  expect(read({ maintenanceWindow: 'none' }, rollout).window).toBeUndefined();
});

test.each([
  ['24h', 86_400_000],
  ['90', 90_000],
  ['1.5h', 5_400_000],
])('--bake %s is %i ms', (bake, ms) => expect(read({ bake }).bakeMs).toBe(ms));
