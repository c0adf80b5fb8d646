import { createActivities } from '../../src/activities';
import { EngineError, FencedOffError, RedisReplyError } from '../../src/clients/errors';
import { requiredImages } from '../../src/cluster/desired-state';
import { limitValues, liveSum } from '../../src/cluster/live-values';
import type { Step, StepKind } from '../../src/cluster/plan';
import type { ClusterSpec, PartName } from '../../src/cluster/spec';
import type { StepInput } from '../../src/contracts/activities';
import { unpackHost } from '../../src/contracts/packed';
import { desiredOf, exampleSpec } from '../support/cluster';
import { MemoryLab } from '../support/memory-hosts';

let lab: MemoryLab;
let images: Record<string, string>;
let activities: ReturnType<typeof createActivities>;
const before = exampleSpec();

beforeEach(async () => {
  lab = new MemoryLab();
  const archives = { identify: async () => undefined, open: async () => Promise.reject(new Error('no archive')) };
  activities = createActivities({ hostsFor: () => lab, archives, ownerId: 'owner', now: Date.now });
  const { engine, files } = await lab.connect(before.nodes[0]!);
  const digests = await Promise.all(requiredImages(before).map(async (r) => [r, (await engine.resolve(r)).digest]));
  images = Object.fromEntries(digests);
  for (const file of wanted(before).files.filter((f) => f.part === 'redis'))
    await files.write({ path: file.path, mode: file.mode, contents: Buffer.from(file.contents) });
  for (const part of ['redis', 'origin'] as const) {
    await engine.pull(container(before, part).image, () => undefined);
    await activities.ensureContainer(inputFor(before, 'container', part));
  }
  lab.journal.length = 0;
});

const wanted = (spec: ClusterSpec) => desiredOf(spec, images).hosts[0]!;
const container = (spec: ClusterSpec, part: PartName) => wanted(spec).containers.find((c) => c.part === part)!;
const running = (part: string) => lab.machine('node-1').part(part)!;
const redis = () => lab.machine('node-1').instanceOf('redis');

function inputFor(spec: ClusterSpec, kind: StepKind, part: PartName, change: Partial<Step> = {}): StepInput {
  const want = container(spec, part);
  const sums: Partial<Record<StepKind, string>> = {
    container: want.fingerprint,
    setting: want.live && liveSum(want.live),
    limits: liveSum(limitValues(want)),
  };
  const step: Step = {
    ...{ id: `live/node-1/${kind}/${part}`, host: 'node-1', kind, action: 'change', part, target: want.name },
    ...{ summary: '', changes: [], because: ['test'], expect: sums[kind], ...change },
  };
  const operation = { id: '20261123-000000-deploy-0001', verb: 'deploy', actor: 'ana@ops-1' };
  return { spec, images, operation, epoch: 5, step };
}

const bigger = exampleSpec((s) => {
  Object.assign(s.redis, { maxmemoryBytes: 2 ** 29, maxmemoryPolicy: 'noeviction' });
  Object.assign(s.limits.origin, { memoryBytes: 2 ** 30, cpus: 1.5 });
});

describe('ensureRedisSettings', () => {
  test('sets what differs, once, and nothing the second time', async () => {
    const input = inputFor(bigger, 'setting', 'redis');
    expect(await activities.ensureRedisSettings(input)).toEqual({ changed: true });
    expect(lab.journal).toEqual(['node-1 config set 6379 maxmemory', 'node-1 config set 6379 maxmemory-policy']);
    expect(await redis().configGet('maxmemory')).toBe(`${2 ** 29}`);
    expect(await activities.ensureRedisSettings(input)).toEqual({ changed: false });
    expect(lab.journal).toHaveLength(2);
  });

  test('goes on where an attempt was cut between two settings', async () => {
    lab.hook = (moment, effect) => {
      if (moment === 'after' && effect.endsWith('maxmemory')) throw new Error('connection lost');
    };
    await expect(activities.ensureRedisSettings(inputFor(bigger, 'setting', 'redis'))).rejects.toThrow();
    lab.hook = () => undefined;
    expect(await activities.ensureRedisSettings(inputFor(bigger, 'setting', 'redis'))).toEqual({ changed: true });
    expect(lab.journal).toEqual(['node-1 config set 6379 maxmemory', 'node-1 config set 6379 maxmemory-policy']);
  });

  test.each<[string, MemoryLab['hook'], string]>([
    [
      'that refuses one',
      (_, effect) => {
        if (effect.startsWith('config set')) throw new RedisReplyError('ERR CONFIG SET failed', 'node-1');
      },
      'ERR CONFIG SET failed',
    ],
    [
      'that takes one and keeps the old',
      (moment) => {
        if (moment === 'after') redis().settings.set('maxmemory', '268435456');
      },
      'still says maxmemory 256mb',
    ],
  ])('an instance %s is a final failure with part, host and both values', async (_, hook, why) => {
    lab.hook = hook;
    const failure = activities.ensureRedisSettings(inputFor(bigger, 'setting', 'redis'));
    await expect(failure).rejects.toMatchObject({ type: 'REDIS_ERROR', nonRetryable: true });
    await expect(failure).rejects.toThrow(/redis on node-1 cannot get its maxmemory 512mb \(now 256mb\)/);
    await expect(failure).rejects.toThrow(why);
  });

  test('an instance that is away is asked again', async () => {
    Object.assign(running('redis'), { state: 'exited' });
    const failure = activities.ensureRedisSettings(inputFor(bigger, 'setting', 'redis'));
    await expect(failure).rejects.toMatchObject({ nonRetryable: false });
  });
});

