import type { EnrolledVm } from '../../../src/cluster/agents/install-source';
import {
  awayAfterSeconds,
  type InstalledPolicy,
  judgeInstalled,
  lateOf,
  planInstalled,
} from '../../../src/cluster/agents/installed-vms';

const [old, wanted, other] = ['1', '2', '3'].map((c) => c.repeat(16)) as [string, string, string];
const policy: InstalledPolicy = { concurrency: 20, maxFailures: '0', canary: 1, batch: '100%', others: 0 };
const vm = (n: number, change: Partial<EnrolledVm> = {}): EnrolledVm => ({
  address: `10.0.2.${n}`,
  ageSeconds: 100,
  release: old,
  ...change,
});

describe('who gets a turn', () => {
  test('whoever speaks and has another release, in the order of the list; the others are counted', () => {
    const vms = [
      vm(1),
      vm(2, { release: wanted }),
      vm(3, { ageSeconds: awayAfterSeconds + 1 }),
      vm(4, { ageSeconds: awayAfterSeconds }),
      vm(5, { leaving: true }),
      vm(6, { release: undefined }),
    ];
    expect(planInstalled(vms, wanted, policy)).toEqual({
      release: wanted,
      turns: ['10.0.2.1', '10.0.2.4', '10.0.2.6'],
      batches: [
        { id: 'installed-canary', title: 'canary', until: 1, counts: 'done' },
        { id: 'installed-batch-1', title: 'agents', until: 3, counts: 'begun' },
      ],
      maxFailures: 0,
      there: 1,
      away: 1,
    });
  });

  test('those alone that are named', () => {
    const plan = planInstalled([vm(1), vm(2), vm(3)], wanted, { ...policy, named: ['10.0.2.2', '10.0.2.9'] });
    expect(plan).toMatchObject({ turns: ['10.0.2.2'], there: 0, away: 0 });
  });

  test('in a hundred batches at most: each of them is waited for', () => {
    const vms = Array.from({ length: 1000 }, (_, i) => vm(1, { address: `10.1.${i >> 8}.${i & 255}` }));
    const { batches } = planInstalled(vms, wanted, { ...policy, batch: '1', canary: 0 });
    expect([batches.length, batches[0]!.until, batches.at(-1)!.until]).toEqual([100, 10, 1000]);
  });

  test.each([
    ['a number', '3', 0, 3],
    ['a part of all VMs of the operation, those too that somebody logs in to', '10%', 15, 2],
    ['rounded down', '10%', 4, 0],
  ])('how many may be left: %s', (_, maxFailures, others, expected) => {
    const vms = [1, 2, 3, 4, 5].map((n) => vm(n));
    expect(planInstalled(vms, wanted, { ...policy, maxFailures, others }).maxFailures).toBe(expected);
  });
});

describe('what one of them says', () => {
  const wish = { release: wanted, epoch: 1700 };
  const judged = (said: EnrolledVm[]) => judgeInstalled(['10.0.2.1'], said, wish);

  test.each<[string, Partial<EnrolledVm>, 'there' | 'waiting' | 'failed' | 'away']>([
    ['it still runs what it had', {}, 'waiting'],
    ['it runs it, and nothing came through its agent yet', { release: wanted }, 'waiting'],
    ['what it had before was proven', { release: wanted, proven: old }, 'waiting'],
    ['it runs it, and an image came through', { release: wanted, proven: wanted }, 'there'],
    ['it was seen to run it, and went away since', { release: wanted, proven: wanted, ageSeconds: 9999 }, 'there'],
    ['it put it back', { failed: { release: wanted, epoch: 1700 } }, 'failed'],
    ['it put it back, and went away since', { failed: { release: wanted, epoch: 1700 }, ageSeconds: 9999 }, 'failed'],
    ['it had put it back under an earlier operation', { failed: { release: wanted, epoch: 1600 } }, 'waiting'],
    ['it had put another back', { failed: { release: other, epoch: 1700 } }, 'waiting'],
    ['it does not speak any more', { ageSeconds: awayAfterSeconds + 1 }, 'away'],
  ])('%s: %s', (_, change, expected) => {
    const { there, waiting, left } = judged([vm(1, change)]);
    expect([...there.map(() => 'there'), ...waiting.map(() => 'waiting'), ...left.map(({ state }) => state)]).toEqual([
      expected,
    ]);
  });

  test('one that no load balancer has heard of is away', () => {
    expect(judged([vm(2)]).left).toEqual([{ address: '10.0.2.1', state: 'away', why: 'nothing was heard of it' }]);
  });

  test('whoever speaks and has not come to it in time is told with what it runs', () => {
    const said = [vm(1), vm(2, { release: wanted })];
    expect(lateOf(['10.0.2.1', '10.0.2.2'], said, wish)).toEqual([
      { address: '10.0.2.1', state: 'late', why: `it still runs ${old}` },
      { address: '10.0.2.2', state: 'late', why: 'no image came through its agent yet' },
    ]);
  });
});
