import type { CrossedInspection, DeployInput, DeployReport } from '../../src/contracts/operation';
import { unpackInspection } from '../../src/contracts/packed';
import { exampleSpec } from '../support/cluster';
import { MemoryLab } from '../support/memory-hosts';
import { openWideClient, payloadSizes, runsOf } from '../support/runs';
import { type Bench, openBench } from '../support/temporal';

/**
 * Many nodes in memory, each a load balancer: nothing that crosses may be larger than Temporal takes, and no history as long as it bears. A hundred of them
 * (KRAKENCTL_TEST_NODES=100) take a minute and a half.
 */
const count = Number(process.env.KRAKENCTL_TEST_NODES ?? 40);
const spec = exampleSpec((s) => {
  s.nodes = Array.from({ length: count }, (_, i) => ({
    ...{ id: `node-${i + 1}`, address: `10.0.1.${i + 1}` },
    ssh: { address: `10.0.1.${i + 1}`, port: 22, user: 'root' },
  }));
  s.loadBalancers = s.nodes.map(({ id }) => id);
});
const mostEvents = 51_200;
const mostBytes = 50_000_000;
const mostOfAValue = 2_000_000;

let lab: MemoryLab;
let bench: Bench;
let wide: Awaited<ReturnType<typeof openWideClient>>;

beforeAll(async () => {
  lab = new MemoryLab();
  bench = await openBench(lab, { spec });
  wide = await openWideClient();
});
afterAll(async () => {
  await wide.close();
  await bench.close();
});

async function whole(run: Awaited<ReturnType<Bench['start']>>) {
  const report = (await run.result()) as DeployReport;
  const runs = await runsOf(wide.client, { workflowId: run.workflowId, runId: run.firstExecutionRunId });
  return { report, runs };
}

test('are deployed in further runs, each far below the bounds of a history; then there is nothing to do', async () => {
  const { report, runs } = await whole(await bench.start());
  expect(report).toMatchObject({ changed: true, plan: { counts: { create: 18 * count + 1 } } });
  expect(lab.machines.size).toBe(count);
  for (const machine of lab.machines.values()) expect(machine.containers.size).toBe(9);
  expect(runs.length).toBeGreaterThan(1);
  expect(Math.max(...runs.map(({ events }) => events.length))).toBeLessThan(mostEvents / 5);
  expect(Math.max(...runs.map(({ bytes }) => bytes))).toBeLessThan(mostBytes / 4);
  expect(Math.max(...payloadSizes(runs))).toBeLessThan(mostOfAValue);
  const again = await whole(await bench.start());
  expect([again.report.changed, again.runs.length]).toEqual([false, 1]);
  expect(again.runs[0]!.bytes).toBeLessThan(mostBytes / 10);
}, 240_000);

test('are looked at in one answer that Temporal takes, and a plan for another version is made in it', async () => {
  const input = { spec: structuredClone(spec), origins: {}, probe: true, pack: true };
  input.spec.images.version = 'v0.1.28';
  const run = await bench.begin('inspectCluster', input);
  const crossed = (await run.result()) as CrossedInspection;
  expect(JSON.stringify(crossed).length).toBeLessThan(mostOfAValue / 2);
  const { observed, plan, record } = await unpackInspection(crossed);
  expect(observed.hosts).toHaveLength(count);
  expect(plan).toMatchObject({ rolling: true, counts: { replace: 5 * count } });
  expect(record?.generation).toBe(1);
}, 300_000);

test('are changed in further runs, and what a person sees of it is one operation', async () => {
  // Some 430 steps for each node, since all are load balancers: seen for the first of them.
  let begun = 0;
  lab.hook = async (moment, effect) => {
    if (moment === 'before' && effect === 'create kraken-cluster-node-2-proxy') begun += 1;
  };
  const run = await bench.start((input: DeployInput) => {
    input.policy = { batch: 1, approveEachNode: false, approveWithinMs: 1000, bakeMs: 0, rollback: true };
    input.spec.images.version = 'v0.1.28';
  });
  while (begun === 0) await new Promise((resolve) => setTimeout(resolve, 100));
  const { client } = bench.environment;
  await client.workflow.getHandle(run.workflowId).cancel();
  await expect(run.result()).rejects.toThrow(/cancel/i);
  const runs = await runsOf(wide.client, { workflowId: run.workflowId, runId: run.firstExecutionRunId });
  expect(runs.length).toBeGreaterThan(1);
  expect(Math.max(...payloadSizes(runs))).toBeLessThan(mostOfAValue);
  expect(Math.max(...runs.map(({ bytes }) => bytes))).toBeLessThan(mostBytes / 4);
}, 240_000);
