/** When hosts may be changed: from one time of day to another, by the clocks of one zone. `to` before `from` is over midnight. */
export interface MaintenanceWindow {
  /** `HH:MM`, as the clocks of {@link zone} show it. */
  from: string;
  to: string;
  /** IANA name, such as `Europe/Berlin`. */
  zone: string;
}

const minuteMs = 60_000;
/** Clocks put forward can leave out a window for a day, and a zone that changes sides of the date line leaves out another. */
const furthestMs = 4 * 24 * 60 * minuteMs;

export function isKnownZone(zone: string): boolean {
  // Offsets such as +02:00 are taken by some versions of Node.js and not by others.
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    return Boolean(clockOf(zone));
  } catch {
    return false;
  }
}

/** 0 while it is open. Minute by minute over what the clocks show, so that days of 23 and 25 hours are like any other. */
export function windowOpensIn({ window, nowMs }: { window: MaintenanceWindow; nowMs: number }): number {
  const clock = clockOf(window.zone);
  if (isWithin(window, clock.format(nowMs))) return 0;
  const nextMinute = nowMs - (nowMs % minuteMs) + minuteMs;
  for (let at = nextMinute; at < nowMs + furthestMs; at += minuteMs) {
    if (isWithin(window, clock.format(at))) return at - nowMs;
  }
  throw new RangeError(`a window from ${window.from} to ${window.to} never opens in ${window.zone}`);
}

function isWithin({ from, to }: MaintenanceWindow, time: string): boolean {
  return from < to ? from <= time && time < to : from <= time || time < to;
}

function clockOf(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
}
