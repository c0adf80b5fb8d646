import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { Activities } from '../contracts/activities';
import { taskQueues } from '../contracts/queues';
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
  removing,
  streaming,
  waiting,
} from './activity-options';

/** Every activity with its way of being called, once. */
export const lookers = proxyActivities<Activities>(looking);
export const effects = proxyActivities<Activities>(effect);
export const removals = proxyActivities<Activities>(removing);
export const streams = proxyActivities<Activities>({ ...streaming, taskQueue: taskQueues.stream });
export const waits = proxyActivities<Activities>(waiting);
export const drains = proxyActivities<Activities>(draining);
export const proofs = proxyActivities<Activities>(proving);
export const planners = proxyLocalActivities<Activities>(planning);
export const agentEffects = proxyActivities<Activities>(agentEffect);
export const agentProofs = proxyActivities<Activities>(agentProving);
export const pulls = proxyActivities<Activities>(pulling);
/** An image that a VM pulls by itself costs the worker nothing; one that goes through it has a queue of its own. */
export const agentPulls = proxyActivities<Activities>(streaming);
export const publishing = proxyActivities<Activities>(publishingInstall);
