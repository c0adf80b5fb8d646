import { type ActivityOptions, proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { Activities } from '../contracts/activities';
import { taskQueues } from '../contracts/queues';
import { outlasting } from './absence';
import {
  agentEffect,
  agentProving,
  draining,
  effect,
  looking,
  planning,
  proving,
  publishingInstall,
  pulling,
  readingLog,
  removing,
  streaming,
  waiting,
} from './activity-options';

/** Time that ran out while nobody worked is given again. */
const through = (options: ActivityOptions) => outlasting(proxyActivities<Activities>(options), options);

/** Every activity with its way of being called, once. */
export const lookers = through(looking);
export const logs = proxyActivities<Activities>(readingLog);
export const effects = through(effect);
export const removals = through(removing);
export const streams = through({ ...streaming, taskQueue: taskQueues.stream });
export const waits = through(waiting);
export const drains = through(draining);
export const proofs = through(proving);
export const planners = proxyLocalActivities<Activities>(planning);
export const agentEffects = through(agentEffect);
export const agentProofs = through(agentProving);
export const pulls = through(pulling);
/** An image that a VM pulls by itself costs the worker nothing; one that goes through it has a queue of its own. */
export const agentPulls = through(streaming);
export const publishing = through(publishingInstall);
