import { longestSilenceMs } from '../../src/activities/heartbeat';
import * as options from '../../src/workflows/activity-options';

const seconds = (text: unknown) => Number(/^(\d+)s$/.exec(String(text))?.[1] ?? 0);

test('the pause between two tries counts as work: a host that is off is never taken for a worker that is away', () => {
  const pauses = Object.values(options).flatMap((each) =>
    typeof each === 'object' && 'retry' in each ? [seconds(each.retry?.maximumInterval)] : [],
  );
  expect(Math.max(...pauses)).toBeGreaterThan(0);
  expect(longestSilenceMs).toBeGreaterThanOrEqual(Math.max(...pauses) * 1000);
});
