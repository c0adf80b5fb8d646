import { unfoldPlan } from '../../src/contracts/folded-plan';
import { type DeployInput, defaultRollout } from '../../src/contracts/operation';
import { failureOf } from '../support/failure-of';
import { MemoryLab } from '../support/memory-hosts';
import { type Bench, openBench } from '../support/temporal';

let lab: MemoryLab;
let bench: Bench;

beforeEach(async () => {
  lab = new MemoryLab();
  bench = await openBench(lab);
  await bench.deploy();
  lab.journal.length = 0;
});
afterEach(() => bench.close());

const containers = () => [...lab.machines.values()].flatMap((m) => [...m.containers.values()]);
const lives = () => containers().map(({ id, name, startedAt }) => ({ id, name, startedAt }));
/** Without the record, which every operation writes. */
const did = () => lab.journal.filter((line) => !line.includes('/var/lib/krakenctl/'));

function change({ spec }: DeployInput): void {
  Object.assign(spec.redis, { maxmemoryBytes: 2 ** 29 });
  Object.assign(spec.limits.origin, { memoryBytes: 2 ** 30 });
  Object.assign(spec.nginx, { readTimeoutSeconds: 60 });
}

describe('what changes in place', () => {
  test('a setting, a limit and a load balancer: no container is made or started anew, and the second deploy changes nothing', async () => {
    const before = lives();
    const report = await bench.deploy(change);
    expect(report).toMatchObject({ changed: true, plan: { rolling: false, counts: { replace: 0, create: 0 } } });
    expect(lives()).toEqual(before);
    const said = [...lab.redisCluster.instances.values()].map((i) => i.settings.get('maxmemory'));
    expect(said).toEqual(Array(6).fill(`${2 ** 29}`));
    for (const c of containers()) expect(c.memoryBytes).toBe(c.name.endsWith('origin') ? 2 ** 30 : 2 ** 29);
    expect(did().filter((line) => / (create|start|stop|remove) /.test(line))).toEqual([]);
    const effects = did().length;
    expect(await bench.deploy(change)).toMatchObject({ changed: false });
    expect(did()).toHaveLength(effects);
  });

  test('the file is written before the running Redis is told, so that a restart at any moment has the new value', async () => {
    await bench.deploy(change);
    const first = did().findIndex((line) => line.includes('config set'));
    const last = did().findLastIndex((line) => line.includes('redis.conf'));
    expect([first > 0, last < first]).toEqual([true, true]);
  });

  test('beside a new version, it comes before the first part is replaced, and what is kept is not replaced', async () => {
    const kept = /-(redis|redis-replica|redis-router|nginx)$/;
    const before = lives().filter(({ name }) => kept.test(name));
    const report = await bench.deploy((input) => {
      change(input);
      input.policy = { ...defaultRollout, bakeMs: 0 };
      input.spec.images.version = 'v0.1.28';
    });
    expect(report.plan).toMatchObject({ rolling: true, counts: { replace: 15 } });
    expect(lives().filter(({ name }) => kept.test(name))).toEqual(before);
    // nginx.conf is written for each node that is left out and taken back.
    const lastLive = did().findLastIndex((line) => /config set|redis\.conf/.test(line));
    const firstStop = did().findIndex((line) => line.includes(' stop '));
    expect([lastLive > 0, lastLive < firstStop]).toEqual([true, true]);
    for (const c of containers()) if (c.name.endsWith('origin')) expect(c.memoryBytes).toBe(2 ** 30);
  });

  test('a value changed by hand is found and put back', async () => {
    const instance = lab.machine('node-2').instanceOf('redis-replica');
    instance.settings.set('maxmemory', '1');
    const report = await bench.deploy();
    const { stages } = unfoldPlan(report.plan);
    expect(stages.flatMap((s) => s.steps).map((s) => s.summary)).toEqual([
      'node-2: set maxmemory 256mb on redis-replica, live',
      ...['node-1', 'node-2', 'node-3'].map((host) => `${host}: write the record`),
    ]);
    expect(instance.settings.get('maxmemory')).toBe(`${2 ** 28}`);
  });

  test('less memory than a part holds ends the deploy with both values, and the part goes on', async () => {
    lab.machine('node-3').holds.set('kraken-cluster-node-3-origin', 2 ** 29);
    const before = lives();
    const failure = await failureOf(
      bench.deploy(({ spec }) => void Object.assign(spec.limits.origin, { memoryBytes: 2 ** 28 })),
    );
    expect(failure).toMatchObject({
      type: 'LIMIT_REFUSED',
      message: expect.stringContaining('origin on node-3 cannot get its memory limit 256 MiB (now 512 MiB)'),
    });
    expect(lives()).toEqual(before);
  });

  test('a worker that is lost between two settings: the next attempt goes on from there, and each is set once', async () => {
    const lost = new Set<string>();
    lab.hook = (moment, effect, host) => {
      if (moment !== 'after' || !/^(config set|update)/.test(effect) || lost.has(host + effect)) return;
      lost.add(host + effect);
      throw Object.assign(new Error(`connection lost on ${host}`), { name: 'OutcomeUnknownError' });
    };
    await bench.deploy(change);
    expect(lost.size).toBe(9);
    expect(did().filter((line) => / (config set|update) /.test(line))).toHaveLength(9);
  });
});
