import { randomUUID } from 'node:crypto';
import { WorkflowFailedError } from '@temporalio/client';
import type { DestroyPlan } from '../../src/cluster/destroy-plan';
import type { DestroyInput, DestroyReport } from '../../src/contracts/operation';
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

type Choice = Partial<Pick<DestroyInput, 'keepData' | 'skipUnreachable'>>;

async function look(choice: Choice = {}): Promise<DestroyPlan> {
  const input = { spec: exampleSpec(), keepData: false, skipUnreachable: false, ...choice };
  return (await bench.begin('inspectRemains', input)).result();
}

async function begin(choice: Choice & { planHash?: string } = {}, at = bench) {
  const { planHash = (await look(choice)).hash } = choice;
  const operation = { id: `20261123-000000-destroy-${randomUUID().slice(0, 4)}`, verb: 'destroy', actor: 'ana@ops-1' };
  const owner = { temporal: '127.0.0.1:7233', namespace: 'default' };
  const input = { spec: exampleSpec(), keepData: false, skipUnreachable: false, ...choice, operation, owner, planHash };
  return at.begin('destroyCluster', input satisfies DestroyInput);
}

const destroy = async (choice?: Choice) => (await begin(choice)).result() as Promise<DestroyReport>;

/** What the parts would have written. */
function putData(): void {
  for (const machine of lab.machines.values()) {
    const file = { contents: Buffer.from('blob'), mode: 0o644, changedAt: 1 };
    machine.stored.set('/var/lib/kraken/cluster/testfs/files/blob', file);
    machine.stored.set('/var/lib/kraken/other/testfs/files/blob', file);
    machine.stored.set('/var/log/kraken/cluster/nginx/access.log', file);
  }
}

function remains(): string[] {
  return [...lab.machines.values()].flatMap((machine) => [
    ...[...machine.containers.values()].map((c) => `${machine.host.id} ${c.name}`),
    ...[...machine.stored.keys()]
      .filter((path) => path.includes('/cluster/'))
      .map((path) => `${machine.host.id} ${path}`),
  ]);
}