describe('ensureLimits', () => {
  test('changes what differs in place, once, and nothing the second time', async () => {
    const { id, startedAt } = running('origin');
    const input = inputFor(bigger, 'limits', 'origin');
    expect(await activities.ensureLimits(input)).toEqual({ changed: true });
    expect(running('origin')).toMatchObject({ id, startedAt, memoryBytes: 2 ** 30, nanoCpus: 1.5e9 });
    expect(await activities.ensureLimits(input)).toEqual({ changed: false });
    expect(lab.journal).toEqual(['node-1 update kraken-cluster-node-1-origin']);
  });

  test('takes a CPU limit away', async () => {
    running('origin').nanoCpus = 1e9;
    await activities.ensureLimits(inputFor(before, 'limits', 'origin'));
    expect(running('origin').nanoCpus).toBe(0);
  });

  test('less memory than the part holds is a final failure with part, host and both values, and nothing is changed', async () => {
    lab.machine('node-1').holds.set('kraken-cluster-node-1-origin', 2 ** 28 + 1);
    const less = exampleSpec((s) => Object.assign(s.limits.origin, { memoryBytes: 2 ** 28 }));
    const failure = activities.ensureLimits(inputFor(less, 'limits', 'origin'));
    await expect(failure).rejects.toMatchObject({ type: 'LIMIT_REFUSED', nonRetryable: true });
    await expect(failure).rejects.toThrow(
      /^origin on node-1 cannot get its memory limit 256 MiB \(now 512 MiB\): .*current usage: 268435457\) : unknown$/,
    );
    expect(running('origin').memoryBytes).toBe(2 ** 29);
  });

  test('a limit that the Engine takes and does not keep is a final failure', async () => {
    lab.hook = (moment, effect) => {
      if (moment === 'after' && effect.startsWith('update')) running('origin').memoryBytes = 2 ** 20;
    };
    const failure = activities.ensureLimits(inputFor(bigger, 'limits', 'origin'));
    await expect(failure).rejects.toThrow(/still says memory limit 1 MiB/);
    await expect(failure).rejects.toMatchObject({ type: 'LIMIT_REFUSED', nonRetryable: true });
  });

  test('an Engine that does not answer is asked again', async () => {
    lab.hook = (moment) => {
      if (moment === 'before') throw new EngineError('socket hang up', 'node-1', 0);
    };
    const failure = activities.ensureLimits(inputFor(bigger, 'limits', 'origin'));
    await expect(failure).rejects.toMatchObject({ type: 'ENGINE_ERROR', nonRetryable: false });
  });

  test("another hand's container is never changed", async () => {
    running('origin').labels = {};
    const failure = activities.ensureLimits(inputFor(bigger, 'limits', 'origin'));
    await expect(failure).rejects.toMatchObject({ type: 'FOREIGN_RESOURCE', nonRetryable: true });
    expect(lab.journal).toEqual([]);
  });
});

describe.each(['setting', 'limits'] as const)('a step of kind %s', (kind) => {
  const run = (change: Partial<StepInput>, step: Partial<Step> = {}) => {
    const input = { ...inputFor(bigger, kind, 'redis', step), ...change };
    return kind === 'setting' ? activities.ensureRedisSettings(input) : activities.ensureLimits(input);
  };

  test('of a plan that this worker would not make is refused', async () => {
    await expect(run({}, { expect: 'f'.repeat(64) })).rejects.toMatchObject({ type: 'PLAN_STALE' });
    expect(lab.journal).toEqual([]);
  });

  test('of an older operation is refused by the fence', async () => {
    await run({ epoch: 9 });
    const did = lab.journal.length;
    await expect(run({ epoch: 8 })).rejects.toMatchObject({ type: 'FENCED_OFF', cause: expect.any(FencedOffError) });
    expect(lab.journal).toHaveLength(did);
  });
});

describe('observeHost', () => {
  test('sees limits, what the running Redis says, and which part of its file it can take', async () => {
    running('origin').nanoCpus = 7;
    await redis().configSet('maxmemory', '99');
    const seen = await activities.observeHost({ spec: before, host: 'node-1', probe: false }).then(unpackHost);
    if (!seen.reachable) throw new Error(seen.error);
    expect(seen.containers.find((c) => c.part === 'origin')).toMatchObject({ memoryBytes: 2 ** 29, nanoCpus: 7 });
    expect(seen.redis[0]).toMatchObject({ settings: { maxmemory: '99', 'cluster-node-timeout': '5000' } });
    const [conf] = wanted(before).files;
    expect(seen.files.find((f) => f.path === conf!.path)).toMatchObject({ fixedSha256: conf!.fixedSha256 });
  });
});
