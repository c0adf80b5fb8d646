import { randomUUID } from 'node:crypto';
import { WorkflowFailedError } from '@temporalio/client';
import type { TakeOverPlan } from '../../src/contracts/activities';
import type { TakeOverInput, TakeOverReport } from '../../src/contracts/operation';
import { exampleSpec } from '../support/cluster';
import { failureOf } from '../support/failure-of';
import { MemoryLab } from '../support/memory-hosts';
import { type Bench, openBench } from '../support/temporal';

let lab: MemoryLab;
let before: Bench;
let after: Bench;

beforeEach(async () => {
  lab = new MemoryLab();
  before = await openBench(lab);
  after = await openBench(lab, { ownerId: 'owner-2' });
});
afterEach(async () => {
  await before.close();
  await after.close();
});

async function begin(from = ['owner-1'], bench = after) {
  const id = `20261123-000000-takeover-${randomUUID().slice(0, 4)}`;
  const operation = { id, verb: 'takeover', actor: 'ben@ops-2' };
  const owner = { temporal: '10.0.9.9:7233', namespace: 'default' };
  return bench.begin('takeOverCluster', { operation, spec: exampleSpec(), owner, from } satisfies TakeOverInput);
}

const takeOver = async (from?: string[], bench?: Bench) =>
  (await begin(from, bench)).result() as Promise<TakeOverReport>;

const ownerOf = (host: string) =>
  JSON.parse(lab.machine(host).stored.get('/var/lib/krakenctl/cluster/owner.json')!.contents.toString());

/** So that a deploy has something to do. */
function breakProxy(): void {
  const one = lab.machine('node-1');
  one.containers.delete(one.part('proxy')!.id);
}

describe('takeOverCluster', () => {
  test('makes a cluster ours: we deploy, the other krakenctl is refused', async () => {
    await before.deploy();
    // Also where there would be nothing to change.
    expect(await failureOf(after.deploy())).toMatchObject({ type: 'FOREIGN_OWNER' });
    breakProxy();
    const { ownership } = (await (
      await after.begin('inspectOwnership', { spec: exampleSpec() })
    ).result()) as TakeOverPlan;
    expect(ownership).toMatchObject({ ours: [], lastOperation: { name: 'deploy-1', actor: 'ana@ops-1' } });
    const report = await takeOver();
    expect(report).toMatchObject({
      changed: true,
      name: 'takeover-1',
      hosts: ['node-1', 'node-2', 'node-3'],
      left: [],
    });
    expect(report.epoch).toBe(ownership.epoch + 2);
    for (const host of report.hosts) expect(ownerOf(host)).toMatchObject({ id: 'owner-2', temporal: '10.0.9.9:7233' });
    expect(await after.deploy()).toMatchObject({ changed: true, name: 'deploy-2' });
    const failure = await failureOf(before.deploy());
    expect(failure).toMatchObject({ type: 'FOREIGN_OWNER', message: expect.stringContaining('another krakenctl') });
    const lines = lab.machine('node-3').stored.get('/var/lib/krakenctl/cluster/operations.jsonl')!.contents.toString();
    expect(lines).toMatch(/"name":"takeover-1","verb":"takeover","actor":"ben@ops-2"/);
  });

  test('what the other has under way is fenced off at its next step', async () => {
    let arrived: () => void = () => undefined;
    const atHalf = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    let goOn: () => void = () => undefined;
    const taken = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    lab.hook = async (moment, effect, host) => {
      if (moment !== 'before' || host !== 'node-1' || !effect.startsWith('create')) return;
      arrived();
      await taken;
    };
    const deploying = failureOf(before.deploy());
    await atHalf;
    await takeOver();
    lab.hook = () => undefined;
    goOn();
    expect(await deploying).toMatchObject({ type: 'FENCED_OFF' });
    expect(ownerOf('node-1')).toMatchObject({ id: 'owner-2' });
  });

  test('nothing to do where it is ours already, and where nobody owns it', async () => {
    await before.deploy();
    const effects = lab.journal.length;
    expect(await takeOver(['owner-1'], before)).toMatchObject({ changed: false });
    expect(lab.journal.length).toBe(effects);
    lab.machines.clear();
    expect(await takeOver()).toMatchObject({ changed: false });
  });

  test('an owner that was not shown is not taken from', async () => {
    await before.deploy();
    const effects = lab.journal.length;
    expect(await failureOf(takeOver(['owner-7']))).toMatchObject({ type: 'PLAN_CHANGED' });
    expect(lab.journal.length).toBe(effects);
  });

  test('without a majority it is refused; a minority that is away is left to do, and taken later', async () => {
    await before.deploy();
    for (const host of ['node-2', 'node-3']) lab.machine(host).isOn = false;
    const effects = lab.journal.length;
    expect(await failureOf(takeOver())).toMatchObject({
      type: 'HOST_UNREACHABLE',
      message: expect.stringContaining('majority'),
    });
    expect(lab.journal.length).toBe(effects);
    lab.machine('node-2').isOn = true;
    expect(await takeOver()).toMatchObject({ changed: true, left: [expect.objectContaining({ host: 'node-3' })] });
    lab.machine('node-3').isOn = true;
    expect(await failureOf(after.deploy())).toMatchObject({
      type: 'FOREIGN_OWNER',
      message: expect.stringContaining('node-3'),
    });
    expect(await takeOver()).toMatchObject({ changed: true, left: [] });
    expect(ownerOf('node-3')).toMatchObject({ id: 'owner-2' });
    expect(await after.deploy()).toMatchObject({ generation: expect.any(Number) });
  });

  test('ended in the middle and run again, it comes to the same end', async () => {
    await before.deploy();
    const run = await begin();
    lab.hook = async (moment, effect, host) => {
      if (moment === 'after' && effect.endsWith('owner.json') && host === 'node-2') await run.terminate();
    };
    await expect(run.result()).rejects.toBeInstanceOf(WorkflowFailedError);
    lab.hook = () => undefined;
    await takeOver();
    for (const host of ['node-1', 'node-2', 'node-3']) expect(ownerOf(host)).toMatchObject({ id: 'owner-2' });
    expect(await after.deploy()).toMatchObject({ generation: expect.any(Number) });
  });
});