describe('destroyCluster', () => {
  test('what was shown is removed, who serves before who keeps, the record last; other clusters keep theirs', async () => {
    await bench.deploy();
    putData();
    const before = lab.journal.length;
    expect(await destroy()).toMatchObject({ changed: true, name: 'destroy-1' });
    expect(remains()).toEqual([]);
    expect(lab.machine('node-1').stored.has('/var/lib/kraken/other/testfs/files/blob')).toBe(true);
    const done = lab.journal.slice(before).filter((line) => / remove /.test(line));
    const order = (pattern: RegExp) => done.flatMap((line, i) => (pattern.test(line) ? [i] : []));
    const sequence = [/-nginx$/, /-(proxy|tracker|origin|build-index)$/, /-(testfs|redis|redis-replica|redis-router)$/];
    const ranges = [...sequence, /\/etc\/kraken|\/var\/log/, /lib\/kraken\//, /lib\/krakenctl/].map(order);
    expect(ranges.map((r) => r.length)).toEqual([3, 12, 12, 6, 3, 3]);
    for (const [i, range] of ranges.entries())
      if (i > 0) expect(Math.min(...range)).toBeGreaterThan(Math.max(...ranges[i - 1]!));
  });

  test('the second destroy finds nothing and changes nothing', async () => {
    await bench.deploy();
    await destroy();
    const before = lab.journal.length;
    expect(await destroy()).toMatchObject({ changed: false, plan: { empty: true } });
    expect(lab.journal.length).toBe(before);
    expect(remains()).toEqual([]);
  });

  test('what is deployed after a destroy is above every epoch before it: what was left over cannot fence it off', async () => {
    await bench.deploy();
    await destroy();
    const { epoch } = lab.machine('node-1');
    await bench.deploy();
    expect(lab.machine('node-1').epoch).toBeGreaterThan(epoch);
  });

  test('hosts that never carried a cluster: nothing to destroy, no folder is made', async () => {
    expect(await destroy()).toMatchObject({ changed: false });
    expect(remains()).toEqual([]);
  });

  test('--keep-data keeps data and record, says so in it, and a deploy brings the cluster back', async () => {
    await bench.deploy();
    putData();
    const report = await destroy({ keepData: true });
    expect(report.plan.folders.filter((f) => !f.removed).map((f) => f.what)).toEqual(
      expect.arrayContaining(['data', 'record']),
    );
    expect(remains().filter((line) => !/\/var\/lib\/kraken(ctl)?\/cluster\//.test(line))).toEqual([]);
    const two = lab.machine('node-2').stored;
    expect(two.has('/var/lib/kraken/cluster/testfs/files/blob')).toBe(true);
    const record = JSON.parse(two.get('/var/lib/krakenctl/cluster/state.json')!.contents.toString());
    expect(record).toMatchObject({ generation: 2, destroyed: { dataKept: true, left: [] }, counts: { destroy: 1 } });
    const lines = two.get('/var/lib/krakenctl/cluster/operations.jsonl')!.contents.toString();
    expect(lines).toMatch(/"name":"destroy-1".*"result":"done"/);
    expect(await destroy({ keepData: true })).toMatchObject({ changed: false });
    expect(await bench.deploy()).toMatchObject({ changed: true, name: 'deploy-2' });
    expect(two.has('/var/lib/kraken/cluster/testfs/files/blob')).toBe(true);
    const after = JSON.parse(two.get('/var/lib/krakenctl/cluster/state.json')!.contents.toString());
    expect(after.destroyed).toBeUndefined();
  });

  test('kept data goes with the next destroy', async () => {
    await bench.deploy();
    putData();
    await destroy({ keepData: true });
    expect(await destroy()).toMatchObject({ changed: true });
    expect(remains()).toEqual([]);
  });

  test('a host that cannot be seen ends it before anything is removed', async () => {
    await bench.deploy();
    lab.machine('node-2').isOn = false;
    const before = lab.journal.length;
    expect(await failureOf(destroy())).toMatchObject({
      type: 'HOST_UNREACHABLE',
      message: expect.stringContaining('node-2'),
    });
    expect(lab.journal.length).toBe(before);
  });

  test('a host that was skipped is recorded as left, and goes with the next destroy', async () => {
    await bench.deploy();
    putData();
    lab.machine('node-2').isOn = false;
    const report = await destroy({ skipUnreachable: true });
    expect(report.plan.left).toEqual([expect.objectContaining({ host: 'node-2' })]);
    const left = remains().filter((line) => !line.startsWith('node-2 '));
    expect(left.every((line) => line.includes('/var/lib/krakenctl/cluster/'))).toBe(true);
    const one = lab.machine('node-1').stored;
    expect(JSON.parse(one.get('/var/lib/krakenctl/cluster/state.json')!.contents.toString()).destroyed).toMatchObject({
      left: ['node-2'],
    });
    expect(await destroy({ skipUnreachable: true })).toMatchObject({ changed: false });
    lab.machine('node-2').isOn = true;
    await destroy();
    expect(remains()).toEqual([]);
  });

  test("another krakenctl's cluster is refused before anything is removed", async () => {
    await bench.deploy();
    const foreign = await openBench(lab, { ownerId: 'owner-2' });
    const before = lab.journal.length;
    try {
      const failure = await failureOf(begin({}, foreign).then((run) => run.result()));
      expect(failure).toMatchObject({ type: 'FOREIGN_OWNER' });
    } finally {
      await foreign.close();
    }
    expect(lab.journal.slice(before)).toEqual([]);
  });

  test.each([
    ['a container without our label', () => Object.assign(lab.machine('node-1').part('origin')!, { labels: {} })],
    ['a data folder that is a link', () => lab.machine('node-1').links.add('/var/lib/kraken/cluster')],
  ])('%s stops it before anything is removed', async (_, plant) => {
    await bench.deploy();
    plant();
    const before = lab.journal.length;
    expect(await failureOf(destroy())).toMatchObject({
      type: 'FOREIGN_RESOURCE',
      message: expect.stringContaining('node-1'),
    });
    expect(lab.journal.length).toBe(before);
  });

  test('what is not what was shown is refused before anything is removed', async () => {
    await bench.deploy();
    const { hash } = await look();
    const one = lab.machine('node-1');
    one.containers.delete(one.part('proxy')!.id);
    const before = lab.journal.length;
    const failure = await failureOf(begin({ planHash: hash }).then((run) => run.result()));
    expect(failure).toMatchObject({ type: 'PLAN_CHANGED' });
    expect(lab.journal.length).toBe(before);
  });

  // Every moment at which something is removed: the first, some in between, the last.
  test.each([0, 20, 30, 37])('ended after removal %i and run again, it comes to the same end', async (count) => {
    await bench.deploy();
    putData();
    let removals = 0;
    const run = await begin();
    lab.hook = async (moment, effect) => {
      if (moment !== 'after' || !effect.startsWith('remove ')) return;
      if (removals++ === count) await run.terminate();
    };
    await expect(run.result()).rejects.toBeInstanceOf(WorkflowFailedError);
    expect(removals).toBeGreaterThan(count);
    lab.hook = () => undefined;
    await destroy();
    expect(remains()).toEqual([]);
  });

  test('an effect whose end was not seen is looked at again', async () => {
    await bench.deploy();
    putData();
    const fired = new Set<string>();
    lab.hook = (moment, effect, host) => {
      const name = `${host} ${effect}`;
      if (moment !== 'after' || !effect.startsWith('remove ') || fired.has(name)) return;
      fired.add(name);
      throw Object.assign(new Error('connection lost'), { name: 'OutcomeUnknownError' });
    };
    await destroy();
    expect(fired.size).toBe(39);
    expect(remains()).toEqual([]);
  });
});
