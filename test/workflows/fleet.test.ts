import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { FleetRecord } from '../../src/cluster/agents/fleet-record';
import { vmName } from '../../src/cluster/agents/vm';
import type { FleetInput, FleetReport } from '../../src/contracts/agents';
import { defaultRollout, type OperationProgress } from '../../src/contracts/operation';
import { exampleSpec } from '../support/cluster';
import { failureOf } from '../support/failure-of';
import { MemoryLab } from '../support/memory-hosts';
import { type Bench, openBench } from '../support/temporal';

let lab: MemoryLab;
let bench: Bench;
/** Workflow ids of VMs carry the cluster's name, and all tests share one server. */
let cluster: string;

beforeEach(async () => {
  lab = new MemoryLab();
  bench = await openBench(lab);
  cluster = `c${randomUUID().slice(0, 8)}`;
  await bench.deploy((input) => {
    input.spec = exampleSpec((spec) => void Object.assign(spec, { name: cluster }));
  });
});
afterEach(() => bench.close());

const vms = (count: number) => Array.from({ length: count }, (_, i) => `root@10.0.2.${i + 1}:22`);

function fleetInput(change: Partial<FleetInput> = {}): FleetInput {
  return {
    operation: { id: `20261123-000000-agents-${randomUUID().slice(0, 4)}`, verb: 'agents', actor: 'ana@ops-1' },
    verb: 'deploy',
    spec: exampleSpec((spec) => void Object.assign(spec, { name: cluster })),
    owner: { temporal: '127.0.0.1:7233', namespace: 'default' },
    vms: vms(5),
    ...change,
    policy: { concurrency: 4, maxFailures: '0', canary: 1, batch: '100%', ...change.policy },
  };
}

async function operate(change: Partial<FleetInput> = {}): Promise<FleetReport> {
  return (await bench.begin('operateFleet', fleetInput(change))).result() as Promise<FleetReport>;
}

const policy = (change: Partial<FleetInput['policy']>) => ({
  concurrency: 4,
  maxFailures: '0',
  canary: 1,
  batch: '100%',
  ...change,
});

/** What was done on VMs, the fence apart. */
const done = () => lab.journal.filter((line) => line.startsWith('10.0.2.'));
const running = () => [...lab.machines.values()].filter((m) => m.agentState.running).map((m) => m.host.id);

/** VMs exist once something looked at them; those that are off must be known before. */
async function turnOff(names: string[]): Promise<void> {
  for (const vm of names) {
    await lab.connect({ id: vmName(vm), address: vmName(vm), ssh: { address: vmName(vm), port: 22, user: 'root' } });
    lab.machine(vmName(vm)).isOn = false;
  }
}

const recorded = (node = 'node-1'): FleetRecord => {
  const { contents } = lab.machine(node).stored.get(`/var/lib/krakenctl/${cluster}/agents.json`)!;
  return JSON.parse(contents.toString());
};
const noted = (): { result: string }[] =>
  (lab.machine('node-1').stored.get(`/var/lib/krakenctl/${cluster}/operations.jsonl`)?.contents.toString() ?? '')
    .split('\n')
    .flatMap((line) => (line ? [JSON.parse(line)] : []))
    .filter(({ verb }) => verb === 'agents');

function raise(message: string): never {
  throw new Error(message);
}

