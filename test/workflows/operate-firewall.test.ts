import { randomUUID } from 'node:crypto';
import { WorkflowFailedError } from '@temporalio/client';
import type { DestroyPlan } from '../../src/cluster/destroy-plan';
import type { ClusterSpec } from '../../src/cluster/spec';
import type { FirewallInput, FirewallInspection, FirewallReport } from '../../src/contracts/firewall';
import type { DestroyInput } from '../../src/contracts/operation';
import { exampleSpec } from '../support/cluster';
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

const nodes = ['node-1', 'node-2', 'node-3'];
const vms = ['root@10.0.2.1:22', 'root@10.0.2.2:22'];
const names = [...nodes, '10.0.2.1', '10.0.2.2'];

type Change = Partial<Pick<FirewallInput, 'action' | 'skipUnreachable' | 'trialSeconds' | 'spec'>>;

function inputOf(change: Change = {}): FirewallInput {
  const operation = {
    id: `20261129-000000-firewall-${randomUUID().slice(0, 4)}`,
    verb: 'firewall',
    actor: 'ana@ops-1',
  };
  const owner = { temporal: '127.0.0.1:7233', namespace: 'default' };
  return { operation, owner, spec: exampleSpec(), action: 'apply', skipUnreachable: false, trialSeconds: 2, ...change };
}

const begin = (change?: Change) => bench.begin('operateFirewall', inputOf(change));
const operate = async (change?: Change) => (await begin(change)).result() as Promise<FirewallReport>;
const withSsh = (...ssh: string[]) => exampleSpec((spec) => void Object.assign(spec, { firewall: { ssh } }));

async function inspect(spec: ClusterSpec = exampleSpec()): Promise<FirewallInspection> {
  return (await bench.begin('inspectFirewall', { spec, action: 'apply' })).result();
}

/** As a fleet's operation writes it. */
async function knowVms(): Promise<void> {
  const record = { format: 1, generation: 1, agents: vms, counts: {}, operation: {} };
  for (const node of exampleSpec().nodes) {
    await lab.connect(node);
    const contents = Buffer.from(JSON.stringify(record));
    lab.machine(node.id).stored.set('/var/lib/krakenctl/cluster/agents.json', { contents, mode: 0o644, changedAt: 1 });
  }
}

const stateOf = (host: string) => lab.machine(host).firewallState;
const effects = () => lab.journal.filter((line) => / firewall /.test(line));
const operations = (host: string) =>
  lab.machine(host).stored.get('/var/lib/krakenctl/cluster/operations.jsonl')?.contents.toString() ?? '';

