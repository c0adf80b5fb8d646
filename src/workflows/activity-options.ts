import type { ActivityOptions, LocalActivityOptions } from '@temporalio/workflow';

/** Every timeout and retry of the product. Remote limits are shorter than these, so that an end is seen before Temporal gives up. */

/** Looks at a host. Unreachable is an answer; how many errors are enough, the activity says itself (`activities/execution.ts`). */
export const looking: ActivityOptions = {
  startToCloseTimeout: '60s',
  scheduleToCloseTimeout: '5m',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '300ms', maximumInterval: '3s' },
};

/** Looks at hundreds of VMs, of which each may take ten seconds to be known as silent. */
export const listing: ActivityOptions = {
  startToCloseTimeout: '10m',
  scheduleToCloseTimeout: '25m',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '300ms', maximumInterval: '3s' },
};

/** Changes one resource. Tried for a quarter of an hour: hosts reboot, engines restart. */
export const effect: ActivityOptions = {
  startToCloseTimeout: '2m',
  scheduleToCloseTimeout: '15m',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '300ms', backoffCoefficient: 2, maximumInterval: '10s' },
};

/** On a host of several that have the same: one that goes away meanwhile is left after a minute, so that it holds nobody up. */
export const oneOfSeveral: Pick<ActivityOptions, 'scheduleToCloseTimeout'> = { scheduleToCloseTimeout: '60s' };

/** Removes a folder: millions of files take minutes, and each attempt goes on where the one before was cut. */
export const removing: ActivityOptions = {
  startToCloseTimeout: '30m',
  scheduleToCloseTimeout: '2h',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '300ms', backoffCoefficient: 2, maximumInterval: '10s' },
};

/** Changes one VM. A VM that is away so long is parked and tried again later, so that it holds nobody up. */
export const agentEffect: ActivityOptions = {
  startToCloseTimeout: '90s',
  scheduleToCloseTimeout: '3m',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '300ms', backoffCoefficient: 2, maximumInterval: '10s' },
};

/** An agent gets ready when the load balancers, trackers and build-indexes answer it, and pulls a kilobyte. */
export const agentProving: ActivityOptions = {
  startToCloseTimeout: '2m',
  scheduleToCloseTimeout: '4m',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '10s' },
};

/** Writes an image of some hundred megabytes as an archive on a load balancer. How many failures are enough, the activity says itself. */
export const publishingInstall: ActivityOptions = {
  startToCloseTimeout: '12m',
  scheduleToCloseTimeout: '30m',
  heartbeatTimeout: '10s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
};

/** The image that is published there, moved as long as `streaming` lets one try be. */
export const publishingImage: Pick<ActivityOptions, 'scheduleToCloseTimeout' | 'retry'> = {
  scheduleToCloseTimeout: '30m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
};

/** How long VMs that installed themselves may take: they look every five minutes, and fetch some hundred megabytes. */
export const installedWithinMs = 30 * 60_000;

/** Waits for them; the activity itself knows until when. */
export const following: ActivityOptions = {
  startToCloseTimeout: '35m',
  scheduleToCloseTimeout: '70m',
  heartbeatTimeout: '10s',
  retry: { initialInterval: '1s', maximumInterval: '10s' },
};

/** Pulls of a person: hundreds of megabytes on a slow line. */
export const pulling: ActivityOptions = {
  startToCloseTimeout: '30m',
  heartbeatTimeout: '10s',
  retry: { maximumAttempts: 3 },
};

/** Moves an image; minutes on a slow line, and on a queue of its own. */
export const streaming: ActivityOptions = {
  startToCloseTimeout: '30m',
  scheduleToCloseTimeout: '2h',
  heartbeatTimeout: '10s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
};

/** Reads the log of a part that failed. How the operation ends does not depend on it, and waits for it no longer than this. */
export const readingLog: ActivityOptions = {
  startToCloseTimeout: '15s',
  scheduleToCloseTimeout: '30s',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '300ms', maximumInterval: '3s' },
};

/** Waits for something to be seen; the activity itself knows how long (`timeoutMs`). */
export const waiting: ActivityOptions = {
  startToCloseTimeout: '10m',
  scheduleToCloseTimeout: '15m',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '300ms', maximumInterval: '5s' },
};

/** The proof is tried again while load balancers and rings settle, for a minute. */
export const proving: ActivityOptions = {
  startToCloseTimeout: '60s',
  scheduleToCloseTimeout: '90s',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '500ms', backoffCoefficient: 1.5, maximumInterval: '5s' },
};

/** Pure planning; recorded as one marker. */
export const planning: LocalActivityOptions = {
  startToCloseTimeout: '30s',
  retry: { maximumAttempts: 2 },
};

/** How long a gate may take to be seen passed. */
export const gateTimeoutMs = 90_000;

/** After this a node is worked on although somebody still uploads to it. */
export const quietTimeoutMs = 10 * 60_000;

/** Waits for a node to be quiet. */
export const draining: ActivityOptions = {
  startToCloseTimeout: '11m',
  scheduleToCloseTimeout: '30m',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '300ms', maximumInterval: '5s' },
};

/** Parts are watched in pieces of this length. */
export const watchedAtOnceSeconds = 300;
