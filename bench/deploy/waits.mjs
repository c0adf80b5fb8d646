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

/** Milliseconds in which nothing but gates was under way for a host, of the host that waited longest; what names no host is of all. */
export async function historyWaitsMs(address, workflowId) {
  const moments = activityMoments(await historyOf(address, workflowId));
  const hosts = new Set(moments.map(({ host }) => host).filter(Boolean));
  const waitsOf = (host) => onlyWaiting(moments.filter((moment) => [host, undefined].includes(moment.host)));
  return Math.round(Math.max(...[...hosts].map(waitsOf)));
}

async function historyOf(address, workflowId) {
  const { Client, Connection } = require('@temporalio/client');
  const connection = await Connection.connect({ address });
  try {
    const { events } = await new Client({ connection }).workflow.getHandle(workflowId).fetchHistory();
    return events;
  } finally {
    await connection.close();
  }
}

/** When activities were scheduled (`by` 1) and had ended (`by` -1). */
function activityMoments(events) {
  const at = ({ eventTime }) => Number(eventTime.seconds) * 1000 + Number(eventTime.nanos) / 1e6;
  const begun = new Map();
  return events.flatMap((event) => {
    const scheduled = event.activityTaskScheduledEventAttributes;
    const ended = event.activityTaskCompletedEventAttributes ?? event.activityTaskFailedEventAttributes;
    if (!scheduled && !ended) return [];
    if (ended) return [{ ...begun.get(String(ended.scheduledEventId)), at: at(event), by: -1 }];
    const [input] = scheduled.input.payloads.map(({ data: bytes }) => JSON.parse(Buffer.from(bytes)));
    const host = input?.gate?.host ?? input?.step?.host ?? input?.host;
    begun.set(String(event.eventId), { type: scheduled.activityType.name, host });
    return [{ ...begun.get(String(event.eventId)), at: at(event), by: 1 }];
  });
}

function onlyWaiting(moments) {
  let [waiting, working, since, sum] = [0, 0, 0, 0];
  for (const { at: now, type, by } of moments) {
    if (waiting > 0 && working === 0) sum += now - since;
    if (isWait(type)) waiting += by;
    else working += by;
    since = now;
  }
  return sum;
}