describe('firewall apply', () => {
  test('brings rules to every node and VM, each kept from a login of its own; the second time changes nothing', async () => {
    await bench.deploy();
    await knowVms();
    expect(await operate()).toMatchObject({ changed: true, name: 'firewall-1', left: [] });
    expect(names.map((name) => [name, stateOf(name).enabled, stateOf(name).trial, stateOf(name).timer])).toEqual(
      names.map((name) => [name, true, undefined, undefined]),
    );
    for (const name of names) expect(stateOf(name).loaded).toBe(stateOf(name).kept!.text);
    expect(lab.logins).toBe(names.length);
    expect(stateOf('node-1').loaded).toContain('elements = { 10.0.2.1, 10.0.2.2 }');
    expect(operations('node-2')).toMatch(/"name":"firewall-1".*"result":"done"/);
    const before = lab.journal.length;
    expect(await operate()).toMatchObject({ changed: false, plan: { empty: true } });
    expect(lab.journal.length).toBe(before);
    expect((await inspect()).plan).toMatchObject({ empty: true });
  });

  test('a deploy after it has nothing to do, and its own sources are in the record then', async () => {
    await bench.deploy();
    await operate();
    expect(await bench.deploy()).toMatchObject({ changed: false });
    const spec = exampleSpec((s) => void Object.assign(s, { firewall: { clients: ['10.0.0.0/8'] } }));
    await operate({ spec });
    expect(await bench.deploy((input) => void Object.assign(input, { spec }))).toMatchObject({ changed: false });
  });

  test('one node and one VM come before all others', async () => {
    await knowVms();
    await operate();
    const order = effects()
      .filter((line) => line.endsWith('firewall keep'))
      .map((line) => line.split(' ')[0]);
    expect(order.slice(0, 2)).toEqual(['node-1', '10.0.2.1']);
    expect([...order].sort()).toEqual([...names].sort());
  });

  test('rules that keep the worker out are taken back by the host itself, and no other host is begun', async () => {
    await operate();
    const kept = stateOf('node-1').kept!.text;
    const failure = await failureOf(operate({ spec: withSsh('10.9.9.9') }));
    expect(failure).toMatchObject({
      type: 'FIREWALL_REVERTED',
      message: expect.stringContaining('node-1: no new login'),
    });
    expect(failure.message).toContain('2 others were not done');
    expect(stateOf('node-1')).toMatchObject({ loaded: kept, trial: undefined, reverted: { to: 'kept' } });
    expect(stateOf('node-2').loads).toBe(1);
    expect(effects().filter((line) => line.endsWith('take back')).length).toBe(0);
    expect(operations('node-1')).toMatch(/"result":"rolled-back"/);
    expect(await operate()).toMatchObject({ changed: false });
    expect(await operate({ spec: withSsh('10.9.0.0/24', lab.operator) })).toMatchObject({ changed: true });
  });

  test('rules that cut a node off another are taken back at once', async () => {
    await bench.deploy();
    lab.machine('node-1').cutFrom.add('node-3');
    lab.machine('node-2').cutFrom.add('node-1');
    const failure = await failureOf(operate());
    expect(failure).toMatchObject({ type: 'FIREWALL_CUTS', message: expect.stringContaining('node-2 got no answer') });
    expect(stateOf('node-1')).toMatchObject({ loaded: undefined, trial: undefined, timer: undefined });
    expect(lab.logins).toBe(0);
  });

  test('a host without nft is found before anything is changed anywhere', async () => {
    await knowVms();
    await lab.connect({ id: '10.0.2.2', address: '10.0.2.2', ssh: { address: '10.0.2.2', port: 22, user: 'root' } });
    stateOf('10.0.2.2').missing.push('nft');
    const before = lab.journal.length;
    const failure = await failureOf(operate());
    expect(failure).toMatchObject({
      type: 'PROGRAM_MISSING',
      message: expect.stringContaining('10.0.2.2: nft is missing'),
    });
    expect(failure.details?.[0]).toMatchObject({ hint: 'apt-get install nftables' });
    expect(lab.journal.length).toBe(before);
  });

  test('a host that is known by a name is refused with the field that names it', async () => {
    const spec = exampleSpec((s) => void Object.assign(s.nodes[1]!, { address: 'node-2.example.com' }));
    expect(await failureOf(operate({ spec }))).toMatchObject({
      type: 'ADDRESS_NEEDED',
      message: expect.stringContaining('CLUSTER_NODE_2 is the name node-2.example.com'),
    });
  });

  test('a node that is away stops it before anything is changed; skipped, and a VM that is away, it is left to do', async () => {
    await knowVms();
    await operate({ action: 'off' });
    lab.machine('10.0.2.1').isOn = false;
    lab.machine('node-2').isOn = false;
    const before = effects().length;
    expect(await failureOf(operate())).toMatchObject({ type: 'HOST_UNREACHABLE' });
    expect(effects().length).toBe(before);
    const report = await operate({ skipUnreachable: true });
    expect(report.left.map(({ host }) => host)).toEqual(['node-2', vms[0]]);
    for (const host of ['node-2', '10.0.2.1']) lab.machine(host).isOn = true;
    expect(await operate()).toMatchObject({ changed: true, left: [] });
    expect(names.filter((name) => !stateOf(name).enabled)).toEqual([]);
  });

  test('what another hand changed is seen and put back', async () => {
    await operate();
    stateOf('node-2').loaded = 'table inet krakenctl_cluster { }';
    expect((await inspect()).plan.hosts.map(({ changes, because }) => [changes, ...because])).toEqual([
      [false],
      [true, 'the loaded rules were changed by another hand'],
      [false],
    ]);
    await operate();
    expect(stateOf('node-2').loaded).toBe(stateOf('node-2').kept!.text);
  });

  test('a VM that came later is told as drift of every host', async () => {
    await operate();
    await knowVms();
    const { plan } = await inspect();
    expect(plan.hosts.map(({ changes }) => changes)).toEqual([true, true, true, true, true]);
  });

  test('without a worker while rules are on trial they are taken back, and tried again when one is there', async () => {
    let arrived: () => void = () => undefined;
    const loaded = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    let goOn: () => void = () => undefined;
    const away = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    lab.hook = async (moment, effect, host) => {
      if (moment !== 'after' || effect !== 'firewall try' || host !== 'node-1') return;
      arrived();
      await away;
    };
    const run = await begin({ trialSeconds: 1 });
    await loaded;
    // Longer than the trial, as a worker that was killed and started again.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(stateOf('node-1')).toMatchObject({ loaded: undefined, reverted: { to: 'open' } });
    lab.hook = () => undefined;
    goOn();
    expect(await run.result()).toMatchObject({ changed: true });
    expect(stateOf('node-1')).toMatchObject({ loads: 2, enabled: true, trial: undefined });
  });

  test('ended in the middle and run again, it comes to the same end', async () => {
    const run = await begin();
    lab.hook = async (moment, effect, host) => {
      if (moment === 'after' && effect === 'firewall try' && host === 'node-2') await run.terminate();
    };
    await expect(run.result()).rejects.toBeInstanceOf(WorkflowFailedError);
    lab.hook = () => undefined;
    expect(await operate()).toMatchObject({ changed: true });
    for (const name of nodes) {
      expect(stateOf(name)).toMatchObject({ enabled: true, trial: undefined });
      expect(stateOf(name).loaded).toBe(stateOf(name).kept!.text);
    }
  });
});

