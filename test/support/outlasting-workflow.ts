import { proxyActivities } from '@temporalio/workflow';
import { outlasting } from '../../src/workflows/absence';
import { describeFailure } from '../../src/workflows/describe-failure';

/** One activity with the product's way of being called, in seconds instead of minutes. */
export async function work(taskQueue: string, scheduleToCloseTimeout: '2s' | '6s' | '60s'): Promise<unknown> {
  const options = {
    taskQueue,
    scheduleToCloseTimeout,
    startToCloseTimeout: '20s',
    heartbeatTimeout: '3s',
    retry: { initialInterval: '100ms', maximumInterval: '200ms' },
  } as const;
  const { act } = outlasting(proxyActivities<{ act(): Promise<string> }>(options), options);
  return act().catch(describeFailure);
}
