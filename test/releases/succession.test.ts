import { compareReleases, type Release } from '../../src/releases/release';
import { judgeSuccession } from '../../src/releases/succession';

const release = (version: string, releasedAt?: number, builtAt?: number): Release => {
  return { version, worker: 'w', releasedAt, builtAt };
};

test.each([
  ['a higher version', release('1.10.0', 1), release('1.9.0', 9)],
  ['a version without a suffix', release('1.0.0', 1), release('1.0.0-rc.2', 9)],
  ['a higher suffix', release('1.0.0-rc.10'), release('1.0.0-rc.9')],
  ['a later commit, whenever it was built', release('1.0.0', 200, 1), release('1.0.0', 100, 9)],
  ['a later build of one commit', release('1.0.0', 100, 9), release('1.0.0', 100, 8)],
  ['a later build where one commit is not known', release('1.0.0', undefined, 9), release('1.0.0', 100, 8)],
])('%s is newer', (_, newer, older) => {
  expect(compareReleases(newer, older)).toBeGreaterThan(0);
  expect(compareReleases(older, newer)).toBeLessThan(0);
  expect(compareReleases(newer, newer)).toBe(0);
});

const older = release('1.0.0');
const newer = release('1.1.0');
const of = (release: Release, starting: boolean) => ({ buildId: 'own', release, starting });
const current = (release: Release | undefined, polled: boolean) => ({ buildId: 'other', release, polled });

test.each([
  ['nobody is current', of(older, false), undefined, 'takes'],
  ['it is current itself', of(older, true), { buildId: 'own', polled: false }, 'is current'],
  ['an older release is current and works', of(newer, true), current(older, true), 'takes'],
  ['an older release took it meanwhile', of(newer, false), current(older, true), 'takes'],
  ['a newer release works', of(older, true), current(newer, true), 'leaves'],
  ['a newer release works, and the clock asks', of(older, false), current(newer, true), 'leaves'],
  ['a newer release is gone, and somebody starts this one', of(older, true), current(newer, false), 'takes'],
  ['a newer release is away for a moment, and only the clock asks', of(older, false), current(newer, false), 'leaves'],
  ['another build of the same release works', of(older, true), current(older, true), 'leaves'],
  ['nobody noted what is current', of(older, true), current(undefined, true), 'takes'],
] as const)('%s: %#', (_, own, is, verdict) => expect(judgeSuccession(own, is)).toBe(verdict));

test('of two releases that run at once the newer one stays current, in whichever order they look', () => {
  const releases = [release('1.0.0'), release('1.0.0', 5), release('1.1.0'), release('1.1.0', 5, 7)];
  for (const one of releases) {
    for (const other of releases.filter((r) => r !== one)) {
      // Both want it from the other only if the order were not one.
      const wants = [
        judgeSuccession(of(one, true), current(other, true)),
        judgeSuccession(of(other, true), current(one, true)),
      ];
      expect(wants.filter((verdict) => verdict === 'takes').length).toBeLessThan(2);
    }
  }
});
