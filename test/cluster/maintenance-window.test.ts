import { isKnownZone, windowOpensIn } from '../../src/cluster/maintenance-window';

/** `22:00-04:00 Europe/Berlin` as a window. */
function windowOf(text: string) {
  const [, from = '', to = '', zone = ''] = /^(\S+)-(\S+) (.+)$/.exec(text)!;
  return { from, to, zone };
}

const inMinutes = (text: string, now: string) =>
  windowOpensIn({ window: windowOf(text), nowMs: Date.parse(now) }) / 60_000;

const hours = (n: number) => n * 60;

describe('a window is open from its first minute to before its last, by the clocks of its zone', () => {
  // biome-ignore format: a table
  test.each([
    ['09:00-17:00 UTC', '2026-06-01T08:59:00Z', 1],
    ['09:00-17:00 UTC', '2026-06-01T08:59:30Z', 0.5],
    ['09:00-17:00 UTC', '2026-06-01T09:00:00Z', 0],
    ['09:00-17:00 UTC', '2026-06-01T16:59:59Z', 0],
    ['09:00-17:00 UTC', '2026-06-01T17:00:00Z', hours(16)],
    ['09:00-09:01 UTC', '2026-06-01T09:00:59Z', 0],
    ['09:00-09:01 UTC', '2026-06-01T09:01:00Z', hours(24) - 1],
    // Over midnight.
    ['22:00-04:00 UTC', '2026-06-01T21:00:00Z', 60],
    ['22:00-04:00 UTC', '2026-06-01T23:59:59Z', 0],
    ['22:00-04:00 UTC', '2026-06-02T00:00:00Z', 0],
    ['22:00-04:00 UTC', '2026-06-02T03:59:59Z', 0],
    ['22:00-04:00 UTC', '2026-06-02T04:00:00Z', hours(18)],
    ['00:00-04:00 UTC', '2026-06-01T23:00:00Z', 60],
    ['22:00-00:00 UTC', '2026-06-01T23:59:59Z', 0],
    ['22:00-00:00 UTC', '2026-06-02T00:00:00Z', hours(22)],
    // Other clocks: summer and winter, and offsets that are no whole hours.
    ['22:00-04:00 Europe/Berlin', '2026-07-01T20:00:00Z', 0],
    ['22:00-04:00 Europe/Berlin', '2026-01-15T20:00:00Z', 60],
    ['22:00-04:00 Asia/Kolkata', '2026-01-15T16:00:00Z', 30],
    ['22:00-04:00 America/New_York', '2026-01-16T03:00:00Z', 0],
  ])('%s at %s opens in %p minutes', (window, now, minutes) => expect(inMinutes(window, now)).toBe(minutes));
});

/** Berlin, 2026-03-29: 01:59 is followed by 03:00. */
describe('clocks put forward', () => {
  // biome-ignore format: a table
  test.each([
    ['22:00-04:00 Europe/Berlin', '2026-03-28T20:00:00Z', 60],
    ['22:00-04:00 Europe/Berlin', '2026-03-29T00:59:59Z', 0],
    ['22:00-04:00 Europe/Berlin', '2026-03-29T01:59:59Z', 0],
    ['22:00-04:00 Europe/Berlin', '2026-03-29T02:00:00Z', hours(18)],
    ['03:00-05:00 Europe/Berlin', '2026-03-29T00:30:00Z', 30],
    ['05:00-06:00 Europe/Berlin', '2026-03-28T23:00:00Z', hours(4)],
    // Its beginning does not exist: it opens with the first minute of it that does.
    ['02:30-03:30 Europe/Berlin', '2026-03-29T00:30:00Z', 30],
    // None of it exists: it opens the day after.
    ['02:15-02:45 Europe/Berlin', '2026-03-29T00:30:00Z', hours(23) + 45],
  ])('%s at %s opens in %p minutes', (window, now, minutes) => expect(inMinutes(window, now)).toBe(minutes));
});

/** Berlin, 2026-10-25: 02:59 is followed by 02:00. */
describe('clocks put back', () => {
  // biome-ignore format: a table
  test.each([
    ['22:00-04:00 Europe/Berlin', '2026-10-24T19:00:00Z', 60],
    ['22:00-04:00 Europe/Berlin', '2026-10-25T00:30:00Z', 0],
    ['22:00-04:00 Europe/Berlin', '2026-10-25T02:59:59Z', 0],
    ['22:00-04:00 Europe/Berlin', '2026-10-25T03:00:00Z', hours(18)],
    ['05:00-06:00 Europe/Berlin', '2026-10-24T22:00:00Z', hours(6)],
    // Twice that night.
    ['02:15-02:45 Europe/Berlin', '2026-10-25T00:14:00Z', 1],
    ['02:15-02:45 Europe/Berlin', '2026-10-25T00:45:00Z', 30],
    ['02:15-02:45 Europe/Berlin', '2026-10-25T01:15:00Z', 0],
    ['02:15-02:45 Europe/Berlin', '2026-10-25T01:45:00Z', hours(23) + 30],
  ])('%s at %s opens in %p minutes', (window, now, minutes) => expect(inMinutes(window, now)).toBe(minutes));
});

test('a zone that leaves out a day opens with the day after', () => {
  // Apia, 2011: after December 29 came December 31.
  expect(inMinutes('12:00-13:00 Pacific/Apia', '2011-12-30T09:30:00Z')).toBe(hours(12) + 30);
});

test('waiting so long as was said, it is open', () => {
  for (const zone of ['Europe/Berlin', 'Australia/Lord_Howe']) {
    const window = { from: '01:50', to: '02:10', zone };
    for (let day = 0; day < 365; day += 1) {
      const nowMs = Date.UTC(2026, 0, 1, day % 24, 30) + day * 24 * 3_600_000;
      const opensIn = windowOpensIn({ window, nowMs });
      expect(windowOpensIn({ window, nowMs: nowMs + opensIn })).toBe(0);
      if (opensIn > 0) expect(windowOpensIn({ window, nowMs: nowMs + opensIn - 1 })).toBe(1);
    }
  }
});

test.each([
  ['Europe/Berlin', true],
  ['UTC', true],
  ['America/Argentina/Buenos_Aires', true],
  ['Etc/GMT+3', true],
  ['Europe/Atlantis', false],
  ['+02:00', false],
  ['', false],
  ['Europe/Berlin; id', false],
])('zone "%s" is known: %p', (zone, known) => expect(isKnownZone(zone)).toBe(known));
