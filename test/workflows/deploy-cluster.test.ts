import { WorkflowFailedError } from '@temporalio/client';
import { FencedOffError } from '../../src/clients/errors';
import type { OperationProgress } from '../../src/contracts/operation';
import { stateOf } from '../campaign/modelled-state';
import { failureOf } from '../support/failure-of';
import { MemoryLab } from '../support/memory-hosts';
import { type Bench, openBench } from '../support/temporal';

let lab: MemoryLab;
let bench: Bench;

beforeEach(async () => {
  lab = new MemoryLab();
  bench = await openBench(lab);
});
afterEach(() => bench.close());

/** Innermost message and type of a failed workflow. */
const created = () => lab.journal.filter((line) => / create /.test(line));

describe('deployCluster', () => {
  test('a bare cluster comes to run, is proven and recorded; the second deploy changes nothing', async () => {
    const first = await bench.deploy();
    expect(first).toMatchObject({ changed: true, name: 'deploy-1', generation: 1 });
    expect(first.proof).toMatchObject({ pushedThrough: 'node-1', pulledThrough: 'node-2', announcedThrough: 'node-3' });
    expect(created()).toHaveLength(27);
    const record = lab.machine('node-2').stored.get('/var/lib/krakenctl/cluster/state.json');
    expect(JSON.parse(record!.contents.toString())).toMatchObject({ generation: 1, counts: { deploy: 1 } });
    const effects = lab.journal.length;
    const second = await bench.deploy();
    expect(second).toMatchObject({ changed: false });
    expect(lab.journal.length).toBe(effects);
  });

  test('a first deploy that these tests take from memory is as one that was done', async () => {
    await bench.deploy();
    const recalled = lab;
    await bench.close();
    lab = new MemoryLab();
    bench = await openBench(lab, { deploysAnew: true });
    await bench.deploy();
    const all = ({ machines, redisCluster, journal, registry }: MemoryLab) => ({
      hosts: [...machines.values()].map(({ host, nginxRuns, startedWith, loaded, stored }) => {
        return { host, nginxRuns, startedWith, loaded, stored: [...stored.keys()].sort() };
      }),
      redis: [...redisCluster.instances.values()].map(({ id, masterId, slots, knows, keys, settings }) => {
        return { id, masterId, slots, knows: [...knows].sort(), keys: keys.size, settings };
      }),
      did: [...journal].sort(),
      manifests: registry.manifests.size,
    });
    expect(stateOf(recalled)).toEqual(stateOf(lab));
    expect(all(recalled)).toEqual(all(lab));
    for (const [id, { containers }] of recalled.machines)
      expect([...containers.values()].map(({ name }) => name).sort()).toEqual(
        [...lab.machine(id).containers.values()].map(({ name }) => name).sort(),
      );
  });

  test('exactly what was broken is mended', async () => {
    await bench.deploy();
    const before = lab.journal.length;
    const one = lab.machine('node-1');
    one.containers.delete(one.part('proxy')!.id);
    const report = await bench.deploy();
    expect(report.name).toBe('deploy-2');
    const did = lab.journal.slice(before).filter((line) => !line.includes('/var/lib/krakenctl/'));
    expect(did).toEqual(['node-1 create kraken-cluster-node-1-proxy', 'node-1 start kraken-cluster-node-1-proxy']);
  });

  test('a host that cannot be seen ends the deploy before anything is changed', async () => {
    await bench.deploy();
    const before = lab.journal.length;
    const two = lab.machine('node-2');
    two.isOn = false;
    lab.machine('node-1').containers.clear();
    expect(await failureOf(bench.deploy())).toMatchObject({
      type: 'HOST_UNREACHABLE',
      message: expect.stringContaining('node-2'),
    });
    expect(lab.journal.length).toBe(before);
  });

  test('a plan token of another plan is refused before anything is changed', async () => {
    const failure = await failureOf(bench.deploy((input) => Object.assign(input, { planHash: 'abcdef' })));
    expect(failure).toMatchObject({ type: 'PLAN_CHANGED' });
    expect(lab.journal).toEqual([]);
  });

  test("another krakenctl's cluster is refused before anything is changed", async () => {
    await bench.deploy();
    const foreign = await openBench(lab, { ownerId: 'owner-2' });
    lab.machine('node-1').containers.clear();
    const before = lab.journal.length;
    const epoch = lab.machine('node-1').epoch;
    try {
      expect(await failureOf(foreign.deploy())).toMatchObject({ type: 'FOREIGN_OWNER' });
    } finally {
      await foreign.close();
    }
    expect(lab.journal.slice(before).filter((line) => !line.includes('append'))).toEqual([]);
    expect(lab.machine('node-1').epoch).toBe(epoch);
  });

  test('a container of our name without our label stops the deploy', async () => {
    await bench.deploy();
    const one = lab.machine('node-1');
    one.part('origin')!.labels = {};
    expect(await failureOf(bench.deploy())).toMatchObject({
      type: 'FOREIGN_RESOURCE',
      message: expect.stringContaining('node-1'),
    });
  });

  test('a name that another hand takes at the last moment is refused, and left as it is', async () => {
    lab.hook = (moment, effect, host) => {
      if (moment !== 'before' || effect !== 'create kraken-cluster-node-1-origin') return;
      const { containers } = lab.machine(host);
      if ([...containers.values()].some((c) => c.id === 'foreign')) return;
      const like = [...containers.values()][0]!;
      containers.set('foreign', { ...like, id: 'foreign', name: 'kraken-cluster-node-1-origin', labels: {} });
    };
    expect(await failureOf(bench.deploy())).toMatchObject({ type: 'FOREIGN_RESOURCE' });
    expect(lab.machine('node-1').containers.get('foreign')).toMatchObject({ labels: {}, state: 'running' });
    expect(lab.journal.filter((line) => /(stop|remove) .*node-1-origin/.test(line))).toEqual([]);
  });

  test.each([
    ['one of three nodes cannot take is a success', ['node-3']],
    ['two of three nodes cannot take is none', ['node-2', 'node-3']],
  ])('a deploy whose record %s', async (_, without) => {
    lab.hook = (moment, effect, host) => {
      if (moment === 'before' && effect.endsWith('/state.json') && without.includes(host))
        throw new FencedOffError('a newer operation holds the host', host, 1);
    };
    const run = bench.deploy();
    if (without.length === 1) expect(await run).toMatchObject({ changed: true });
    else expect(await failureOf(run)).toMatchObject({ type: 'FENCED_OFF' });
  });

  test('an image that the registry does not have fails once, by name, with nothing changed', async () => {
    const failure = await failureOf(bench.deploy((input) => Object.assign(input.spec.images, { redis: 'missing:1' })));
    expect(failure).toMatchObject({ type: 'IMAGE_MISSING', message: expect.stringContaining('missing:1') });
    expect(lab.journal).toEqual([]);
  });

  test('an image for another kind of machine fails by name, with nothing changed', async () => {
    const failure = await failureOf(bench.deploy((input) => Object.assign(input.spec.images, { redis: 'arm64:1' })));
    expect(failure).toMatchObject({
      type: 'IMAGE_PLATFORM',
      message: 'arm64:1 is for linux/arm64, node-1 is linux/amd64',
    });
    expect(lab.journal).toEqual([]);
  });

  test('a registry that no host reaches is told after two rounds of all hosts, with nothing changed', async () => {
    const failure = await failureOf(bench.deploy((input) => Object.assign(input.spec.images, { redis: 'silent:1' })));
    expect(failure).toMatchObject({ type: 'REGISTRY_UNREACHABLE' });
    const asked = lab.asked.filter((line) => line.endsWith('silent:1')).map((line) => line.split(' ')[0]);
    expect(asked).toEqual(['node-1', 'node-2', 'node-3', 'node-1', 'node-2', 'node-3']);
    expect(lab.journal).toEqual([]);
  });

  test('an effect whose end was not seen is looked at again, and the container is made once', async () => {
    const fired: string[] = [];
    lab.hook = (moment, effect, host) => {
      if (moment !== 'after' || !effect.startsWith('create') || fired.includes(effect)) return;
      fired.push(effect);
      throw Object.assign(new Error(`connection lost on ${host}`), { name: 'OutcomeUnknownError' });
    };
    await bench.deploy();
    expect(fired).toHaveLength(27);
    expect(created()).toHaveLength(27);
  });

  test('a line of the record whose end was not seen is written once', async () => {
    const fired: string[] = [];
    lab.hook = (moment, effect, host) => {
      if (moment !== 'after' || !effect.startsWith('append') || fired.includes(host)) return;
      fired.push(host);
      throw Object.assign(new Error(`connection lost on ${host}`), { name: 'OutcomeUnknownError' });
    };
    await bench.deploy();
    expect(fired).toHaveLength(3);
    for (const machine of lab.machines.values()) {
      const lines = machine.stored.get('/var/lib/krakenctl/cluster/operations.jsonl')!.contents.toString();
      expect(lines.trim().split('\n')).toHaveLength(1);
    }
  });

  test('a cancelled deploy ends between two steps, and the next one goes on from there', async () => {
    let handle: Awaited<ReturnType<Bench['start']>> | undefined;
    lab.hook = async (moment, effect) => {
      if (moment === 'before' && effect.endsWith('node-1-redis') && effect.startsWith('create')) await handle?.cancel();
    };
    handle = await bench.start();
    await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
    const progress = await handle.query<OperationProgress>('progress');
    expect(progress.state).toBe('cancelled');
    for (const machine of lab.machines.values()) {
      for (const container of machine.containers.values()) expect(container.state).toBe('running');
    }
    expect(created().length).toBeLessThan(27);
    lab.hook = () => undefined;
    await bench.deploy();
    expect(created()).toHaveLength(27);
  });

  test('progress names the stages and comes to done', async () => {
    const handle = await bench.start();
    await handle.result();
    const progress = await handle.query<OperationProgress>('progress');
    expect(progress).toMatchObject({ state: 'done', name: 'deploy-1' });
    const order = ['look', 'claim', 'images', 'files', 'foundation', 'parts', 'proof', 'record'];
    expect(progress.stages.map((s) => s.id)).toEqual(order);
    expect(progress.stages.every((s) => s.state === 'done')).toBe(true);
  });
});
