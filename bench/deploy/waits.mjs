// Time in which nothing was done but waiting until something is ready. Peers' scripts write theirs down on the host; krakenctl's is in its history.
import { createRequire } from 'node:module';
import { on } from './observe.mjs';

const require = createRequire(import.meta.url);
const notes = '/run/bench-waits';

export const forgetWaits = (hosts) => {
  for (const { container } of hosts) on(container, ['rm', '-f', notes]);
};

/** Lines `redis 812`, `ready 3401`: of hosts that waited side by side the longest counts. */
export function notedWaitsMs(hosts) {
  const longest = {};
  for (const { container } of hosts) {
    const text = on(container, ['sh', '-c', `cat ${notes} 2>/dev/null || true`]).toString();
    for (const [, what, ms] of text.matchAll(/^(\w+) (\d+)$/gm))
      longest[what] = Math.max(longest[what] ?? 0, Number(ms));
  }
  return Object.values(longest).reduce((sum, ms) => sum + ms, 0);
}

const isWait = (type) => type === 'awaitGate';

/** Milliseconds in which gates were all that an operation had under way. */
export async function historyWaitsMs(address, workflowId) {
  const { Client, Connection } = require('@temporalio/client');
  const connection = await Connection.connect({ address });
  try {
    const { events } = await new Client({ connection }).workflow.getHandle(workflowId).fetchHistory();
    const at = ({ eventTime }) => Number(eventTime.seconds) * 1000 + Number(eventTime.nanos) / 1e6;
    const begun = new Map();
    const moments = [];
    for (const event of events) {
      const scheduled = event.activityTaskScheduledEventAttributes;
      const ended = event.activityTaskCompletedEventAttributes ?? event.activityTaskFailedEventAttributes;
      if (scheduled) {
        begun.set(String(event.eventId), scheduled.activityType.name);
        moments.push({ at: at(event), type: scheduled.activityType.name, by: 1 });
      } else if (ended) moments.push({ at: at(event), type: begun.get(String(ended.scheduledEventId)), by: -1 });
    }
    let [waiting, working, since, sum] = [0, 0, 0, 0];
    for (const { at: now, type, by } of moments) {
      if (waiting > 0 && working === 0) sum += now - since;
      if (isWait(type)) waiting += by;
      else working += by;
      since = now;
    }
    return Math.round(sum);
  } finally {
    await connection.close();
  }
}