async function eventually(what: string, look: () => boolean | Promise<boolean>): Promise<void> {
  for (const until = Date.now() + 30_000; !(await look()); ) {
    if (Date.now() > until) throw new Error(`${what}: not within 30 s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('operateFleet', () => {
  test('each VM gets image, release and agent once; the second time nothing is changed', async () => {
    expect(await operate()).toMatchObject({ name: 'agents-1', total: 5, done: 5, changed: 5, left: [] });
    expect(running()).toHaveLength(5);
    for (const kind of ['pull', 'install', 'activate']) {
      expect(done().filter((line) => line.includes(` ${kind} `))).toHaveLength(5);
    }
    const before = done().length;
    expect(await operate()).toMatchObject({ name: 'agents-2', done: 5, changed: 0, left: [] });
    expect(done()).toHaveLength(before);
  });

  test('what was asked for is on every node before the first VM is touched', async () => {
    await operate();
    const writes = lab.journal.findIndex((line) => line.includes('agents.json'));
    const first = lab.journal.findIndex((line) => line.startsWith('10.0.2.'));
    expect(writes).toBeGreaterThan(-1);
    expect(writes).toBeLessThan(first);
    for (const node of ['node-1', 'node-2', 'node-3']) {
      const bytes = lab.machine(node).stored.get(`/var/lib/krakenctl/${cluster}/agents.json`);
      expect(JSON.parse(bytes!.contents.toString())).toMatchObject({ generation: 1, agents: vms(5) });
    }
  });

  test('no other VM is begun before the canary serves', async () => {
    const order: string[] = [];
    lab.hook = (moment, effect, host) => {
      if (moment === 'after' && effect.startsWith('activate')) order.push(host);
    };
    await operate({ vms: vms(6), policy: policy({ canary: 2, concurrency: 6 }) });
    const firstOther = lab.journal.findIndex((line) => /^10\.0\.2\.[3-6] /.test(line));
    const canaries = lab.journal.flatMap((line, i) => (/^10\.0\.2\.[12] activate/.test(line) ? [i] : []));
    expect(canaries).toHaveLength(2);
    expect(Math.max(...canaries)).toBeLessThan(firstOther);
    expect(order).toHaveLength(6);
  });

  test('of twelve with two off, two failures allowed: ten serve, two are parked and converge by themselves', async () => {
    const off = [vms(12)[0]!, vms(12)[7]!];
    await turnOff(off);
    const report = await operate({ vms: vms(12), policy: policy({ maxFailures: '2' }) });
    expect(report).toMatchObject({ done: 10, changed: 10 });
    expect(report.left.map(({ vm, state }) => [vm, state]).sort()).toEqual(off.map((vm) => [vm, 'parked']));
    expect(running()).toHaveLength(10);
    for (const vm of off) lab.machine(vmName(vm)).isOn = true;
    await eventually('both come to run', () => running().length === 12);
  });

  test('VMs that installed themselves may follow when the last of the others serves, and not when it was stopped', async () => {
    await turnOff([vms(3)[2]!]);
    await failureOf(operate({ vms: vms(3) }));
    expect(lab.journal.filter((line) => line.includes(' turns '))).toEqual([]);
    lab.machine('10.0.2.3').isOn = true;
    await operate({ vms: vms(3) });
    const turns = lab.journal.flatMap((line, i) => (line.endsWith(' turns all') ? [i] : []));
    expect(turns).toHaveLength(3);
    expect(Math.min(...turns)).toBeGreaterThan(lab.journal.findLastIndex((line) => line.startsWith('10.0.2.')));
  });

  test('none may fail: it stops at the first, begins no other, and leaves nothing half installed', async () => {
    await turnOff([vms(6)[0]!]);
    const failure = await failureOf(operate({ vms: vms(6) }));
    expect(failure).toMatchObject({ type: 'FLEET_STOPPED', message: expect.stringContaining('10.0.2.1: ') });
    expect(failure.message).toContain('5 were not');
    expect(failure.details).toEqual([{ hint: expect.stringContaining('--retry-failed agents-1'), left: [vms(6)[0]] }]);
    expect(done()).toEqual([]);
  });

  test('a pull that fails on one VM is the answer of that VM; the others have theirs', async () => {
    await operate({ vms: vms(2) });
    const { agentState } = lab.machine('10.0.2.1');
    Object.defineProperty(agentState, 'running', { get: () => raise('out of file descriptors') });
    const input = { spec: fleetInput().spec, vms: vms(2), image: `library/app@sha256:${'a'.repeat(64)}` };
    const answers = (await (await bench.begin('pullOnVms', input)).result()) as { vm: string }[];
    expect(answers.toSorted((a, b) => (a.vm < b.vm ? -1 : 1))).toMatchObject([
      { vm: vms(2)[0], ok: false, error: expect.stringContaining('out of file descriptors') },
      { vm: vms(2)[1], ok: true },
    ]);
  });

  test('what forbids an agent is failed and named, not parked', async () => {
    await turnOff([vms(3)[1]!]);
    const two = lab.machine('10.0.2.2');
    two.isOn = true;
    two.agentState.facts.nodeOf = 'other';
    const report = await operate({ vms: vms(3), policy: policy({ maxFailures: '1' }) });
    expect(report.left).toEqual([
      expect.objectContaining({
        vm: vms(3)[1],
        state: 'failed',
        code: 'FOREIGN_RESOURCE',
        why: expect.stringContaining('other'),
      }),
    ]);
    expect(two.agentState.releases.size).toBe(0);
  });

  test("another krakenctl's agent is left alone, by a deploy and by a removal", async () => {
    await turnOff([vms(1)[0]!]);
    const one = lab.machine('10.0.2.1');
    one.isOn = true;
    Object.assign(one.agentState, { owner: 'somebody', current: 'theirs', running: 'theirs' });
    for (const verb of ['deploy', 'remove'] as const) {
      const report = await operate({ verb, vms: vms(1), policy: policy({ maxFailures: '1' }) });
      expect(report.left).toMatchObject([{ code: 'FOREIGN_OWNER', state: 'failed' }]);
    }
    expect(one.agentState.running).toBe('theirs');
  });

  test('a removal ends what was parked, and leaves nothing', async () => {
    await operate({ vms: vms(2) });
    await turnOff([vms(3)[2]!]);
    await operate({ vms: vms(3), policy: policy({ maxFailures: '1' }) });
    const keeper = bench.environment.client.workflow.getHandle(`kraken-${cluster}-agent-10.0.2.3`);
    expect((await keeper.describe()).type).toBe('keepAgent');
    lab.machine('10.0.2.3').isOn = true;
    expect(await operate({ verb: 'remove', vms: [] })).toMatchObject({ total: 3, done: 3, left: [] });
    expect(running()).toEqual([]);
    expect((await keeper.describe()).status.name).not.toBe('RUNNING');
    expect(await failureOf(operate({ verb: 'upgrade', vms: [] }))).toMatchObject({ type: 'NO_AGENTS' });
  });

  describe('whoever is to be removed stays in the record until it is gone', () => {
    beforeEach(() => operate({ vms: vms(4) }));

    test('a removal that was stopped forgets nobody: the next one goes on', async () => {
      lab.machine('10.0.2.2').isOn = false;
      const all = { verb: 'remove' as const, vms: [], policy: policy({ concurrency: 1 }) };
      expect(await failureOf(operate(all))).toMatchObject({ type: 'FLEET_STOPPED' });
      for (const node of ['node-1', 'node-2', 'node-3'])
        expect(recorded(node)).toMatchObject({ agents: [], leaving: vms(4).slice(1) });
      const roster = await (await bench.begin('rosterOfAgents', { spec: fleetInput().spec })).result();
      expect(roster).toMatchObject({ vms: [], leaving: vms(4).slice(1) });
      lab.machine('10.0.2.2').isOn = true;
      expect(await operate(all)).toMatchObject({ total: 3, done: 3, left: [] });
      expect(recorded().leaving).toBeUndefined();
      expect(running()).toEqual([]);
    });

    test('one that is off, and nobody else is named', async () => {
      lab.machine('10.0.2.2').isOn = false;
      await failureOf(operate({ verb: 'remove', vms: [vms(4)[1]!] }));
      const others = vms(4).filter((vm) => vm !== vms(4)[1]);
      expect(recorded()).toMatchObject({ agents: others, leaving: [vms(4)[1]] });
      // It gets no agent again by an upgrade of all.
      expect(await operate({ verb: 'upgrade', vms: [] })).toMatchObject({ total: 3, done: 3 });
      expect(recorded()).toMatchObject({ agents: others, leaving: [vms(4)[1]] });
    });

    test('one that is parked is struck out when it is back and its agent gone', async () => {
      lab.machine('10.0.2.2').isOn = false;
      const report = await operate({ verb: 'remove', vms: [vms(4)[1]!], policy: policy({ maxFailures: '1' }) });
      expect(report.left).toMatchObject([{ state: 'parked' }]);
      // Another operation has begun meanwhile, whose epoch is higher.
      await operate({ verb: 'restart', vms: [vms(4)[0]!] });
      expect(recorded().leaving).toEqual([vms(4)[1]]);
      lab.machine('10.0.2.2').isOn = true;
      await eventually('it is off the record', () => recorded().leaving === undefined);
      expect(running()).not.toContain('10.0.2.2');
    });

    test('a removal that is cancelled', async () => {
      let handle: WorkflowHandle | undefined;
      lab.hook = async (moment, effect, host) => {
        if (moment === 'before' && effect.startsWith('deactivate') && host === '10.0.2.1') await handle!.cancel();
      };
      const input = fleetInput({ verb: 'remove', vms: [], policy: policy({ concurrency: 1 }) });
      handle = (await bench.begin('operateFleet', input)) as WorkflowHandle;
      await expect(handle.result()).rejects.toThrow(/cancel/i);
      expect(recorded()).toMatchObject({ agents: [], leaving: expect.arrayContaining(vms(4).slice(1)) });
      expect(noted().at(-1)).toMatchObject({ result: 'cancelled' });
    });

    test('those that do not come back are taken off by name, and nobody logs in there', async () => {
      lab.machine('10.0.2.2').isOn = false;
      await failureOf(operate({ verb: 'remove', vms: [vms(4)[1]!] }));
      const stranger = { verb: 'remove' as const, vms: ['root@10.0.2.99:22'], forget: true };
      expect(await failureOf(operate(stranger))).toMatchObject({ message: expect.stringContaining('10.0.2.99') });
      const report = await operate({ verb: 'remove', vms: [vms(4)[1]!], forget: true });
      expect(report).toMatchObject({ total: 0, forgotten: ['10.0.2.2'] });
      expect(recorded()).toMatchObject({ agents: vms(4).filter((vm) => vm !== vms(4)[1]) });
      expect(recorded().leaving).toBeUndefined();
    });
  });

  test('a VM that is named by its address keeps the login that it has in the record', async () => {
    const known = 'ubuntu@10.0.2.1:2222';
    await operate({ vms: [known] });
    const bare = { vms: ['root@10.0.2.1:22'], named: [{ address: '10.0.2.1' }] };
    expect(await operate(bare)).toMatchObject({ total: 1, done: 1, changed: 0 });
    expect(recorded().agents).toEqual([known]);
    const both = { ...recorded(), agents: ['root@10.0.2.1:22', known] };
    for (const node of ['node-1', 'node-2', 'node-3'])
      lab.machine(node).stored.get(`/var/lib/krakenctl/${cluster}/agents.json`)!.contents = Buffer.from(
        JSON.stringify(both),
      );
    expect(await operate({ verb: 'upgrade', vms: [] })).toMatchObject({ total: 1, done: 1 });
    await operate({ ...bare, verb: 'remove' });
    expect([recorded().agents, recorded().leaving]).toEqual([[], undefined]);
  });

  test('an upgrade of a VM that is in no record is refused by name, before anything is changed', async () => {
    await operate({ vms: vms(1) });
    const before = [...lab.journal];
    const failure = await failureOf(operate({ verb: 'upgrade', vms: [vms(9)[8]!, vms(1)[0]!] }));
    expect(failure).toMatchObject({ type: 'NO_AGENTS', message: expect.stringContaining('10.0.2.9') });
    expect(failure.details).toEqual([expect.objectContaining({ hint: 'krakenctl agent deploy 10.0.2.9' })]);
    expect(lab.journal).toEqual(before);
    expect(lab.machines.has('10.0.2.9')).toBe(false);
  });

  test.each([
    ['before the first VM', 'pushSentinel', []],
    ['after the last', 'planInstalled', ['10.0.2.1']],
  ])('an operation that fails %s leaves a line on the nodes, whatever it failed with', async (_, activity, serving) => {
    await bench.close();
    const before = async (name: string) => {
      if (name === activity) throw ApplicationFailure.nonRetryable('out of memory', 'INTERNAL');
    };
    bench = await openBench(lab, { before });
    await failureOf(operate({ vms: vms(1) }));
    expect(running()).toEqual(serving);
    expect(noted()).toMatchObject([{ result: 'failed' }]);
  });

  test.each([
    ['its cluster was destroyed', { keepData: false }],
    ['its cluster was destroyed, and its data kept', { keepData: true }],
  ])('a parked VM gets no agent once %s', async (_, choice) => {
    await turnOff([vms(2)[1]!]);
    await operate({ vms: vms(2), policy: policy({ maxFailures: '1' }) });
    const { spec, owner } = fleetInput();
    const asked = { spec, skipUnreachable: false, ...choice };
    const { hash: planHash } = (await (await bench.begin('inspectRemains', asked)).result()) as { hash: string };
    const operation = { id: '20261123-000000-destroy-0001', verb: 'destroy', actor: 'ana@ops-1' };
    await (await bench.begin('destroyCluster', { ...asked, operation, owner, planHash })).result();
    lab.machine('10.0.2.2').isOn = true;
    const keeper = bench.environment.client.workflow.getHandle(`kraken-${cluster}-agent-10.0.2.2`);
    expect(await keeper.result()).toMatchObject({ state: 'failed', code: 'NO_AGENTS' });
    expect(running()).toEqual(['10.0.2.1']);
  });

  test('VMs that installed themselves are told to leave, by every load balancer; nobody logs in to them', async () => {
    await operate({ vms: vms(1) });
    lab.enrolled = ['10.0.2.8', '10.0.2.9', '10.0.2.1'].map((address) => ({ address, ageSeconds: 60 }));
    const eight = vms(8)[7]!;
    const report = await operate({ verb: 'remove', vms: [eight] });
    expect(report).toMatchObject({ total: 0, left: [], dismissed: ['10.0.2.8'] });
    const told = () => lab.journal.filter((line) => line.includes(' dismiss ')).map((line) => line.split(' ')[0]);
    expect(told().sort()).toEqual(['node-1', 'node-2', 'node-3']);
    expect(lab.machines.has('10.0.2.8')).toBe(false);
    expect(await operate({ verb: 'remove', vms: [] })).toMatchObject({ done: 1, dismissed: ['10.0.2.8', '10.0.2.9'] });
  });

  describe('a node that is off is left at once, named, and holds up nobody', () => {
    const lacks = (host: string) => ({ unseen: [{ host, error: expect.stringContaining('ECONNREFUSED') }] });
    const hostsOf = (effect: string) =>
      [...new Set(lab.journal.filter((line) => line.includes(effect)).map((line) => line.split(' ')[0]))].sort();

    // The first is the load balancer that everything else is asked through.
    test.each(['node-1', 'node-3'])('when agents are brought: %s', async (host) => {
      lab.machine(host).isOn = false;
      const handle = await bench.begin('operateFleet', fleetInput({ vms: vms(2) }));
      expect(await handle.result()).toMatchObject({ done: 2, left: [], ...lacks(host) });
      const others = ['node-1', 'node-2', 'node-3'].filter((node) => node !== host);
      expect([hostsOf('agents.json'), hostsOf(' publish '), hostsOf(' turns ')]).toEqual([others, others, others]);
      const { stages } = await handle.query<OperationProgress>('progress');
      const details = Object.fromEntries(stages.map(({ id, detail }) => [id, detail]));
      expect(details).toMatchObject({
        record: `on 2 of 3 nodes; left: ${host}`,
        publish: `2 of 3 load balancers serve /install; left: ${host}`,
      });
    });

    test('when VMs that installed themselves are told to leave, which ask every load balancer that answers', async () => {
      lab.enrolled = [{ address: '10.0.2.8', ageSeconds: 60 }];
      lab.machine('node-1').isOn = false;
      const report = await operate({ verb: 'remove', vms: [vms(8)[7]!] });
      expect(report).toMatchObject({ dismissed: ['10.0.2.8'], ...lacks('node-1') });
      expect(hostsOf(' dismiss ')).toEqual(['node-2', 'node-3']);
    });

    test('when it goes off meanwhile: each host is waited for a minute', async () => {
      lab.hook = (moment, effect, host) => {
        if (moment === 'before' && effect.includes('agents.json') && host === 'node-2')
          lab.machine('node-2').isOn = false;
      };
      const handle = await bench.begin('operateFleet', fleetInput({ verb: 'publish', vms: [] }));
      await eventually('it goes on without the node', async () => {
        const { stages } = await handle.query<OperationProgress>('progress');
        return stages.some(({ id, state }) => id === 'record' && state !== 'waiting');
      });
      const { events } = await handle.fetchHistory();
      const limits = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) =>
        scheduled?.activityType?.name === 'writeFleet' ? [Number(scheduled.scheduleToCloseTimeout?.seconds)] : [],
      );
      expect(limits).toEqual([60, 60, 60]);
      await handle.terminate();
    });
  });

  test('a restart parks nothing: a VM that is off or has no agent is failed', async () => {
    await operate({ vms: vms(2) });
    lab.machine('10.0.2.1').isOn = false;
    const named = [vms(3)[0]!, vms(3)[1]!, vms(3)[2]!];
    const report = await operate({ verb: 'restart', vms: named, policy: policy({ maxFailures: '2' }) });
    expect(report.left.toSorted((a, b) => (a.vm < b.vm ? -1 : 1))).toMatchObject([
      { vm: named[0], state: 'failed', code: 'HOST_UNREACHABLE' },
      { vm: named[2], state: 'failed', code: 'NO_AGENTS' },
    ]);
    expect(report.done).toBe(1);
  });

  const byUpdate = (handle: WorkflowHandle, name: string) =>
    handle.executeUpdate<unknown, [object]>(name, { args: [{ actor: 'ana@ops-1' }] });
  const bySignal = (handle: WorkflowHandle, name: string) => handle.signal(name);

  test.each([
    ['', byUpdate, 'ana@ops-1'],
    [', by the signals of an older krakenctl', bySignal, 'an older krakenctl'],
  ])('paused, it begins no further VM; resumed, it comes to its end%s', async (_, tell, actor) => {
    let handle: WorkflowHandle | undefined;
    const begun = new Promise<void>((resolve) => {
      lab.hook = async (moment, effect, host) => {
        if (moment !== 'before' || !effect.startsWith('install') || host !== '10.0.2.1') return;
        await tell(handle!, 'pause');
        resolve();
      };
    });
    handle = (await bench.begin('operateFleet', fleetInput())) as WorkflowHandle;
    await begun;
    await eventually('the canary serves', () => running().length === 1);
    const progress = () => handle!.query<OperationProgress>('progress');
    await eventually('it is held', async () => (await progress()).hold !== undefined);
    expect(await progress()).toMatchObject({ state: 'running', hold: { kind: 'paused', by: actor } });
    expect(done().every((line) => line.startsWith('10.0.2.1 '))).toBe(true);
    await tell(handle, 'resume');
    expect(await handle.result()).toMatchObject({ done: 5 });
    const lines = lab.machine('node-1').stored.get(`/var/lib/krakenctl/${cluster}/operations.jsonl`)!.contents;
    expect(JSON.parse(lines.toString().trim().split('\n').at(-1)!)).toMatchObject({
      decisions: [
        { what: 'paused', actor },
        { what: 'resumed', actor },
      ],
    });
  });

  test('cancelled, what is under way comes to its end and no other is begun', async () => {
    let handle: WorkflowHandle | undefined;
    lab.hook = async (moment, effect, host) => {
      if (moment === 'before' && effect.startsWith('install') && host === '10.0.2.1') await handle!.cancel();
    };
    handle = (await bench.begin('operateFleet', fleetInput())) as WorkflowHandle;
    await expect(handle.result()).rejects.toThrow(/cancel/i);
    expect(lab.machine('10.0.2.1').agentState.releases.size).toBe(1);
    expect([...lab.machines.keys()].filter((id) => id.startsWith('10.0.2.'))).toEqual(['10.0.2.1']);
  });

  test('the cluster can be deployed while agents are: neither fence ends the other', async () => {
    lab.hook = async (moment, effect, host) => {
      if (moment !== 'before' || !effect.startsWith('install') || host !== '10.0.2.1') return;
      lab.hook = () => undefined;
      const spec = exampleSpec((s) => void Object.assign(s, { name: cluster }));
      const changed = { ...spec, logs: { ...spec.logs, maxFiles: 5 } };
      await bench.deploy(
        (input) => void Object.assign(input, { spec: changed, policy: { ...defaultRollout, bakeMs: 0 } }),
      );
    };
    expect(await operate()).toMatchObject({ done: 5, left: [] });
  });
});
