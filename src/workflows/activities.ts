import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { Activities } from '../contracts/activities';
import { taskQueues } from '../contracts/queues';
import { effect, looking, planning, proving, removing, streaming, waiting } from './activity-options';

/** Every activity with its way of being called, once. */
export const lookers = proxyActivities<Activities>(looking);
export const effects = proxyActivities<Activities>(effect);
export const removals = proxyActivities<Activities>(removing);
export const streams = proxyActivities<Activities>({ ...streaming, taskQueue: taskQueues.stream });
export const waits = proxyActivities<Activities>(waiting);
export const proofs = proxyActivities<Activities>(proving);
export const planners = proxyLocalActivities<Activities>(planning);
