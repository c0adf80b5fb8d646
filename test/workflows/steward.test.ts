import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ScheduleHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { createVault } from '../../src/clients/vault';
import type { DestroyPlan } from '../../src/cluster/destroy-plan';
import type { ClusterRecord } from '../../src/cluster/observed';
import type { DeployInput, DestroyInput } from '../../src/contracts/operation';
import { operationWorkflowId, stewardScheduleId } from '../../src/contracts/queues';
import { type StewardInput, type StewardReport, stewardName } from '../../src/contracts/steward';
import { exampleSpec } from '../support/cluster';
import { MemoryLab } from '../support/memory-hosts';
import { misunderstandings } from '../support/memory-tls';
import { type Bench, openBench } from '../support/temporal';

/** A real schedule on a real server; its turns are taken by `trigger`, its own come too seldom to be met. */
let lab: MemoryLab;
let bench: Bench;
let folder: string;
let cluster: string;
let schedule: ScheduleHandle;
let laterMs = 0;
/** Called before each activity. */
let beforeActivity: (name: string) => void;

beforeEach(async () => {
  laterMs = 0;
  beforeActivity = () => undefined;
  cluster = `c${Math.random().toString(36).slice(2, 10)}`;
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-steward-'));
  lab = new MemoryLab();
  lab.now = () => Date.now() + laterMs;
  bench = await openBench(lab, {
    vault: createVault(folder),
    now: lab.now,
    before: async (name) => beforeActivity(name),
  });
  schedule = bench.environment.client.schedule.getHandle(stewardScheduleId(cluster));
});
afterEach(async () => {
  await schedule.delete().catch(() => undefined);
  await bench.close();
  rmSync(folder, { recursive: true });
});

const day = 86_400_000;
const policy = { batch: 1, approveEachNode: false, approveWithinMs: 1000, bakeMs: 0, rollback: true };
const spec = () => exampleSpec((it) => void Object.assign(it, { name: cluster }));
const withTls = (input: DeployInput) =>
  void Object.assign(input, { policy, spec: { ...spec(), tls: { lifetimeSeconds: (90 * day) / 1000 } } });
const withoutTls = (input: DeployInput) => void Object.assign(input, { policy, spec: spec() });
const record = (): ClusterRecord =>
  JSON.parse(lab.machine('node-1').stored.get(`/var/lib/krakenctl/${cluster}/state.json`)!.contents.toString());
const series = () => record().spec.tls!.state!.series.number;
const isThere = () =>
  schedule.describe().then(
    () => true,
    () => false,
  );

