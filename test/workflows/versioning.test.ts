import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { temporalServerBinary } from '../../src/cli/temporal-server';
import { vmName } from '../../src/cluster/agents/vm';
import type { FleetReport } from '../../src/contracts/agents';
import type { DeployReport } from '../../src/contracts/operation';
import { agentWorkflowId, taskQueues } from '../../src/contracts/queues';
import { describeVersion, polledQueues } from '../../src/releases/deployment';
import { buildIdOf } from '../../src/workers/workflow-code';
import { serveHosts } from '../campaign/remote-hosts';
import { type as typeCommand } from '../cli/streams';
import { exampleSpec } from '../support/cluster';
import { MemoryLab } from '../support/memory-hosts';
import { quietRuntime } from '../support/temporal';
import {
  buildIdsOf,
  eventually,
  queuesOf,
  type ReleaseOf,
  VersionedWorker,
  writeNewerBundle,
  writeOlderBundle,
} from '../support/versioned';

/** Worker processes of two releases, whose workflow code differs, on a real server: one is killed and the other put in its place. */
let folder: string;
let lab: MemoryLab;
let connection: Connection;
let older: ReleaseOf & { buildId: string };
let newer: ReleaseOf & { buildId: string };
const workers: VersionedWorker[] = [];
const address = process.env.KRAKENCTL_TEST_TEMPORAL!;
const cluster = 'versions';
const spec = exampleSpec((s) => void Object.assign(s, { name: cluster }));