describe('firewall off', () => {
  test('leaves no rule, file and unit on any host; the second time changes nothing', async () => {
    await knowVms();
    await operate();
    expect(await operate({ action: 'off' })).toMatchObject({ changed: true, action: 'off' });
    for (const name of names)
      expect(stateOf(name)).toMatchObject({ loaded: undefined, kept: undefined, unit: undefined });
    const before = lab.journal.length;
    expect(await operate({ action: 'off' })).toMatchObject({ changed: false });
    expect(lab.journal.length).toBe(before);
  });
});

test('a destroy takes the rules of the nodes along, before the folder that they lie in', async () => {
  await bench.deploy();
  await operate();
  const rules = { contents: Buffer.from('rules'), mode: 0o644, changedAt: 1 };
  for (const node of nodes) lab.machine(node).stored.set('/etc/kraken/cluster/firewall/rules.nft', rules);
  const choice = { spec: exampleSpec(), keepData: false, skipUnreachable: false };
  const { hash: planHash } = (await (await bench.begin('inspectRemains', choice)).result()) as DestroyPlan;
  const { operation, owner } = inputOf();
  const input: DestroyInput = { ...choice, owner, operation: { ...operation, verb: 'destroy' }, planHash };
  await (await bench.begin('destroyCluster', input)).result();
  for (const node of nodes) expect(stateOf(node)).toMatchObject({ loaded: undefined, unit: undefined });
  const at = (pattern: RegExp) => lab.journal.findIndex((line) => pattern.test(line));
  expect(at(/firewall remove$/)).toBeGreaterThan(at(/remove kraken-cluster-node-\d-redis$/));
  expect(at(/firewall remove$/)).toBeLessThan(at(/remove \/etc\/kraken\/cluster$/));
});

test("another krakenctl's cluster gets no rules", async () => {
  await bench.deploy();
  const other = await openBench(lab, { ownerId: 'owner-2' });
  const run = await other.begin('operateFirewall', inputOf());
  expect(await failureOf(run.result())).toMatchObject({ type: 'FOREIGN_OWNER' });
  expect(effects()).toEqual([]);
  // Not one of the hosts was claimed before the first refused.
  lab.machine('node-1').stored.delete('/var/lib/krakenctl/cluster/owner.json');
  const before = lab.journal.length;
  expect(await failureOf((await other.begin('operateFirewall', inputOf())).result())).toMatchObject({
    type: 'FOREIGN_OWNER',
  });
  expect(lab.journal.length).toBe(before);
  await other.close();
});
