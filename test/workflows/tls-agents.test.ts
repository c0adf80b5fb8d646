import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVault } from '../../src/clients/vault';
import { vmHost, vmName } from '../../src/cluster/agents/vm';
import type { ClusterRecord } from '../../src/cluster/observed';
import type { ClusterSpec } from '../../src/cluster/spec';
import type { FleetInput, FleetReport } from '../../src/contracts/agents';
import type { DeployInput, DeployReport } from '../../src/contracts/operation';
import { exampleSpec } from '../support/cluster';
import { failureOf } from '../support/failure-of';
import { isLong } from '../support/long';
import { MemoryLab } from '../support/memory-hosts';
import { deafTo, misunderstandings } from '../support/memory-tls';
import { type Bench, openBench } from '../support/temporal';

/** Agents go to TLS and back with their cluster, each in a state in which the load balancers understand what it was and what it becomes. */

let lab: MemoryLab;
let bench: Bench;
let folder: string;
/** Workflow ids of VMs carry the cluster's name, and all tests share one server. */
let cluster: string;
let laterMs = 0;
/** Called before each activity. */
let beforeActivity: (name: string) => void;

beforeEach(async () => {
  laterMs = 0;
  beforeActivity = () => undefined;
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-tls-'));
  cluster = `t${randomUUID().slice(0, 8)}`;
  lab = new MemoryLab();
  lab.now = () => Date.now() + laterMs;
  bench = await openBench(lab, {
    vault: createVault(folder),
    now: lab.now,
    before: async (name) => beforeActivity(name),
  });
});
afterEach(async () => {
  await bench.close();
  rmSync(folder, { recursive: true });
});

const vms = ['root@10.0.2.1:22', 'root@10.0.2.2:22'];
const machineOf = (vm: string) => lab.machine(vmName(vm));
const rollout = { batch: 1, approveEachNode: false, approveWithinMs: 1000, bakeMs: 0, rollback: true };
const tls = { lifetimeSeconds: 90 * 86_400 };
const specOf = (wanted: 'tls' | 'plain'): ClusterSpec =>
  exampleSpec((spec) => void Object.assign(spec, { name: cluster, ...(wanted === 'tls' && { tls }) }));

function deploy(wanted: 'tls' | 'plain', change: Partial<DeployInput> = {}): Promise<DeployReport> {
  return bench.deploy((input) => void Object.assign(input, { policy: rollout, spec: specOf(wanted), ...change }));
}

async function operate(wanted: 'tls' | 'plain', change: Partial<FleetInput> = {}): Promise<FleetReport> {
  const input: FleetInput = {
    operation: { id: `20261130-000000-agents-${randomUUID().slice(0, 4)}`, verb: 'agents', actor: 'ana@ops-1' },
    verb: 'upgrade',
    spec: specOf(wanted),
    owner: { temporal: '127.0.0.1:7233', namespace: 'default' },
    vms: [],
    policy: { concurrency: 4, maxFailures: '0', canary: 1, batch: '100%' },
    ...change,
  };
  return (await bench.begin('operateFleet', input)).result() as Promise<FleetReport>;
}

const record = (): ClusterRecord =>
  JSON.parse(lab.machine('node-1').stored.get(`/var/lib/krakenctl/${cluster}/state.json`)!.contents.toString());
const stage = () => record().spec.tls?.state?.stage ?? 'off';
/** Whom the release believes that runs there; undefined where it speaks no TLS. */
const believedBy = (vm: string) => machineOf(vm).agentState.believed.get(machineOf(vm).agentState.running!);
const certificates = (text = '') => text.match(/-----BEGIN/g)?.length;

/** Everybody is asked, after each effect, whether somebody would not understand somebody. */
function listening(): Set<string> {
  const wrong = new Set<string>();
  lab.hook = (moment) => {
    if (moment === 'after') for (const text of misunderstandings(lab)) wrong.add(text);
  };
  return wrong;
}

