import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Observed } from '../../src/cluster/observed';
import { judgeServing } from '../../src/cluster/serving';
import { servingCodes } from '../../src/cluster/serving-findings';
import { redisShards } from '../../src/cluster/serving-redis';
import type { StewardState } from '../../src/cluster/serving-tls';
import type { PartName, TlsStage } from '../../src/cluster/spec';
import { exampleImages, exampleSpec, observedAs, seenHost } from '../support/cluster';

const spec = exampleSpec();
const whole = () => observedAs(spec, exampleImages(spec));
const all = ['node-1', 'node-2', 'node-3'];

function unready(observed: Observed, part: PartName, hosts: string[]): void {
  for (const id of hosts) seenHost(observed, id).ready = { ...seenHost(observed, id).ready, [part]: false };
}

function without(observed: Observed, id: string, part: PartName): void {
  const host = seenHost(observed, id);
  host.containers = host.containers.filter((c) => c.part !== part);
}

function lose(observed: Observed, hosts: string[]): void {
  observed.hosts = observed.hosts.map((h) =>
    hosts.includes(h.host) ? { host: h.host, reachable: false, error: 'connect ETIMEDOUT' } : h,
  );
}

const cases: [string, (o: Observed) => void, string, RegExp | undefined][] = [
  ['everything as it should be serves', () => undefined, 'serving', undefined],
  [
    'one part that is not ready degrades',
    (o) => unready(o, 'proxy', ['node-1']),
    'degraded',
    /proxy runs and is not ready/,
  ],
  [
    'a node that the load balancers leave out degrades, and is named',
    (o) => {
      seenHost(o, 'node-3').nginx = { runningConfig: '0'.repeat(64), out: ['node-2'] };
    },
    'degraded',
    /is left out by the load balancers/,
  ],
  ['no ready proxy anywhere is down', (o) => unready(o, 'proxy', all), 'down', /no proxy is ready/],
  ['no ready load balancer anywhere is down', (o) => unready(o, 'nginx', all), 'down', /no nginx is ready/],
  ['no ready origin anywhere is down', (o) => unready(o, 'origin', all), 'down', /no origin is ready/],
  [
    'trackers that run and say they are not ready degrade: a dead origin makes them say so',
    (o) => unready(o, 'tracker', all),
    'degraded',
    /no tracker says that it is ready/,
  ],
  [
    'no build-index that runs is down',
    (o) => {
      for (const id of all) without(o, id, 'build-index');
    },
    'down',
    /no build-index runs on any host/,
  ],
  ['one host away degrades', (o) => lose(o, ['node-2']), 'degraded', /cannot be seen/],
  ['with no host seen nothing is known', (o) => lose(o, all), 'unknown', /no host could be seen/],
  [
    'what is not ready where it was looked may be elsewhere',
    (o) => {
      unready(o, 'proxy', ['node-1']);
      lose(o, ['node-2', 'node-3']);
    },
    'unknown',
    /no proxy is ready on any host that was seen/,
  ],
  [
    'what runs nowhere where it was looked may run elsewhere',
    (o) => {
      without(o, 'node-1', 'tracker');
      lose(o, ['node-2', 'node-3']);
    },
    'unknown',
    /no tracker runs on any host that was seen/,
  ],
  [
    'slots of a master that was not seen are not said to be lost',
    (o) => lose(o, ['node-2']),
    'degraded',
    /Redis masters on the hosts that were seen serve 10923 of 16384 slots/,
  ],
  [
    'nothing where it was looked is not nothing',
    (o) => {
      for (const id of ['node-1', 'node-2']) seenHost(o, id).containers = [];
      lose(o, ['node-3']);
    },
    'unknown',
    /nothing is deployed on the hosts that were seen/,
  ],
  [
    'origins that were not seen count as away, and are not said to be',
    (o) => lose(o, ['node-1', 'node-2']),
    'degraded',
    /2 origins are away or were not seen and each blob has 2 copies: some blobs may be on none/,
  ],
  [
    'as many origins away as there are copies says so',
    (o) => unready(o, 'origin', ['node-1', 'node-2']),
    'degraded',
    /2 origins are away and each blob has 2 copies/,
  ],
  ['a container that is gone degrades', (o) => without(o, 'node-1', 'origin'), 'degraded', /origin has no container/],
  [
    'a container that has exited says its code',
    (o) =>
      void Object.assign(seenHost(o, 'node-1').containers.find((c) => c.part === 'testfs')!, {
        state: 'exited',
        exitCode: 137,
      }),
    'degraded',
    /testfs is exited \(exit code 137\)/,
  ],
  [
    'a replica out of sync degrades',
    (o) => void Object.assign(seenHost(o, 'node-1').redis.find((r) => r.part === 'redis-replica')!, { linkUp: false }),
    'degraded',
    /is not in sync/,
  ],
  [
    'a master that does not answer leaves slots unserved',
    (o) => {
      const { redis } = seenHost(o, 'node-1');
      redis[0] = { host: 'node-1', part: 'redis', reachable: false, error: 'ECONNREFUSED' };
    },
    'degraded',
    /of 16384 slots/,
  ],
  [
    'a full disk degrades',
    (o) => void Object.assign(seenHost(o, 'node-3'), { diskUsedPercent: 96 }),
    'degraded',
    /disk is 96% full/,
  ],
  [
    'nothing deployed is down, with the command that changes it',
    (o) => {
      for (const id of all) seenHost(o, id).containers = [];
    },
    'down',
    /nothing is deployed/,
  ],
  [
    'destroyed with its data kept is down, and said',
    (o) => {
      const destroyed = { at: '2026-11-23T00:00:00Z', dataKept: true, left: [] };
      for (const id of all) {
        const host = seenHost(o, id);
        Object.assign(host, { containers: [], record: { ...host.record, destroyed } });
      }
    },
    'down',
    /was destroyed, its data is kept/,
  ],
];

