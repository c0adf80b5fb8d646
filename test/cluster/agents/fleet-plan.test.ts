import {
  desiredAgents,
  type FleetPolicy,
  planFleet,
  portion,
  sortVms,
  strangersOf,
} from '../../../src/cluster/agents/fleet-plan';
import type { FleetRecord } from '../../../src/cluster/agents/fleet-record';
import { highestGeneration, newestFleet, withoutGone } from '../../../src/cluster/agents/fleet-record';
import { withKnownLogins } from '../../../src/cluster/agents/vm';

const policy: FleetPolicy = { concurrency: 20, maxFailures: '0', canary: 1, batch: '100%' };
const vms = (count: number) => Array.from({ length: count }, (_, i) => `root@10.0.2.${i + 1}:22`);
const record = (agents: string[], generation = 1): FleetRecord => ({
  format: 1,
  generation,
  agents,
  counts: {},
  operation: { id: 'op', name: 'agents-1', actor: 'ana@ops-1', at: '2026-11-23T00:00:00.000Z' },
});

describe('batches', () => {
  const untils = (total: number, change: Partial<FleetPolicy>) =>
    planFleet({ verb: 'deploy', vms: vms(total), policy: { ...policy, ...change } }, undefined).batches.map(
      ({ id, until, counts }) => [id, until, counts],
    );

  test.each([
    ['one VM needs no canary', 1, {}, [['batch-1', 1, 'begun']]],
    [
      'the rest at once after the canary',
      10,
      {},
      [
        ['canary', 1, 'done'],
        ['batch-1', 10, 'begun'],
      ],
    ],
    ['no canary was wanted', 10, { canary: 0 }, [['batch-1', 10, 'begun']]],
    ['as few as the canary are no canary', 3, { canary: 3 }, [['batch-1', 3, 'begun']]],
    [
      'by number',
      10,
      { batch: '4' },
      [
        ['canary', 1, 'done'],
        ['batch-1', 5, 'begun'],
        ['batch-2', 9, 'begun'],
        ['batch-3', 10, 'begun'],
      ],
    ],
    [
      'by percentage, rounded up',
      10,
      { batch: '25%', canary: 0 },
      [
        ['batch-1', 3, 'begun'],
        ['batch-2', 6, 'begun'],
        ['batch-3', 9, 'begun'],
        ['batch-4', 10, 'begun'],
      ],
    ],
  ])('%s', (_, total, change, expected) => {
    expect(untils(total, change)).toEqual(expected);
  });

  test.each([
    ['named', [vms(5)[4]!], { vms: [], dismissed: ['10.0.2.5'] }],
    ['all', [], { vms: vms(2), dismissed: ['10.0.2.5', '10.0.2.6'] }],
    ['another is named', [vms(2)[0]!], { vms: [vms(2)[0]] }],
  ])('who installed itself is dismissed by a removal, unless we look after it: %s', (_, named, expected) => {
    const enrolled = [2, 5, 6].map((n) => ({ address: `10.0.2.${n}`, ageSeconds: 1 }));
    const plan = planFleet({ verb: 'remove', vms: named, policy }, record(vms(2)), { enrolled });
    expect(plan).toMatchObject(expected);
    expect(plan.dismissed).toEqual((expected as { dismissed?: string[] }).dismissed);
  });

  test.each([
    ['named, it is not logged in to', [vms(5)[4]!, vms(2)[0]!], [vms(2)[0]], ['10.0.2.5']],
    ['one that we look after is', [vms(2)[1]!], [vms(2)[1]], []],
    ['all are meant where none is named', [], vms(2), undefined],
  ])('who installed itself follows an upgrade by itself: %s', (_, named, expected, installed) => {
    const enrolled = [2, 5, 6].map((n) => ({ address: `10.0.2.${n}`, ageSeconds: 1 }));
    const plan = planFleet({ verb: 'upgrade', vms: named, policy }, record(vms(2)), { enrolled });
    expect([plan.vms, plan.installed]).toEqual([expected, installed]);
  });

  test.each([
    ['all are meant: not those that were thrown out', 'upgrade', [], [vms(3)[0], vms(3)[2]]],
    ['all are restarted: nor then', 'restart', [], [vms(3)[0], vms(3)[2]]],
    ['all are removed: those too', 'remove', [], vms(3)],
  ] as const)('who was thrown out (agent revoke): %s', (_, verb, named, expected) => {
    const wish = { verb, vms: [...named], policy };
    expect(planFleet(wish, record(vms(3)), { revoked: ['10.0.2.2'] }).vms).toEqual(expected);
  });

  test('a percentage of failures is rounded down: 10% of nine is none', () => {
    expect([portion('10%', 9, Math.floor), portion('10%', 10, Math.floor), portion('3', 100, Math.floor)]).toEqual([
      0, 1, 3,
    ]);
  });
});