async function eventually(what: string, look: () => boolean): Promise<void> {
  for (const until = Date.now() + 30_000; !look(); ) {
    if (Date.now() > until) throw new Error(`${what}: not within 30 s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('a cluster with agents goes to TLS and back, and no request of an agent is in a language that is not understood', async () => {
  await deploy('plain');
  await operate('plain', { verb: 'deploy', vms });
  const wrong = listening();
  const first = await deploy('tls');
  const waiting = { left: ['require'], agents: { known: 2, installed: 0 } };
  expect(first).toMatchObject({ changed: true, tls: { stages: ['accept', 'bus', 'speak'], ...waiting } });
  expect(stage()).toBe('speak');
  expect(await deploy('tls')).toMatchObject({ changed: false, tls: { stages: [], ...waiting } });
  // What was brought to another record says nothing of this one.
  const older = await deploy('tls', { agentsAt: first.generation - 1 });
  expect(older).toMatchObject({ changed: false, tls: waiting });
  expect(vms.map(believedBy)).toEqual([undefined, undefined]);
  expect(await operate('tls')).toMatchObject({ done: 2, changed: 2, left: [] });
  expect(vms.map((vm) => certificates(believedBy(vm)))).toEqual([1, 1]);
  const second = await deploy('tls', { agentsAt: first.generation });
  expect(second).toMatchObject({ changed: true, tls: { stages: ['require'], left: [] } });
  expect(second.tls?.agents).toBeUndefined();
  expect(await operate('tls')).toMatchObject({ done: 2, changed: 0 });
  expect(await deploy('tls')).toMatchObject({ changed: false });
  const back = await deploy('plain');
  expect(back).toMatchObject({ tls: { stages: ['speak', 'bus', 'accept'], left: ['off'], agents: { known: 2 } } });
  expect(await operate('plain')).toMatchObject({ done: 2, changed: 2 });
  expect(vms.map(believedBy)).toEqual([undefined, undefined]);
  const off = await deploy('plain', { agentsAt: back.generation });
  expect(off).toMatchObject({ tls: { stages: ['off'], left: [] } });
  expect([...wrong]).toEqual([]);
});

test('agents believe another authority before a load balancer shows what it has signed, and forget the former one at the end', async () => {
  await deploy('tls');
  await operate('tls', { verb: 'deploy', vms });
  const former = believedBy(vms[0]!);
  const wrong = listening();
  const first = await deploy('tls', { renew: 'authority' });
  expect(first).toMatchObject({ changed: true, tls: { stages: ['require'], agents: { known: 2, installed: 0 } } });
  expect(first.tls?.left).toEqual(['require', 'require']);
  expect(record().spec.tls!.state!.trusts).toHaveLength(2);
  expect(await operate('tls')).toMatchObject({ changed: 2 });
  expect(certificates(believedBy(vms[0]!))).toBe(2);
  const second = await deploy('tls', { agentsAt: first.generation });
  expect(second).toMatchObject({ changed: true, tls: { left: [] } });
  expect(record().spec.tls!.state!.trusts).toHaveLength(1);
  expect(await operate('tls')).toMatchObject({ changed: 2 });
  expect(certificates(believedBy(vms[0]!))).toBe(1);
  expect(believedBy(vms[0]!)).not.toBe(former);
  expect([...wrong]).toEqual([]);
});

test('new certificates of the same authority wait for no agent', async () => {
  await deploy('tls');
  await operate('tls', { verb: 'deploy', vms });
  const renewed = await deploy('tls', { renew: 'certificates' });
  expect(renewed).toMatchObject({ changed: true, tls: { stages: ['require'], left: [] } });
  expect(vms.flatMap((vm) => deafTo(machineOf(vm)))).toEqual([]);
  expect(await operate('tls')).toMatchObject({ changed: 0 });
});

test('for certificates that have ended no agent is waited for: another authority at once, and agents follow it', async () => {
  await deploy('tls');
  await operate('tls', { verb: 'deploy', vms });
  laterMs = 91 * 86_400_000;
  const recovered = await deploy('tls', { renew: 'authority' });
  expect(recovered).toMatchObject({ changed: true, tls: { stages: ['require'], left: [] } });
  expect(recovered.tls?.agents).toBeUndefined();
  expect(await operate('tls')).toMatchObject({ changed: 2 });
  expect(misunderstandings(lab)).toEqual([]);
});

test('while a node does not say who its agents are, nothing is changed', async () => {
  await deploy('plain');
  await operate('plain', { verb: 'deploy', vms });
  let effects = 0;
  lab.hook = () => {
    effects += 1;
  };
  beforeActivity = (name) => {
    lab.machine('node-2').isOn = name !== 'readFleet';
  };
  const failed = await failureOf(deploy('tls'));
  expect(failed).toMatchObject({ type: 'HOST_UNREACHABLE', message: expect.stringContaining('node-2') });
  expect([effects, stage()]).toEqual([0, 'off']);
});

test('logins wait until TLS is away', async () => {
  await deploy('tls');
  const spec = { ...specOf('plain'), auth: { key: 'k' } };
  const failed = await failureOf(deploy('plain', { spec }));
  expect(failed).toMatchObject({ type: 'CHANGE_NOT_BUILT', message: expect.stringContaining('ENABLE_AUTH true') });
});

// Who may be left behind, and that it converges, is in fleet.test.ts.
if (isLong) {
  test('a VM that is off is left behind where that is allowed, and comes to TLS by itself when it is back', async () => {
    await deploy('plain');
    await operate('plain', { verb: 'deploy', vms });
    const { generation } = await deploy('tls');
    await lab.connect(vmHost(vms[1]!));
    machineOf(vms[1]!).isOn = false;
    expect((await failureOf(operate('tls'))).type).toBe('FLEET_STOPPED');
    const report = await operate('tls', { policy: { concurrency: 4, maxFailures: '1', canary: 1, batch: '100%' } });
    expect(report.left).toMatchObject([{ vm: vms[1], state: 'parked' }]);
    expect(await deploy('tls', { agentsAt: generation })).toMatchObject({ tls: { stages: ['require'], left: [] } });
    expect(deafTo(machineOf(vms[1]!))).toContain('the agent of 10.0.2.2 asks node-1 in plain');
    machineOf(vms[1]!).isOn = true;
    await eventually('it speaks TLS', () => deafTo(machineOf(vms[1]!)).length === 0);
  });
}

test('what is done on VMs goes by how far the cluster is, whatever .env says by then', async () => {
  await deploy('plain');
  await operate('tls', { verb: 'deploy', vms: vms.slice(0, 1) });
  expect(believedBy(vms[0]!)).toBeUndefined();
  await operate('plain', { verb: 'remove' });
  await deploy('tls');
  const handle = await bench.begin('operateFleet', {
    operation: { id: '20261130-000000-agents-9999', verb: 'agents', actor: 'ana@ops-1' },
    verb: 'deploy',
    spec: specOf('plain'),
    owner: { temporal: '127.0.0.1:7233', namespace: 'default' },
    vms,
    policy: { concurrency: 4, maxFailures: '0', canary: 1, batch: '100%' },
  } satisfies FleetInput);
  await handle.result();
  expect(vms.map((vm) => certificates(believedBy(vm)))).toEqual([1, 1]);
  const listed = (await (await bench.begin('listAgents', { spec: specOf('plain') })).result()) as {
    agents: { plan: unknown }[];
  };
  expect(listed.agents.map(({ plan }) => plan)).toMatchObject([{ activate: false }, { activate: false }]);
  const { events } = await handle.fetchHistory();
  const decode = (_: string, payload: string) => Buffer.from(payload, 'base64').toString('utf8');
  const history = JSON.stringify(events).replace(/"data":"([^"]+)"/g, decode);
  expect(history).toContain('"stage":"require"');
  expect(history).not.toContain('PRIVATE KEY');
});

test('an undo that agents would have to follow half way is refused before anything is changed', async () => {
  await deploy('plain');
  const on = await deploy('tls');
  await operate('tls', { verb: 'deploy', vms });
  const { before } = record();
  const did = lab.journal.length;
  const undo = { images: before!.images, takesBack: on.generation, operation: on.name };
  const failure = await failureOf(deploy('plain', { spec: before!.spec, undo }));
  expect(failure.type).toBe('UNDO_REFUSED');
  expect(failure.message).toContain('2 agents and 0 VMs that installed themselves have to follow half way');
  expect(lab.journal.slice(did).filter((line) => line.includes('node-') && !line.includes('operations.jsonl'))).toEqual(
    [],
  );
  expect(stage()).toBe('require');
});

test('VMs that installed themselves are waited for as those that krakenctl brings', async () => {
  await deploy('plain');
  const there = { address: '10.0.2.9', host: 'vm-9', ageSeconds: 9, release: 'before', proven: 'before' };
  lab.enrolled = [there];
  const first = await deploy('tls');
  expect(first.tls).toMatchObject({ left: ['require'], agents: { known: 0, installed: 1 } });
  lab.hook = (moment, effect) => {
    const { release } = lab.served ?? { release: '' };
    if (moment === 'after' && effect === 'turns 10.0.2.9') lab.enrolled = [{ ...there, release, proven: release }];
  };
  const report = await operate('tls');
  expect(report.installed).toMatchObject({ followed: 1, left: [] });
  expect(await deploy('tls', { agentsAt: first.generation })).toMatchObject({ tls: { stages: ['require'] } });
});