test.each(cases)('%s', (_, change, state, text) => {
  const observed = whole();
  change(observed);
  const serving = judgeServing({ spec, observed });
  expect(serving.state).toBe(state);
  if (text) expect(serving.findings.map((f) => f.text).join('\n')).toMatch(text);
  else expect(serving.findings.filter((f) => f.severity !== 'note')).toEqual([]);
});

test('after a failover two masters on one host degrade, and say what hands one back', () => {
  const observed = whole();
  const [first, second] = [seenHost(observed, 'node-1'), seenHost(observed, 'node-2')];
  const master = first.redis.find((r) => r.part === 'redis');
  const replica = second.redis.find((r) => r.part === 'redis-replica');
  if (!master?.reachable || !replica?.reachable) throw new Error('both answer');
  const slots = master.view.find((v) => v.id === master.id)!.slots;
  for (const v of replica.view) if (v.id === replica.id) v.slots = slots;
  Object.assign(replica, { role: 'master', masterId: undefined });
  Object.assign(master, { role: 'replica', masterId: replica.id, linkUp: true });
  const serving = judgeServing({ spec, observed });
  expect(serving.state).toBe('degraded');
  expect(serving.findings).toContainEqual(
    expect.objectContaining({ host: 'node-2', text: expect.stringContaining('two Redis masters') }),
  );
});

test('shards name each master with the replica that follows it', () => {
  expect(redisShards(whole())).toEqual([
    { host: 'node-1', slots: [[0, 5460]], replica: { host: 'node-2', linkUp: true } },
    { host: 'node-2', slots: [[5461, 10921]], replica: { host: 'node-3', linkUp: true } },
    { host: 'node-3', slots: [[10922, 16383]], replica: { host: 'node-1', linkUp: true } },
  ]);
});

test('a host without a load balancer needs none', () => {
  const some = exampleSpec((s) => void Object.assign(s, { loadBalancers: ['node-1'] }));
  expect(judgeServing({ spec: some, observed: observedAs(some, exampleImages(some)) }).state).toBe('serving');
});

test('the only load balancer is down although another host was not seen: that one carries none', () => {
  const some = exampleSpec((s) => void Object.assign(s, { loadBalancers: ['node-1'] }));
  const observed = observedAs(some, exampleImages(some));
  unready(observed, 'nginx', ['node-1']);
  lose(observed, ['node-3']);
  expect(judgeServing({ spec: some, observed }).state).toBe('down');
});

