import { defineKey } from '../key';
import { durationMs } from '../values/quantities';
import { maintenanceWindow } from '../values/windows';

/** How a running cluster is changed; no part of what it is, so that another window is no change of the cluster. */
export const rolloutKeys = {
  ROLLOUT_BAKE: defineKey({
    section: 'rollout',
    why: 'How long each node is watched after its change before the next is begun.',
    absent: '75 s the first node, the others one look',
    example: '30m',
    range: 'a duration, 0 to 24h',
    schema: durationMs({ min: 0, max: 24 * 3_600_000 }),
    status: 'built',
  }),
  MAINTENANCE_WINDOW: defineKey({
    section: 'rollout',
    why: 'When nodes may be changed; outside of it a deploy waits before the next node.',
    absent: 'at any time',
    example: '22:00-04:00 Europe/Berlin',
    range: 'HH:MM-HH:MM and a time zone, in quotes',
    schema: maintenanceWindow,
    status: 'built',
  }),
};