/** The workflow that the schedule began last, when it has begun one more than before. */
async function turn(): Promise<StewardReport> {
  const before = (await schedule.describe()).info.numActionsTaken;
  await schedule.trigger();
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; ) {
    const { info } = await schedule.describe();
    const last = info.recentActions.at(-1);
    if (info.numActionsTaken > before && last) {
      const { workflowId, firstExecutionRunId } = last.action.workflow;
      return bench.environment.client.workflow.getHandle(workflowId, firstExecutionRunId).result();
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the schedule began nothing within 30 s');
}

test('a deploy with TLS makes the schedule, the next one keeps it and what a person paused, one without TLS takes it away', async () => {
  expect((await bench.deploy(withTls)).tls?.noSteward).toBeUndefined();
  const made = await schedule.describe();
  expect(made.spec).toMatchObject({ intervals: [{ every: 12 * 3_600_000 }], jitter: 1.2 * 3_600_000 });
  expect(made.policies).toMatchObject({ overlap: 'SKIP', catchupWindow: 12 * 3_600_000 });
  expect(made.action).toMatchObject({
    workflowType: 'stewardCertificates',
    workflowId: `kraken-${cluster}-certificates-due`,
  });
  const [input] = made.action.args as StewardInput[];
  expect(input).toMatchObject({ spec: { name: cluster }, pace: { bakeMs: 0 } });
  expect(JSON.stringify(made.raw)).not.toMatch(/PRIVATE KEY/);
  await schedule.pause('ana@ops-1: audit');
  expect(await bench.deploy(withTls)).toMatchObject({ changed: false });
  expect((await schedule.describe()).info.lastUpdatedAt).toEqual(made.info.lastUpdatedAt);
  await bench.deploy((deploy) => {
    withTls(deploy);
    deploy.spec.tls = { lifetimeSeconds: 3600 };
    // What was said for once, as --bake, is not what it keeps.
    deploy.lasting = { bakeMs: 60_000 };
  });
  const changed = await schedule.describe();
  expect(changed.spec).toMatchObject({ intervals: [{ every: 120_000 }], jitter: 12_000 });
  expect(changed.action).toMatchObject({ args: [{ pace: { bakeMs: 60_000 } }] });
  expect(changed.state).toMatchObject({ paused: true, note: 'ana@ops-1: audit' });
  await schedule.delete();
  expect(
    await bench.deploy((deploy) => {
      withTls(deploy);
      deploy.spec.tls = { lifetimeSeconds: 3600 };
    }),
  ).toMatchObject({ changed: false });
  expect(await isThere()).toBe(true);
  await bench.deploy(withoutTls);
  expect(await isThere()).toBe(false);
});

test('a deploy does not fail for want of a steward, and says what is wrong', async () => {
  beforeActivity = (name) => {
    if (name === 'ensureSteward')
      throw ApplicationFailure.create({ type: 'INTERNAL', message: 'no schedules here', nonRetryable: true });
  };
  expect(await bench.deploy(withTls)).toMatchObject({ changed: true, tls: { noSteward: 'no schedules here' } });
  expect(await bench.deploy(withTls)).toMatchObject({ changed: false, tls: { noSteward: 'no schedules here' } });
});

test('a turn does nothing while certificates are young, and makes others by the operation of the cluster when they are due', async () => {
  await bench.deploy(withTls);
  const before = lab.journal.length;
  expect(await turn()).toMatchObject({ did: 'nothing', text: expect.stringContaining('are good until') });
  expect(lab.journal.length).toBe(before);
  laterMs += 62 * day;
  const report = await turn();
  expect(report).toMatchObject({ did: 'rotated', text: 'rotate-1: 24 ports show the new certificates' });
  expect(series()).toBe(2);
  expect(misunderstandings(lab)).toEqual([]);
  const run = await bench.environment.client.workflow.getHandle(operationWorkflowId(cluster)).describe();
  expect(run.memo).toMatchObject({ operation: report.operation, verb: 'rotate', actor: stewardName });
  expect(record().operation).toMatchObject({ id: report.operation, actor: stewardName });
  expect(await turn()).toMatchObject({ did: 'nothing' });
});

test('a turn leaves a cluster to the operation that runs there, and begins its own with the next', async () => {
  await bench.deploy(withTls);
  laterMs += 62 * day;
  const { client } = bench.environment;
  // Whoever holds the lock, until it is let go of.
  const holder = await client.workflow.start('deployCluster', {
    taskQueue: 'nobody-works-here',
    workflowId: operationWorkflowId(cluster),
    args: [],
  });
  expect(await turn()).toMatchObject({ did: 'left', text: expect.stringContaining('another operation runs') });
  expect(series()).toBe(1);
  await holder.terminate();
  expect(await turn()).toMatchObject({ did: 'rotated' });
});

test('a turn waits for the maintenance window without holding the cluster: another operation is not kept out', async () => {
  const clock = (ms: number) => new Date(ms).toISOString().slice(11, 16);
  const at = Date.now();
  const window = { from: clock(at + 5 * 3_600_000), to: clock(at + 6 * 3_600_000), zone: 'UTC' };
  await bench.deploy((deploy) => {
    withTls(deploy);
    deploy.lasting = { bakeMs: 0, window };
  });
  laterMs += 62 * day;
  await schedule.trigger();
  const { client } = bench.environment;
  const asked = async () => {
    const [action] = (await schedule.describe()).info.recentActions;
    const { workflowId = '', firstExecutionRunId } = action?.action.workflow ?? {};
    return action && client.workflow.getHandle(workflowId, firstExecutionRunId);
  };
  const isAsleep = async () => {
    const { events } = (await (await asked())?.fetchHistory()) ?? {};
    return events?.some(({ timerStartedEventAttributes: timer }) => timer) ?? false;
  };
  for (const end = Date.now() + 30_000; !(await isAsleep()); ) {
    if (Date.now() > end) throw new Error('it does not wait');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(
    await client.workflow
      .getHandle(operationWorkflowId(cluster))
      .describe()
      .catch(() => undefined),
  ).toBeUndefined();
  expect(series()).toBe(1);
  expect(await bench.deploy(withTls)).toMatchObject({ changed: true });
  expect(series()).toBe(2);
  await (await asked())!.terminate();
});

test('certificates that ended while the steward was stopped are replaced with its next turn', async () => {
  await bench.deploy(withTls);
  await schedule.pause('ana@ops-1: away');
  laterMs += 365 * day;
  expect(await turn()).toMatchObject({ did: 'rotated' });
  expect(misunderstandings(lab)).toEqual([]);
});

test('what fails is told with its code, and tried again with the next turn', async () => {
  await bench.deploy(withTls);
  laterMs += 62 * day;
  lab.machine('node-3').isOn = false;
  expect(await turn()).toMatchObject({ did: 'failed', code: 'HOST_UNREACHABLE' });
  for (const id of ['node-1', 'node-2']) lab.machine(id).isOn = false;
  expect(await turn()).toMatchObject({ did: 'unseen', text: expect.stringContaining('0 of 3 nodes were seen') });
  for (const host of lab.machines.values()) host.isOn = true;
  expect(await turn()).toMatchObject({ did: 'rotated' });
});

test('certificates of a person are warned of and left alone', async () => {
  await bench.deploy(withTls);
  for (const host of lab.machines.values()) {
    const path = `/var/lib/krakenctl/${cluster}/state.json`;
    const stored = host.stored.get(path)!;
    const theirs = record();
    theirs.spec.tls!.state!.signer = 'given-1';
    host.stored.set(path, { ...stored, contents: Buffer.from(JSON.stringify(theirs)) });
  }
  laterMs += 62 * day;
  const before = lab.journal.length;
  expect(await turn()).toMatchObject({ did: 'warned', text: expect.stringContaining('CERT_PATH ends at') });
  expect(lab.journal.length).toBe(before);
});

test('a destroy takes the schedule away, and one that was left over goes with its own next turn', async () => {
  await bench.deploy(withTls);
  const { action, spec: when, policies } = await schedule.describe();
  const choice = {
    spec: { ...spec(), tls: { lifetimeSeconds: (90 * day) / 1000 } },
    keepData: false,
    skipUnreachable: false,
  };
  const plan = (await (await bench.begin('inspectRemains', choice)).result()) as DestroyPlan;
  const operation = { id: '20261130-000000-destroy-0001', verb: 'destroy', actor: 'ana@ops-1' };
  const owner = { temporal: '127.0.0.1:7233', namespace: 'default' };
  const input: DestroyInput = { ...choice, operation, owner, planHash: plan.hash };
  await (await bench.begin('destroyCluster', input)).result();
  expect(await isThere()).toBe(false);
  const again = { intervals: [{ every: 12 * 3_600_000 }], jitter: when.jitter };
  await bench.environment.client.schedule.create({
    scheduleId: stewardScheduleId(cluster),
    spec: again,
    policies,
    action: { ...action, type: 'startWorkflow', args: action.args as unknown[] },
  });
  expect(await turn()).toMatchObject({ did: 'gone' });
  expect(await isThere()).toBe(false);
});
