import { type ActivityOptions, proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { Activities } from '../contracts/activities';
import { taskQueues } from '../contracts/queues';
import { outlasting } from './absence';
import {
  agentEffect,
  agentProving,
  draining,
  effect,
  following,
  listing,
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
/** On VMs, of which many may not answer. Replay does not compare queues, so histories of before go on here. */
const onVms = (options: ActivityOptions) => through({ ...options, taskQueue: taskQueues.agents });

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
export const agentLookers = onVms(looking);
export const agentListers = onVms(listing);
export const agentEffects = onVms(agentEffect);
export const agentProofs = onVms(agentProving);
export const pulls = onVms(pulling);
/** An image that a VM pulls by itself costs the worker nothing; one that goes through it keeps to the queue of streams. */
export const agentPulls = onVms(streaming);
export const followings = through(following);
export const installPulls = through(streaming);
export const publishing = through(publishingInstall);
