import { runModelled } from '../campaign/modelled';

/** A slice of `campaign:crash`: real worker processes, killed at seeded moments of deploys on hosts in memory. */
test('workers die at seeded moments of a deploy; the end is as without deaths', async () => {
  const said: string[] = [];
  const { fired, violations, runs } = await runModelled({
    crashes: 6,
    firstSeed: 1,
    slots: 3,
    killsPerDeploy: 2,
    phases: ['fresh'],
    stop: new AbortController().signal,
    say: (text) => said.push(text),
  });
  expect(violations).toEqual([]);
  expect(fired).toBeGreaterThanOrEqual(6);
  expect(runs).toBeGreaterThanOrEqual(3);
}, 240_000);
