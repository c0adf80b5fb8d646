import { withTransfers } from '../../src/cli/transfers';
import type { OperationProgress } from '../../src/contracts/operation';

const progress = {
  stages: [
    {
      id: 'images',
      title: 'images',
      state: 'running',
      total: 2,
      done: 0,
      now: ['node-1: bring redis:7.0', 'node-2: bring redis:7.0'],
    },
  ],
} as unknown as OperationProgress;

test('an image on its way says how far it is; one that has not said anything stands as it is', () => {
  const shown = withTransfers(progress, {
    'node-1: bring redis:7.0': { doneBytes: 12.7 * 1024 * 1024, totalBytes: 40 * 1024 * 1024 },
  });
  expect(shown.stages[0]?.now).toEqual(['node-1: bring redis:7.0 12 of 40 MiB', 'node-2: bring redis:7.0']);
});

test('a loaded image whose size nobody knows says what has passed', () => {
  const shown = withTransfers(progress, { 'node-2: bring redis:7.0': { doneBytes: 3 * 1024 * 1024, totalBytes: 0 } });
  expect(shown.stages[0]?.now[1]).toBe('node-2: bring redis:7.0 3 MiB');
});
