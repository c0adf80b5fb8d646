/** Durations and times for a person: `0.2s`, `31s`, `2m48s`; the local clock's `04:30:35`. */

export function showDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, '0')}s`;
  const hours = Math.floor(whole / 3600);
  return `${hours}h${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')}m`;
}

/** For what is quick: `4 ms`, `1.9s`. */
export function showBrief(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : showDuration(ms);
}

export function showClock(time: Date): string {
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':');
}

/** The day too, when it is another than today's. */
export function showMoment(time: Date, now: Date): string {
  if (time.toDateString() === now.toDateString()) return showClock(time);
  const day = [time.getFullYear(), time.getMonth() + 1, time.getDate()]
    .map((n) => String(n).padStart(2, '0'))
    .join('-');
  return `${day} ${showClock(time)}`;
}

/** `90s`, `2m`, `1h`, or a plain number of seconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  if (number === undefined) return undefined;
  const factors: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  return Number(number) * (factors[unit] ?? 1000);
}