describe('the record', () => {
  const [one, two, three] = vms(3) as [string, string, string];
  type Verb = 'deploy' | 'remove' | 'upgrade' | 'publish';
  const afterwards = (verb: Verb, named: string[], known = record(vms(3)), forget = false) =>
    desiredAgents({ verb, vms: named, policy, forget }, known);

  test('a deploy adds, an upgrade keeps', () => {
    expect(afterwards('deploy', ['root@10.0.2.9:22'])).toEqual({ agents: [...vms(3), 'root@10.0.2.9:22'] });
    expect(afterwards('upgrade', [two])).toEqual({ agents: vms(3) });
  });

  describe('whoever is to be removed stays in it until it is gone', () => {
    const leaving = { ...record([one]), leaving: [two, three] };

    test.each<[string, Verb, string[], object]>([
      ['one is named', 'remove', [two], { agents: [one, three], leaving: [two] }],
      ['all are meant', 'remove', [], { agents: [], leaving: vms(3) }],
      ['one that it never had is not written down', 'remove', ['root@10.0.2.99:22'], { agents: vms(3) }],
    ])('%s', (_, verb, named, expected) => {
      expect(afterwards(verb, named)).toEqual(expected);
    });

    test.each<[string, Verb, string[], object]>([
      ['another is removed', 'remove', [one], { agents: [], leaving: vms(3) }],
      ['they are removed again', 'remove', [two], { agents: [one], leaving: [two, three] }],
      ['others are upgraded', 'upgrade', [], { agents: [one], leaving: [two, three] }],
      ['what VMs install from is published', 'publish', [], { agents: [one], leaving: [two, three] }],
      ['one of them is deployed, and so stays', 'deploy', [two], { agents: [one, two], leaving: [three] }],
    ])('while they leave, %s', (_, verb, named, expected) => {
      expect(afterwards(verb, named, leaving)).toEqual(expected);
    });

    test('a removal of all works on them again, an upgrade of all does not', () => {
      const plan = (verb: Verb) => planFleet({ verb, vms: [], policy }, leaving).vms;
      expect([plan('remove'), plan('upgrade')]).toEqual([vms(3), [one]]);
    });

    test('who is gone is struck out, and the list goes with the last', () => {
      expect(withoutGone(leaving, new Set(['10.0.2.2']))).toEqual({ ...record([one]), leaving: [three] });
      expect(withoutGone(leaving, new Set(['10.0.2.2', '10.0.2.3']))).toEqual(record([one]));
    });

    test('struck out on one node is gone, though a node that was away then still has it', () => {
      const struck = withoutGone(leaving, new Set(['10.0.2.2', '10.0.2.3']));
      const holdings = [leaving, withoutGone(leaving, new Set(['10.0.2.2'])), leaving].map((held, i) => ({
        host: `node-${i}`,
        record: held,
      }));
      expect(newestFleet(holdings, 3)).toMatchObject({ agents: [one], leaving: [three] });
      expect(newestFleet([...holdings.slice(0, 2), { host: 'node-2', record: struck }], 3)?.leaving).toEqual([]);
      // An older record says nothing of who leaves now.
      const older = { host: 'node-2', record: record(vms(3), 0) };
      expect(newestFleet([holdings[0]!, { host: 'node-1', record: leaving }, older], 3)?.leaving).toEqual([two, three]);
    });

    test('VMs that do not come back are forgotten by name, and none is worked on', () => {
      expect(afterwards('remove', [one, two], leaving, true)).toEqual({ agents: [], leaving: [three] });
      const plan = planFleet({ verb: 'remove', vms: [one, two], policy, forget: true }, leaving);
      expect(plan).toMatchObject({ vms: [], batches: [], forgotten: ['10.0.2.1', '10.0.2.2'] });
    });
  });

  describe('a VM is told by its address, and has one login', () => {
    const known = record(['ubuntu@10.0.2.2:2222']);
    const other = 'root@10.0.2.2:22';

    test.each([
      ['by its address alone', { address: '10.0.2.2' }, 'ubuntu@10.0.2.2:2222'],
      ['with a user', { address: '10.0.2.2', user: 'ops' }, 'ops@10.0.2.2:2222'],
      ['with a port', { address: '10.0.2.2', port: 22 }, 'ubuntu@10.0.2.2:22'],
      ['with both', { address: '10.0.2.2', user: 'root', port: 22 }, other],
    ])('named %s', (_, target, expected) => {
      expect(withKnownLogins([{ target, vm: other }], known.agents)).toEqual([expected]);
    });

    test('one that nobody knows is logged in to as the nodes are', () => {
      expect(withKnownLogins([{ target: { address: '10.0.2.3' }, vm: vms(3)[2]! }], known.agents)).toEqual([three]);
    });

    test('named with another login, it is no second one: not in the record, not in a removal, not in a plan', () => {
      expect(afterwards('deploy', [other], known)).toEqual({ agents: [other] });
      expect(afterwards('remove', [other], known)).toEqual({ agents: [], leaving: [other] });
      const both = record(['root@10.0.2.2:22', 'ubuntu@10.0.2.2:22']);
      expect(planFleet({ verb: 'upgrade', vms: [], policy }, both).vms).toEqual(['ubuntu@10.0.2.2:22']);
      expect(afterwards('upgrade', [], both)).toEqual({ agents: ['ubuntu@10.0.2.2:22'] });
    });
  });

  test('an upgrade that names a VM which nobody looks after finds it, however it is logged in to', () => {
    const enrolled = [{ address: '10.0.2.8', ageSeconds: 1 }];
    const strangers = (verb: Verb, named: string[], known = record(vms(2))) =>
      strangersOf({ verb, vms: named, policy }, known, { enrolled });
    const named = ['ubuntu@10.0.2.2:22', 'root@10.0.2.8:22', 'root@10.0.2.9:22'];
    expect(strangers('upgrade', named)).toEqual(['10.0.2.9']);
    expect(strangers('deploy', named)).toEqual([]);
    expect(strangers('upgrade', [one], { ...record([]), leaving: [one] })).toEqual(['10.0.2.1']);
  });

  test('each VM once, in natural order', () => {
    expect(sortVms(['root@10.0.2.10:22', 'root@10.0.2.9:22', 'root@10.0.2.10:22'])).toEqual([
      'root@10.0.2.9:22',
      'root@10.0.2.10:22',
    ]);
  });

  test('what fewer than a majority hold does not count, but its number is not used again', () => {
    const holdings = [
      { host: 'node-1', record: record(vms(2), 5) },
      { host: 'node-2', record: record(vms(1), 4) },
      { host: 'node-3', record: record(vms(1), 4) },
    ];
    expect(newestFleet(holdings, 3)?.agents).toEqual(vms(1));
    expect(highestGeneration(holdings)).toBe(5);
    expect(newestFleet(holdings.slice(0, 1), 3)).toBeUndefined();
  });

  test('where two nodes are seen and have two records, the newer one counts, and not a fleet of nobody', () => {
    const holdings = [
      { host: 'node-2', record: record(vms(2), 5) },
      { host: 'node-3', record: record(vms(1), 4) },
    ];
    expect(newestFleet(holdings, 3)?.agents).toEqual(vms(2));
  });
});