describe('each finding has a stable code', () => {
  const nowMs = Date.parse('2026-11-30T12:00:00Z');
  const withTls = (o: Observed, stage: TlsStage, daysLeft: number) => {
    const at = (days: number) => new Date(nowMs + days * 86_400_000).toISOString();
    const series = { number: 1, from: at(daysLeft - 90), until: at(daysLeft) };
    const state = { stage, signer: 'ca-1', trusts: ['ca-1'], series };
    for (const id of all) {
      const host = seenHost(o, id);
      const tls = { lifetimeSeconds: 1, state };
      Object.assign(host, { record: { ...host.record, spec: { ...host.record!.spec, tls } } });
    }
  };
  const codesAfter = (change: (o: Observed) => void, steward?: StewardState) => {
    const observed = whole();
    change(observed);
    const { findings } = judgeServing({ spec, observed, nowMs, steward });
    return findings.map(({ code, host, part }) => [code, host, part].filter(Boolean).join(' '));
  };
  const replica = (o: Observed) => seenHost(o, 'node-1').redis.find((r) => r.part === 'redis-replica')!;

  test.each<[string, (o: Observed) => void]>([
    ['STORAGE_TESTFS testfs', () => undefined],
    ['NOTHING_SEEN', (o) => lose(o, all)],
    ['HOST_UNREACHABLE node-2', (o) => lose(o, ['node-2'])],
    [
      'HOST_KEY node-2',
      (o) => o.hosts.splice(1, 1, { host: 'node-2', reachable: false, error: 'another key', code: 'HOST_KEY' }),
    ],
    ['NOT_DEPLOYED', (o) => all.map((id) => Object.assign(seenHost(o, id), { containers: [] }))],
    [
      'DESTROYED',
      (o) => {
        const destroyed = { at: '2026-11-23T00:00:00Z', dataKept: false, left: [] };
        for (const id of all) {
          const host = seenHost(o, id);
          Object.assign(host, { containers: [], record: { ...host.record, destroyed } });
        }
      },
    ],
    ['PART_NOWHERE proxy', (o) => unready(o, 'proxy', all)],
    ['GATE_NOT_READY node-1 proxy', (o) => unready(o, 'proxy', ['node-1'])],
    ['GATE_NOT_READY tracker', (o) => unready(o, 'tracker', all)],
    ['PART_MISSING node-1 origin', (o) => without(o, 'node-1', 'origin')],
    [
      'PART_STOPPED node-1 testfs',
      (o) => Object.assign(seenHost(o, 'node-1').containers.find((c) => c.part === 'testfs')!, { state: 'exited' }),
    ],
    ['ORIGINS_AWAY origin', (o) => unready(o, 'origin', ['node-1', 'node-2'])],
    [
      'LEFT_OUT node-2',
      (o) => Object.assign(seenHost(o, 'node-3'), { nginx: { runningConfig: '0'.repeat(64), out: ['node-2'] } }),
    ],
    ['REDIS_NOT_IN_SYNC node-3 redis-replica', (o) => Object.assign(replica(o), { linkUp: false })],
    ['REDIS_NO_REPLICA node-3 redis-replica', (o) => Object.assign(replica(o), { masterId: 'nobody' })],
    [
      'REDIS_NOT_WHOLE redis',
      (o) => Object.assign(seenHost(o, 'node-1').redis[0]!, { reachable: false, error: 'ECONNREFUSED' }),
    ],
    ['DISK_NEARLY_FULL node-3', (o) => Object.assign(seenHost(o, 'node-3'), { diskUsedPercent: 91 })],
    ['DISK_FULL node-3', (o) => Object.assign(seenHost(o, 'node-3'), { diskUsedPercent: 96 })],
    ['TLS_ON_ITS_WAY', (o) => withTls(o, 'bus', 90)],
    ['CERTIFICATES_DUE', (o) => withTls(o, 'require', 29)],
    ['CERTIFICATES_ENDED', (o) => withTls(o, 'require', 0)],
  ])('%s', (code, change) => expect(codesAfter(change)).toContain(code));

  test.each<[string, StewardState | undefined, number, string[]]>([
    ['a paused one', 'paused', 31, ['STEWARD_PAUSED note']],
    ['none', 'missing', 31, ['STEWARD_MISSING note']],
    ['one that works', 'works', 31, []],
    ['one that has its turns still to come', 'works', 29, ['CERTIFICATES_DUE note']],
    ['one whose turns came to nothing', 'works', 14, ['CERTIFICATES_DUE degraded']],
    ['a paused one, and ends near', 'paused', 29, ['CERTIFICATES_DUE degraded', 'STEWARD_PAUSED note']],
    ['nobody who was asked, and ends near', undefined, 29, ['CERTIFICATES_DUE degraded']],
  ])('certificates with %s as steward', (_, steward, days, expected) => {
    const observed = whole();
    withTls(observed, 'require', days);
    const { findings } = judgeServing({ spec, observed, nowMs, steward });
    const told = findings.filter(({ code }) => /STEWARD|CERT/.test(code));
    expect(told.map(({ code, severity }) => `${code} ${severity}`)).toEqual(expected);
    expect(codesAfter(() => undefined, steward).filter((code) => code.startsWith('STEWARD'))).toEqual([]);
  });

  test('and none of TLS where its certificates are young', () => {
    expect(codesAfter((o) => withTls(o, 'require', 31)).filter((code) => /TLS|CERT/.test(code))).toEqual([]);
  });

  test('and all of them are documented', () => {
    const text = readFileSync(join(__dirname, '..', '..', 'docs', 'status.md'), 'utf8');
    expect(servingCodes.filter((code) => !text.includes(code))).toEqual([]);
  });
});
