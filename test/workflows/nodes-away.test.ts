import type { DeployInput, OperationProgress } from '../../src/contracts/operation';
import { stateOf } from '../campaign/modelled-state';
import { failureOf } from '../support/failure-of';
import { MemoryLab } from '../support/memory-hosts';
import { type Bench, openBench } from '../support/temporal';

/** What waits for two minutes waits for one second here. */
const speed = 120;

let lab: MemoryLab;
let bench: Bench;

beforeEach(async () => {
  lab = new MemoryLab();
  const began = Date.now();
  bench = await openBench(lab, { now: () => began + (Date.now() - began) * speed });
  await bench.deploy();
});
afterEach(() => bench.close());

const policy = { batch: 1, approveEachNode: false, approveWithinMs: 1000, bakeMs: 0, rollback: true };
const otherRedis = (change: Partial<typeof policy> = {}) => {
  return (input: DeployInput) => {
    input.policy = { ...policy, ...change };
    input.spec.images.redis = 'redis:7.4';
  };
};
const stateWithoutRecord = () =>
  Object.fromEntries(
    Object.entries(stateOf(lab)).map(([id, host]) => [id, { ...(host as object), record: undefined }]),
  );
const imageOf = (node: string) => lab.machine(node).part('redis')?.image;
const nginxOut = (node: string) => / out=([^"\\]*)/.exec(lab.machine(node).nginxRuns)?.[1];

/** Its containers run, and no Redis in them answers. */
function neverStarts(image: string): void {
  for (const machine of lab.machines.values()) {
    const runs = machine.runs.bind(machine);
    const isRedis = (part: string) => part === 'redis' || part === 'redis-replica';
    machine.runs = (part) => !(isRedis(part) && machine.part(part)?.image === image) && runs(part);
  }
}

test('a Redis image that never starts is taken back', async () => {
  const before = stateWithoutRecord();
  neverStarts('redis:7.4');
  const failure = await failureOf(bench.deploy(otherRedis()));
  expect(failure).toMatchObject({
    type: 'ROLLED_BACK',
    message: expect.stringMatching(/node-1\/redis does not answer.*rolled back: node-1 as before/),
    details: [
      expect.objectContaining({ host: 'node-1', logTail: { host: 'node-1', part: 'redis', lines: ['last line'] } }),
    ],
  });
  expect(stateWithoutRecord()).toEqual(before);
});

test('left as it is, it is mended by a deploy of the image before', async () => {
  neverStarts('redis:7.4');
  const failure = await failureOf(bench.deploy(otherRedis({ rollback: false })));
  expect([failure.type, imageOf('node-1'), nginxOut('node-2')]).toEqual(['GATE_NOT_READY', 'redis:7.4', 'node-1']);
  expect(await bench.deploy((input) => Object.assign(input, { policy }))).toMatchObject({ changed: true });
  expect([imageOf('node-1'), nginxOut('node-2')]).toEqual(['redis:7.2', undefined]);
});

test('an instance that was removed when its operation was terminated is made by the next one', async () => {
  let handle: Awaited<ReturnType<Bench['start']>> | undefined;
  lab.hook = async (moment, effect) => {
    if (moment === 'before' && effect === 'create kraken-cluster-node-1-redis') await handle?.terminate('by a hand');
    if (handle && effect === 'create kraken-cluster-node-1-redis') throw new Error('nobody works any more');
  };
  handle = await bench.start(otherRedis());
  await failureOf(handle.result());
  lab.hook = () => undefined;
  expect(imageOf('node-1')).toBeUndefined();
  expect(await bench.deploy(otherRedis())).toMatchObject({ changed: true });
  expect(['node-1', 'node-2', 'node-3'].map(imageOf)).toEqual(['redis:7.4', 'redis:7.4', 'redis:7.4']);
});

test('one that is stopped comes with another version, on its node first', async () => {
  Object.assign(lab.machine('node-3').part('redis')!, { state: 'exited' });
  const { plan } = await bench.deploy((input) => {
    input.policy = policy;
    input.spec.images.version = 'v0.1.28';
  });
  expect(plan.order?.batches).toEqual([['node-3'], ['node-1'], ['node-2']]);
});

const upgrade = (input: DeployInput) => {
  input.policy = policy;
  input.spec.images.version = 'v0.1.28';
};
const versions = () => ['node-1', 'node-2', 'node-3'].map((node) => lab.machine(node).part('origin')?.image.slice(-7));

/** It runs and does not get ready. */
function neverReady(node: string, part: string): void {
  const machine = lab.machine(node);
  const runs = machine.runs.bind(machine);
  machine.runs = (asked) => asked !== part && runs(asked);
}

test('no node is taken away while a part of another one that runs does not serve', async () => {
  neverReady('node-3', 'origin');
  const before = lab.journal.length;
  expect(await failureOf(bench.deploy(upgrade))).toMatchObject({
    type: 'OTHERS_NOT_READY',
    message: expect.stringMatching(
      /origin on node-3 does not serve .* and node-1 would be away beside it; nothing further/,
    ),
  });
  const touched = lab.journal.slice(before).filter((line) => /stop|create|hangUp|nginx\.conf/.test(line));
  expect([touched, versions()]).toEqual([[], ['v0.1.27', 'v0.1.27', 'v0.1.27']]);
});

test('where a node went away meanwhile, what is done stays as it is; nothing more is taken away, not for the way back either', async () => {
  lab.hook = (moment, effect) => {
    if (moment === 'after' && effect === 'create kraken-cluster-node-1-origin') neverReady('node-3', 'origin');
  };
  expect(await failureOf(bench.deploy(upgrade))).toMatchObject({ type: 'OTHERS_NOT_READY' });
  expect([versions(), nginxOut('node-2')]).toEqual([['v0.1.28', 'v0.1.27', 'v0.1.27'], undefined]);
});

test('what this operation has replaced and does not serve any more is taken back', async () => {
  const before = stateWithoutRecord();
  lab.hook = (moment, effect) => {
    const isBack = moment === 'after' && effect === 'hangUp kraken-cluster-node-3-nginx' && !nginxOut('node-3');
    if (!isBack || versions()[0] !== 'v0.1.28') return;
    const machine = lab.machine('node-1');
    const runs = machine.runs.bind(machine);
    machine.runs = (part) => !(part === 'origin' && machine.part(part)?.image.endsWith('v0.1.28')) && runs(part);
    lab.hook = () => undefined;
  };
  const failure = await failureOf(bench.deploy(upgrade));
  expect(failure).toMatchObject({ type: 'ROLLED_BACK', message: expect.stringContaining('origin on node-1') });
  expect(stateWithoutRecord()).toEqual(before);
});

test('a node that is worked on although it did not get quiet says so', async () => {
  Object.assign(lab.machine('node-2').underWay, { connections: 1 });
  lab.hook = (moment, effect) => {
    if (moment === 'before' && effect.startsWith('stop'))
      Object.assign(lab.machine('node-2').underWay, { connections: 0 });
  };
  const handle = await bench.start(upgrade);
  await handle.result();
  const { stages } = await handle.query<OperationProgress>('progress');
  const detailOf = (node: string) => stages.find(({ id }) => id === node)?.detail;
  expect(detailOf('node-1')).toMatch(/^left out, node-1 still not quiet after [\d.]+s · storage replaced/);
  expect(detailOf('node-2')).toMatch(/^drained [\d.]+s/);
});
