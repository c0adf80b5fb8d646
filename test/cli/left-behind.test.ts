import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { leftOf } from '../../src/cli/left-behind';
import type { FleetReport } from '../../src/contracts/agents';

const vm = 'root@10.0.2.1:22';
const failed = (cause: Error) => Promise.reject(new WorkflowFailedError('it failed', cause, 'NON_RETRYABLE_FAILURE'));
const stopped = (details: object) =>
  failed(ApplicationFailure.create({ type: 'FLEET_STOPPED', nonRetryable: true, details: [details] }));

test.each<[string, () => Promise<never> | Promise<FleetReport>, string[] | undefined]>([
  ['done in part', () => Promise.resolve({ left: [{ vm, state: 'parked' }] } as unknown as FleetReport), [vm]],
  ['stopped, since none may fail', () => stopped({ hint: 'look', left: [vm] }), [vm]],
  ['stopped by an older krakenctl, which kept no list', () => stopped({ hint: 'look' }), undefined],
  ['cancelled', () => failed(new CancelledFailure('cancelled')), undefined],
])('what an operation left can be tried again: %s', async (_, ended, left) => {
  expect(await leftOf(ended())).toEqual(left);
});
