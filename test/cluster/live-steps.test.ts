import type { Observed, ObservedContainer, SeenHost } from '../../src/cluster/observed';
import type { RolloutPace } from '../../src/cluster/pace';
import type { Gate, Plan, Step } from '../../src/cluster/plan';
import type { ClusterSpec } from '../../src/cluster/spec';
import { exampleImages, exampleSpec, observedAs, planFor, seenHost } from '../support/cluster';

const before = exampleSpec();
const images = exampleImages(before);

type Touch = (observed: Observed) => void;

function planAfter(change: (spec: ClusterSpec) => void, touch: Touch = () => undefined, pace?: RolloutPace): Plan {
  const observed = observedAs(before, images);
  touch(observed);
  const after = exampleSpec(change);
  return planFor(after, { ...exampleImages(after, 'b'), ...images }, observed, pace);
}

const nothing = () => undefined;
const moreMemory = (s: ClusterSpec) => void Object.assign(s.redis, { maxmemoryBytes: 2 ** 29 });
const shownStages = (plan: Plan) => [...new Set(plan.stages.map((s) => s.node ?? s.id))];
const stepsOf = (plan: Plan) =>
  plan.stages
    .filter((s) => !s.passing)
    .flatMap((s) => s.steps)
    .filter((s) => s.kind !== 'record');
const said = (steps: Step[]) => steps.map((s) => `${s.host} ${s.kind} ${s.action} ${s.part}`);
const stage = (plan: Plan, id: string) => plan.stages.find((s) => s.id === id)?.steps ?? [];
const container = (host: SeenHost, part: string): ObservedContainer => host.containers.find((c) => c.part === part)!;
const redisOf = (host: SeenHost, part: string) => host.redis.find((r) => r.part === part)! as { settings?: object };

