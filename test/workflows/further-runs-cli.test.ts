import { join } from 'node:path';
import { connectTemporal, type Temporal } from '../../src/cli/connect';
import { askProgress } from '../../src/cli/follow';
import { OperationHandle } from '../../src/cli/operation-handle';
import { startOperation } from '../../src/cli/operations';
import { type DeployInput, defaultRollout } from '../../src/contracts/operation';
import { exampleSpec } from '../support/cluster';
import { CommandLine } from '../support/command-line';
import { runsOf } from '../support/runs';
import { quietRuntime } from '../support/temporal';

/** What a person types while an operation goes on in further runs, and what everybody sees of it: one operation. */
let line: CommandLine;
let temporal: Temporal;
/** A worker ends when what it is at has ended, also after a test that failed. */
let letGoOfAll = () => {};

beforeAll(() => quietRuntime());
beforeEach(async () => {
  line = new CommandLine('further');
  await line.startWorker();
  temporal = await connectTemporal({ environment: line.environment });
});
afterEach(async () => {
  letGoOfAll();
  await temporal.close();
  await line.close();
});

/** As `deploy --detach` begins one, but for the bounds of a run. */
async function begin(change: (input: DeployInput) => void = () => undefined) {
  const id = `20261123-000000-deploy-${Math.random().toString(16).slice(2, 6)}`;
  const operation = { id, verb: 'deploy', actor: 'ana@ops-1' };
  const input: DeployInput = {
    operation,
    spec: exampleSpec((spec) => void Object.assign(spec, { name: line.cluster })),
    origins: {},
    owner: { temporal: temporal.address, namespace: temporal.namespace },
    policy: { ...defaultRollout, bakeMs: 0 },
    runBounds: { events: 60, bytes: 10_000_000 },
  };
  change(input);
  return startOperation(temporal, { type: 'deployCluster', cluster: line.cluster, operation, input });
}

/** When this effect is about to happen, until it is let go. */
function holdAt(wanted: string): { reached: Promise<void>; letGo: () => void } {
  let letGo = () => {};
  const held = new Promise<void>((resolve) => {
    letGo = letGoOfAll = resolve;
  });
  const reached = new Promise<void>((resolve) => {
    line.lab.hook = (moment, effect) => {
      if (moment !== 'before' || effect !== wanted) return;
      resolve();
      return held;
    };
  });
  return { reached, letGo };
}

const lastPart = () => `create kraken-${line.cluster}-node-3-nginx`;

test('one line of a list, from its beginning; shown, followed, paused, resumed and cancelled by its name', async () => {
  const { reached, letGo } = holdAt(lastPart());
  const started = await begin();
  const before = Date.now();
  await reached;
  expect((await runsOf(temporal.client, started)).length).toBeGreaterThan(3);
  const [listed, ...others] = (await line.json('op list')).data;
  expect(others).toEqual([]);
  expect(listed).toMatchObject({ id: started.operation, name: 'deploy-1', result: 'running' });
  expect(listed.runId).not.toBe(started.runId);
  expect(Math.abs(Date.parse(listed.startedAt) - before)).toBeLessThan(5000);
  expect((await line.json(`op show ${started.runId}`)).data.operation).toMatchObject({ name: 'deploy-1' });
  expect((await line.run('op show deploy-1')).out).toMatch(/deploy-1 · .*running[\s\S]*images[\s\S]*files/);
  expect(await line.run(`op pause ${started.runId}`)).toMatchObject({
    code: 0,
    out: expect.stringContaining('deploy-1 holds'),
  });
  expect(await line.run('op resume')).toMatchObject({ code: 0, out: expect.stringContaining('deploy-1 goes on') });
  const following = line.run(`op attach ${started.runId}`);
  expect((await line.json('op cancel deploy-1')).data).toMatchObject({ cancelled: true });
  letGo();
  expect((await following).err).toContain('CANCELLED');
  expect((await line.json('op list')).data).toMatchObject([{ name: 'deploy-1', result: 'cancelled' }]);
  const { clusters } = (await line.json('cluster list')).data;
  const own = clusters.find(({ name }: { name: string }) => name === line.cluster);
  expect(own).toMatchObject({ lastOperation: { id: started.operation, result: 'cancelled' } });
  const { data } = await line.json('op show deploy-1');
  expect(data.progress.decisions.map(({ what }: { what: string }) => what)).toEqual(['paused', 'resumed', 'cancelled']);
}, 300_000);

test('followed from its first run to its end; afterwards it is told apart from the next one of the same workflow id', async () => {
  const started = await begin();
  const following = line.json(`op attach ${started.runId}`);
  expect(await started.handle.result()).toMatchObject({ name: 'deploy-1', changed: true });
  const runs = await runsOf(temporal.client, started);
  const [first, last] = [started.runId, runs.at(-1)!.runId];
  expect((await following).data.link).toContain(`/${last}/`);
  expect((await line.json(`op attach ${first}`)).data).toMatchObject({ name: 'deploy-1' });
  const { data } = await line.json(`support-bundle --out ${join(line.folder, 'bundle.tar.gz')}`);
  const kept = [runs.at(-2)!.runId, first].map((id) => `temporal/${started.operation}-${id}.json`);
  expect(data.files.filter((path: string) => path.startsWith(`temporal/${started.operation}`)).sort()).toEqual(
    [`temporal/${started.operation}.json`, ...kept].sort(),
  );
  const { reached, letGo } = holdAt(`stop kraken-${line.cluster}-node-1-origin`);
  const next = await begin((input) => void Object.assign(input.spec.images, { version: 'v0.1.28' }));
  await reached;
  expect(await askProgress(temporal, started.handle, 10_000)).toMatchObject({ name: 'deploy-1', state: 'done' });
  const known = { id: next.operation, workflowId: next.workflowId, runId: next.runId };
  expect(await askProgress(temporal, new OperationHandle(temporal, known), 10_000)).toMatchObject({
    ...{ name: 'deploy-2', state: 'running' },
  });
  const cancelled = await line.json('op cancel deploy-1');
  expect(cancelled).toMatchObject({ ok: false, error: { code: 'NO_OPERATION' } });
  letGo();
  expect(await next.handle.result()).toMatchObject({ name: 'deploy-2' });
  const names = (await line.json('op list')).data.map(
    ({ name, result }: Record<string, string>) => `${name} ${result}`,
  );
  expect(names).toEqual(['deploy-2 done', 'deploy-1 done']);
}, 300_000);