beforeAll(async () => {
  quietRuntime();
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-versions-'));
  const bundles = { older: join(folder, 'older.js'), newer: join(folder, 'newer.js') };
  writeOlderBundle(process.env.KRAKENCTL_TEST_BUNDLE!, bundles.older);
  writeNewerBundle(process.env.KRAKENCTL_TEST_BUNDLE!, bundles.newer);
  const releaseOf = (version: string, bundle: string) => {
    return { version, worker: 'test', bundle, buildId: buildIdOf(readFileSync(bundle, 'utf8')) };
  };
  older = releaseOf('1.0.0', bundles.older);
  newer = releaseOf('1.1.0', bundles.newer);
  connection = await Connection.connect({ address });
});
beforeEach(() => {
  lab = new MemoryLab();
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.kill()));
});
afterAll(async () => {
  await connection.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A namespace has one deployment, so each test has one of its own; `temporal-setup.ts` makes them. */
function openNamespace(namespace: string) {
  const client = new Client({ connection, namespace });
  const begin = (type: string, input: unknown): Promise<WorkflowHandle> =>
    client.workflow.start(type, { taskQueue: taskQueues.main, workflowId: `test-${randomUUID()}`, args: [input] });
  return {
    client,
    begin,
    beginDeploy: () =>
      begin('deployCluster', {
        operation: { id: `20261123-000000-deploy-${randomUUID().slice(0, 4)}`, verb: 'deploy', actor: 'ana@ops-1' },
        spec,
        origins: {},
        owner: { temporal: address, namespace },
      }),
    async start({ buildId: _, ...release }: typeof older, state = 'state', at = address): Promise<VersionedWorker> {
      const setting = { address: at, namespace, stateFolder: join(folder, namespace, state), lab: () => lab };
      const worker = await VersionedWorker.start(setting, release);
      workers.push(worker);
      return worker;
    },
    async status(): Promise<Status> {
      const environment = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, KRAKENCTL_STATE_DIR: folder };
      const { out } = await typeCommand(['worker', 'status', '--json'], { environment });
      const text = await typeCommand(['worker', 'status'], { environment });
      return { ...(JSON.parse(out).data as Status), text: text.out };
    },
  };
}

interface Status {
  pollers: { pid: number; version: string; buildIds: string[]; takesNew: boolean }[];
  versions: { buildId: string; state: string; release?: string; open: number; workers: string[] }[];
  text: string;
}

/** Holds what begins with these words at its beginning; by then an operation is certainly under way. */
function hold(words: string, where = ''): { begun: Promise<void>; letGo: () => void } {
  let begin = () => {};
  let letGo = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  lab.hook = (moment, effect, host) => {
    if (moment !== 'before' || !effect.startsWith(words) || !host.startsWith(where)) return;
    begin();
    return held;
  };
  return { begun, letGo };
}

const timersOf = async (handle: WorkflowHandle) =>
  ((await handle.fetchHistory()).events ?? []).filter((e) => e.timerStartedEventAttributes).length;

const isOpen = async (handle: WorkflowHandle) => (await handle.describe()).status.name === 'RUNNING';

test('an operation ends on the code it began with, though its worker was killed and a newer release is in its place', async () => {
  const { start, beginDeploy, client, status } = openNamespace('versions-upgrade');
  const first = await start(older);
  const { begun, letGo } = hold('create ');
  const operation = await beginDeploy();
  await begun;
  await first.kill();
  const second = await start(newer);
  await eventually('the code of before is run again', () => second.notes.some((note) => note.includes(older.buildId)));
  await eventually('its worker asks for work', async () =>
    (await status()).versions.every((v) => v.workers.length === 1),
  );
  expect(await status()).toMatchObject({
    pollers: [{ pid: second.pid, version: '1.1.0+test', takesNew: true }],
    versions: expect.arrayContaining([
      expect.objectContaining({ buildId: newer.buildId, state: 'current', release: '1.1.0+test', open: 0 }),
      expect.objectContaining({ buildId: older.buildId, state: 'draining', release: '1.0.0+test', open: 1 }),
    ]),
    text: expect.stringMatching(new RegExp(`${older.buildId}  draining  1\\.0\\.0\\+test  1 open`)),
  });
  for (const { buildId } of [older, newer]) {
    const version = await describeVersion({ server: connection, namespace: 'versions-upgrade' }, buildId);
    expect([buildId, version?.queues.toSorted()]).toEqual([buildId, polledQueues.toSorted()]);
  }
  letGo();
  expect(await operation.result()).toMatchObject({ changed: true });
  expect([await buildIdsOf(operation), await timersOf(operation)]).toEqual([[older.buildId], 0]);
  const ended = `nothing is open on workflow code ${older.buildId}`;
  await eventually('its code is put away', () => second.notes.some((note) => note.startsWith(ended)));
  const next = await beginDeploy();
  expect((await next.result()) as DeployReport).toMatchObject({ changed: false });
  expect([await buildIdsOf(next), await timersOf(next)]).toEqual([[newer.buildId], 1]);
  expect(readdirSync(join(folder, 'versions-upgrade', 'state', 'workflow-code')).sort()).toEqual(
    [older.buildId, newer.buildId].sort(),
  );

  const schedule = await client.schedule.create({
    scheduleId: 'look',
    spec: { intervals: [{ every: '1d' }] },
    action: { type: 'startWorkflow', workflowType: 'inspectClusters', taskQueue: taskQueues.main, args: [{ spec }] },
    state: { triggerImmediately: true },
  });
  await eventually('it has run', async () => (await schedule.describe()).info.recentActions.length > 0);
  const { action } = (await schedule.describe()).info.recentActions[0]!;
  const looked = client.workflow.getHandle(action.workflow.workflowId);
  await looked.result();
  expect(await buildIdsOf(looked)).toEqual([newer.buildId]);
}, 180_000);

test('without a copy of its code it waits and is told of; an older release ends it, and takes nothing new from the newer one', async () => {
  const { start, beginDeploy, status } = openNamespace('versions-stay');
  const first = await start(older);
  const { begun, letGo } = hold('create ');
  const operation = await beginDeploy();
  await begun;
  await first.kill();
  const second = await start(newer, 'elsewhere');
  await eventually('it says so', () =>
    second.notes.some((note) => note.includes(`${older.buildId}, which this worker does not have`)),
  );
  const { text } = await status();
  expect(text).toMatch(
    /no worker runs it[\s\S]*worker of 1\.0\.0\+test[\s\S]*--versioning-override-behavior auto_upgrade/,
  );
  expect(await isOpen(operation)).toBe(true);

  const third = await start(older);
  expect(third.notes).toEqual([expect.stringContaining(`new operations stay on workflow code ${newer.buildId}: `)]);
  letGo();
  expect(await operation.result()).toMatchObject({ changed: true });
  expect(await buildIdsOf(operation)).toEqual([older.buildId]);
  const next = await beginDeploy();
  await next.result();
  expect(await buildIdsOf(next)).toEqual([newer.buildId]);

  // Somebody goes back to the older release: nobody works for the newer one any more.
  await Promise.all([second.kill('SIGTERM'), third.kill('SIGTERM')]);
  await start(older);
  const back = await beginDeploy();
  await back.result();
  expect(await buildIdsOf(back)).toEqual([older.buildId]);
}, 180_000);

test('the VMs of a fleet are brought on the code that its operation began with; a parked one goes on with the new', async () => {
  const { start, beginDeploy, begin, client } = openNamespace('versions-fleet');
  const first = await start(older);
  await (await beginDeploy()).result();
  const vms = [1, 2, 3].map((n) => `root@10.0.2.${n}:22`);
  const off = vmName(vms[0]!);
  await lab.connect({ id: off, address: off, ssh: { address: off, port: 22, user: 'root' } });
  lab.machine(off).isOn = false;
  const { begun, letGo } = hold('install ', '10.0.2.2');
  const operation = await begin('operateFleet', {
    operation: { id: '20261123-000000-agents-0001', verb: 'agents', actor: 'ana@ops-1' },
    verb: 'deploy',
    spec,
    owner: { temporal: address, namespace: 'versions-fleet' },
    vms,
    policy: { concurrency: 1, maxFailures: '1', canary: 1, batch: '100%' },
  });
  await begun;
  await first.kill();
  await start(newer);
  letGo();
  expect((await operation.result()) as FleetReport).toMatchObject({ done: 2, left: [{ vm: vms[0], state: 'parked' }] });
  expect(await buildIdsOf(operation)).toEqual([older.buildId]);
  const child = (vm: string) => client.workflow.getHandle(agentWorkflowId(cluster, vm));
  // The third was begun after its parent's worker had died.
  for (const vm of vms.slice(1)) {
    expect([vm, await buildIdsOf(child(vm))]).toEqual([vm, [older.buildId]]);
    expect([vm, await queuesOf(child(vm))]).toEqual([vm, [taskQueues.main]]);
  }
  lab.machine(off).isOn = true;
  const parked = child(vms[0]!);
  expect(await parked.result()).toMatchObject({ state: 'done' });
  expect((await parked.describe()).type).toBe('keepAgent');
  expect((await buildIdsOf(parked)).at(-1)).toBe(newer.buildId);
  expect((await queuesOf(parked)).at(-1)).toBe(taskQueues.agents);
}, 180_000);

test('what was begun by a worker without versions is gone on with by one that has them, and stays with it', async () => {
  const { start, beginDeploy } = openNamespace('versions-unversioned');
  const { begun, letGo } = hold('create ');
  const program = join(__dirname, '..', 'campaign', 'modelled-worker.ts');
  const before = fork(program, {
    execArgv: ['-r', join(__dirname, '..', 'campaign', 'register.cjs')],
    serialization: 'advanced',
    env: {
      ...process.env,
      CAMPAIGN_TEMPORAL: address,
      CAMPAIGN_NAMESPACE: 'versions-unversioned',
      CAMPAIGN_BUNDLE: older.bundle,
    },
  });
  serveHosts(before, () => lab);
  before.once('message', () => before.send('go'));
  const operation = await beginDeploy();
  await begun;
  before.kill('SIGKILL');
  await start(older);
  letGo();
  expect(await operation.result()).toMatchObject({ changed: true });
  expect(await buildIdsOf(operation)).toEqual([undefined, older.buildId]);
}, 180_000);

test('where Temporal has no worker deployments, work is done without versions, and the log says so once', async () => {
  const server = await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: await temporalServerBinary() },
      ui: false,
      extraArgs: ['--dynamic-config-value', 'system.enableDeploymentVersions=false'],
    },
  });
  try {
    const { start } = openNamespace('default');
    const worker = await start(newer, 'state', server.address);
    const look = await server.client.workflow.start('inspectClusters', {
      taskQueue: taskQueues.main,
      workflowId: 'look',
      args: [{ spec }],
    });
    await look.result();
    expect(await buildIdsOf(look)).toEqual([undefined]);
    expect(worker.notes).toEqual([expect.stringContaining('no worker deployments')]);
    await worker.kill();
  } finally {
    await server.teardown();
  }
}, 240_000);