describe('a changed Redis setting', () => {
  const plan = planAfter(moreMemory);

  test('replaces nothing: files are written, then every instance is told, all hosts side by side', () => {
    expect(plan).toMatchObject({ rolling: false, counts: { replace: 0, create: 0, change: 12 } });
    expect(plan.stages.map((s) => s.id)).toEqual(['files', 'live', 'record']);
    expect(said(stage(plan, 'live'))).toEqual(
      ['node-1', 'node-2', 'node-3'].flatMap((host) => [
        `${host} setting change redis`,
        `${host} setting change redis-replica`,
      ]),
    );
  });

  test('says from what to what, and because of which line', () => {
    expect(stage(plan, 'live')[0]).toMatchObject({
      id: 'live/node-1/setting/redis',
      target: 'kraken-cluster-node-1-redis',
      summary: 'node-1: set maxmemory 512mb on redis, live',
      changes: [{ field: 'maxmemory', from: '256mb', to: '512mb' }],
      because: ['REDIS_MAXMEMORY 256mb → 512mb (.env:31)'],
      expect: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test('is one step for an instance, whatever number of settings', () => {
    const both = planAfter((s) => {
      moreMemory(s);
      Object.assign(s.redis, { nodeTimeoutMs: 10_000 });
    });
    expect(stage(both, 'live')).toHaveLength(6);
    expect(stage(both, 'live')[0]).toMatchObject({
      summary: 'node-1: set cluster-node-timeout 10s, maxmemory 512mb on redis, live',
      because: ['REDIS_NODE_TIMEOUT 5s → 10s (.env:33)', 'REDIS_MAXMEMORY 256mb → 512mb (.env:31)'],
    });
  });

  test('is found done where an earlier deploy was cut after it', () => {
    const done = planAfter(moreMemory, (observed) => {
      for (const host of observed.hosts as SeenHost[]) {
        for (const r of host.redis)
          Object.assign(r, { settings: { ...redisOf(host, r.part).settings, maxmemory: `${2 ** 29}` } });
      }
    });
    expect(stage(done, 'live')).toEqual([]);
  });
});

describe('a Redis setting changed by hand', () => {
  const touched = planAfter(nothing, (observed) => {
    const replica = redisOf(seenHost(observed, 'node-2'), 'redis-replica');
    replica.settings = { ...replica.settings, maxmemory: '1048577' };
  });

  test('is drift of that instance alone', () => {
    expect(stepsOf(touched)).toMatchObject([
      {
        host: 'node-2',
        kind: 'setting',
        part: 'redis-replica',
        changes: [{ field: 'maxmemory', from: '1048577', to: '256mb' }],
        because: ['drift: the running Redis has another value than its file'],
      },
    ]);
  });

  test.each<[string, (host: SeenHost) => void]>([
    ['whose settings were not read', (host) => void Object.assign(host.redis[0]!, { settings: undefined })],
    ['that does not know the setting', (host) => void Object.assign(host.redis[0]!, { settings: {} })],
    [
      'that does not answer',
      (host) => {
        const { host: id, part } = host.redis[0]!;
        host.redis[0] = { host: id, part, reachable: false, error: 'refused' };
      },
    ],
  ])('of an instance %s: nothing is concluded', (_, change) => {
    const plan = planAfter(nothing, (observed) => change(seenHost(observed, 'node-1')));
    expect(stepsOf(plan).filter((s) => s.kind === 'setting')).toEqual([]);
  });
});

describe('the text of redis.conf', () => {
  const drifted = (fixedSha256: string | undefined) => (observed: Observed) => {
    const file = seenHost(observed, 'node-1').files.find((f) => f.path.endsWith('/redis/redis.conf'))!;
    Object.assign(file, { sha256: 'e'.repeat(64), changedAt: 1500, ...(fixedSha256 && { fixedSha256 }) });
  };

  test('an instance that was started on another maxmemory in its file is kept', () => {
    expect(said(stepsOf(planAfter(nothing, drifted(undefined))))).toEqual(['node-1 file change redis']);
  });

  test('an instance that was started on another port in its file is made anew, and takes its settings from there', () => {
    const plan = planAfter(moreMemory, drifted('f'.repeat(64)));
    expect(said(stepsOf(plan)).filter((s) => s.startsWith('node-1') && s.endsWith(' redis'))).toEqual([
      'node-1 file change redis',
      'node-1 container replace redis',
    ]);
  });
});

describe('limits', () => {
  const limit = (part: 'origin' | 'redis', change: Partial<ClusterSpec['limits']['origin']>) => (s: ClusterSpec) =>
    void Object.assign(s.limits[part], change);

  test('a changed memory limit replaces nothing', () => {
    const plan = planAfter(limit('origin', { memoryBytes: 2 ** 30 }));
    expect(plan).toMatchObject({ rolling: false, counts: { replace: 0, change: 3 } });
    expect(stage(plan, 'live')[2]).toMatchObject({
      id: 'live/node-3/limits/origin',
      kind: 'limits',
      action: 'change',
      summary: 'node-3: set memory limit 1 GiB on origin, live',
      changes: [{ field: 'memory limit', from: '512 MiB', to: '1 GiB' }],
      because: ['ORIGIN_MEMORY_LIMIT 512mb → 1gb (.env:20)'],
    });
  });

  test('a container whose limit is changed is not counted as kept', () => {
    const { keep } = planAfter(nothing).counts;
    expect(planAfter(limit('origin', { memoryBytes: 2 ** 30 })).counts.keep).toBe(keep - 3);
  });

  test.each<[string, Partial<ObservedContainer>, { field: string; from: string; to: string }[]]>([
    ['a memory limit', { memoryBytes: 2 ** 28 }, [{ field: 'memory limit', from: '256 MiB', to: '512 MiB' }]],
    [
      'a memory limit that was taken away',
      { memoryBytes: -1 },
      [{ field: 'memory limit', from: 'none', to: '512 MiB' }],
    ],
    ['a CPU limit', { nanoCpus: 5e8 }, [{ field: 'cpu limit', from: '0.5 cores', to: 'none' }]],
    [
      'a CPU limit in NanoCpus',
      { nanoCpus: 5e8, nanoCpusHeld: true },
      [{ field: 'cpu limit', from: '0.5 cores', to: 'none' }],
    ],
    ['no memory limit, which is a kernel without them', { memoryBytes: 0 }, []],
    ['limits that were not read', { memoryBytes: undefined, nanoCpus: undefined }, []],
  ])('found on the host: %s', (_, found, changes) => {
    const plan = planAfter(nothing, (o) => void Object.assign(container(seenHost(o, 'node-1'), 'tracker'), found));
    expect(stepsOf(plan).map((s) => [s.kind, s.changes])).toEqual(changes.length > 0 ? [['limits', changes]] : []);
    for (const step of stepsOf(plan))
      expect(step.because).toEqual(['drift: the limit of the container on the host is another']);
  });

  test('a CPU limit beside which Docker takes no other makes the container anew', () => {
    const plan = planAfter(limit('origin', { cpus: 2 }), (o) => {
      Object.assign(container(seenHost(o, 'node-2'), 'origin'), { nanoCpus: 1e9, nanoCpusHeld: true });
    });
    expect(said(stepsOf(plan))).toEqual([
      'node-1 limits change origin',
      'node-3 limits change origin',
      'node-2 container replace origin',
    ]);
    expect(stepsOf(plan)[2]).toMatchObject({
      changes: [{ field: 'cpu limit', from: '1 core', to: '2 cores' }],
      because: ['limits.origin.cpus 0 → 2'],
    });
  });

  test.each<[string, Partial<ObservedContainer>, string[]]>([
    ['made anew anyway', { fingerprint: 'other' }, ['container replace']],
    ['not ours', { cluster: undefined, fingerprint: undefined }, []],
    ['stopped', { state: 'exited' }, ['limits change', 'container change']],
  ])('of a container that is %s', (_, found, wanted) => {
    const plan = planAfter(nothing, (o) => {
      Object.assign(container(seenHost(o, 'node-1'), 'origin'), { memoryBytes: 2 ** 28, ...found });
    });
    expect(stepsOf(plan).map((s) => `${s.kind} ${s.action}`)).toEqual(wanted);
  });

  test.each([
    ['a higher memory limit comes before the setting that uses it', 2 ** 31, ['limits', 'setting']],
    ['a lower one after the setting that lets go of it', 2 ** 28, ['setting', 'limits']],
  ])('%s', (_, memoryBytes, kinds) => {
    const plan = planAfter((s) => {
      limit('redis', { memoryBytes })(s);
      Object.assign(s.redis, { maxmemoryBytes: memoryBytes / 2 });
    });
    const steps = stage(plan, 'live').filter((s) => s.host === 'node-1' && s.part === 'redis');
    expect(steps.map((s) => s.kind)).toEqual(kinds);
    expect(new Set(steps.map((s) => s.lane))).toEqual(new Set([undefined]));
  });
});

describe('beside parts that are replaced', () => {
  const upgrade = (s: ClusterSpec) => void Object.assign(s.images, { version: 'v0.1.28' });
  const quick = (s: ClusterSpec) => void Object.assign(s.nginx, { readTimeoutSeconds: 60 });

  test('what changes in place comes before the first host, with the files and reloads that it needs', () => {
    const plan = planAfter((s) => {
      upgrade(s);
      moreMemory(s);
      quick(s);
      Object.assign(s.limits.nginx, { memoryBytes: 2 ** 30 });
      Object.assign(s.limits.origin, { memoryBytes: 2 ** 30 });
    });
    expect(shownStages(plan)).toEqual(['images', 'live', 'node-1', 'node-2', 'node-3', 'record']);
    expect(said(stage(plan, 'live').filter((s) => s.host === 'node-2'))).toEqual([
      'node-2 file change redis',
      'node-2 file change redis-replica',
      'node-2 limits change nginx',
      'node-2 setting change redis',
      'node-2 setting change redis-replica',
      'node-2 file change nginx',
      'node-2 reload change nginx',
    ]);
    expect(new Set(stage(plan, 'node-2').map((s) => s.kind))).toEqual(new Set(['container']));
  });

  test('a part that is replaced gets its file with its container', () => {
    const plan = planAfter((s) => void Object.assign(s.kraken, { announceIntervalSeconds: 9 }));
    expect(stage(plan, 'live')).toEqual([]);
    expect(said(stage(plan, 'node-1'))).toEqual(['node-1 file change tracker', 'node-1 container replace tracker']);
  });

  test('load balancers learn of a new port host by host, as the parts behind them move', () => {
    const plan = planAfter((s) => {
      moreMemory(s);
      Object.assign(s.ports, { proxy: 8099 });
    });
    expect(stage(plan, 'live').filter((s) => s.part === 'nginx')).toEqual([]);
    expect(said(stage(plan, 'node-1'))).toEqual(['node-1 container replace proxy']);
  });

  test('nothing to change in place makes no stage', () => {
    expect(shownStages(planAfter(upgrade))).toEqual(['images', 'node-1', 'node-2', 'node-3', 'record']);
  });
});

describe('where each node is to be approved', () => {
  const upgrade = (s: ClusterSpec) => void Object.assign(s.images, { version: 'v0.1.28' });
  const quick = (s: ClusterSpec) => void Object.assign(s.nginx, { readTimeoutSeconds: 60 });
  const approved = (pace: Partial<RolloutPace> = {}) => ({ batch: 1, approveEachNode: true, ...pace });
  const gates = (plan: Plan, id: string) => plan.stages.find((s) => s.id === id)!.gates;
  const ready = (host: string, ...parts: string[]) =>
    parts.map((part): Gate => ({ kind: 'ready', host, part }) as Gate);

  test('what changes in place goes node by node: files, settings and reload of one, seen ready before the next', () => {
    const plan = planAfter((s) => void [moreMemory(s), quick(s)], nothing, approved());
    expect(shownStages(plan)).toEqual(['node-1/live', 'node-2/live', 'node-3/live', 'record']);
    expect(plan).toMatchObject({ rolling: false, counts: { replace: 0, create: 0, change: 18 } });
    expect(said(stage(plan, 'node-2/live'))).toEqual([
      'node-2 file change redis',
      'node-2 file change redis-replica',
      'node-2 file change nginx',
      'node-2 setting change redis',
      'node-2 setting change redis-replica',
      'node-2 reload change nginx',
    ]);
    expect(gates(plan, 'node-2/live')).toEqual(ready('node-2', 'redis', 'redis-replica', 'nginx'));
  });

  test('beside parts that are replaced it goes first, and a load balancer learns of no setting before its turn', () => {
    const plan = planAfter((s) => void [upgrade(s), quick(s)], nothing, approved());
    expect(shownStages(plan)).toEqual([
      ...['images', 'node-1/live', 'node-2/live', 'node-3/live'],
      ...['node-1', 'node-2', 'node-3', 'record'],
    ]);
    expect(said(stage(plan, 'node-1/live'))).toEqual(['node-1 file change nginx', 'node-1 reload change nginx']);
  });

  test('as many at once as are approved together, and watched where that is asked for', () => {
    const plan = planAfter(moreMemory, nothing, approved({ batch: 2, bakeMs: 60_000 }));
    expect(shownStages(plan)).toEqual(['node-1+node-2/live', 'node-3/live', 'record']);
    expect(gates(plan, 'node-3/live').at(-1)).toEqual({
      ...{ kind: 'steady', seconds: 60, inPlace: true },
      replaced: [{ host: 'node-3', parts: ['redis', 'redis-replica'] }],
    });
  });

  test('what is brought up beside it comes after it, with the files of new parts', () => {
    const plan = planAfter(
      moreMemory,
      (observed) => {
        const { containers } = seenHost(observed, 'node-2');
        containers.splice(0, containers.length, ...containers.filter((c) => c.part !== 'redis-replica'));
      },
      approved(),
    );
    expect(shownStages(plan)).toEqual([
      ...['node-1/live', 'node-2/live', 'node-3/live'],
      ...['files', 'foundation', 'parts', 'record'],
    ]);
    expect(said(stage(plan, 'node-2/live'))).toEqual(['node-2 file change redis', 'node-2 setting change redis']);
    expect(said(stage(plan, 'files'))).toEqual(['node-2 file change redis-replica']);
  });

  test('the same steps as side by side, whichever way it goes', () => {
    const change = (s: ClusterSpec) => void [upgrade(s), moreMemory(s), quick(s)];
    const ids = (plan: Plan) => stepsOf(plan).map((s) => `${s.host} ${s.kind} ${s.target}`);
    expect(ids(planAfter(change, nothing, approved())).sort()).toEqual(ids(planAfter(change)).sort());
  });
});
