import { runModelled } from '../campaign/modelled';

/** A slice of `campaign:crash`: real worker processes, killed at seeded moments of deploys on hosts in memory. */
test('workers die at seeded moments of a deploy and of a destroy; the end is as without deaths', async () => {
  const said: string[] = [];
  const { fired, violations, runs } = await runModelled({
    crashes: 8,
    firstSeed: 1,
    slots: 2,
    killsPerDeploy: 2,
    phases: ['fresh', 'destroy'],
    stop: new AbortController().signal,
    say: (text) => said.push(text),
  });
  expect(violations).toEqual([]);
  expect(fired).toBeGreaterThanOrEqual(8);
  expect(runs).toBeGreaterThanOrEqual(4);
}, 240_000);
