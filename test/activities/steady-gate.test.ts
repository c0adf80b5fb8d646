import type { ActivityDependencies } from '../../src/activities/dependencies';
import { gateActivities } from '../../src/activities/gates';
import { labels } from '../../src/cluster/names';
import { exampleSpec } from '../support/cluster';
import { MemoryLab } from '../support/memory-hosts';

const spec = exampleSpec();
const replaced = [{ host: 'node-1', parts: ['redis' as const] }];

/** A Redis that the Engine has started again twice before; `each` is told the number of each look, from 1. */
async function stage(each: (look: number, container: { restartCount: number }) => void) {
  const lab = new MemoryLab();
  const { engine } = await lab.connect(spec.nodes[0]!);
  await engine.pull('redis:7', () => undefined);
  const id = await engine.create({
    ...{ name: 'kraken-cluster-node-1-redis', image: 'redis:7', command: [], mounts: [], tmpfs: [], capAdd: [] },
    ...{
      labels: { [labels.cluster]: 'cluster' },
      memoryBytes: 0,
      nanoCpus: 0,
      logMaxSizeBytes: 1,
      logMaxFiles: 1,
      readOnlyRoot: false,
      pidsLimit: 64,
    },
  });
  await engine.start(id);
  const container = lab.machine('node-1').part('redis')!;
  container.restartCount = 2;
  let looks = 0;
  const { inspect } = engine;
  engine.inspect = async (name) => {
    looks += 1;
    each(looks, container);
    return inspect(name);
  };
  let clock = 0;
  const deps = { hostsFor: () => lab, now: () => (clock += 500) } as unknown as ActivityDependencies;
  const watch = (inPlace?: true) =>
    gateActivities(deps).awaitSteady({ spec, gate: { kind: 'steady', replaced, seconds: 2, inPlace } });
  return { watch };
}

test('a part that was changed in place may have been started again before, and not since', async () => {
  const quiet = await stage(() => undefined);
  await expect(quiet.watch(true)).resolves.toBeUndefined();
  const restless = await stage((look, container) => {
    if (look === 2) container.restartCount += 1;
  });
  await expect(restless.watch(true)).rejects.toThrow('redis on node-1 exited (0) and was started again 1 times');
});

test('a part that was made anew has never been started again', async () => {
  const { watch } = await stage(() => undefined);
  await expect(watch()).rejects.toThrow('was started again 2 times');
});
