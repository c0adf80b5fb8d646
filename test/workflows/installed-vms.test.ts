import { randomUUID } from 'node:crypto';
import { type EnrolledVm, outdatedInstalls } from '../../src/cluster/agents/install-source';
import type { AgentRoster, FleetInput, FleetReport } from '../../src/contracts/agents';
import type { OperationProgress } from '../../src/contracts/operation';
import { exampleSpec } from '../support/cluster';
import { failureOf } from '../support/failure-of';
import { MemoryLab } from '../support/memory-hosts';
import { type Bench, openBench } from '../support/temporal';
import { eventually } from '../support/versioned';

/** VMs that nobody logs in to: what an operation waits for is what they say on the load balancers. */
let lab: MemoryLab;
let bench: Bench;
let cluster: string;

beforeEach(async () => {
  lab = new MemoryLab();
  bench = await openBench(lab);
  cluster = `c${randomUUID().slice(0, 8)}`;
  await bench.deploy((input) => void Object.assign(input, { spec: specOf() }));
  lab.enrolled = [1, 2, 3].map((n) => vm(n));
});
afterEach(() => bench.close());

const specOf = () => exampleSpec((spec) => void Object.assign(spec, { name: cluster }));
const vm = (n: number, change: Partial<EnrolledVm> = {}): EnrolledVm => ({
  address: `10.0.3.${n}`,
  ageSeconds: 60,
  release: 'before',
  proven: 'before',
  ...change,
});

function begin(change: Partial<Omit<FleetInput, 'policy'>> & { policy?: Partial<FleetInput['policy']> } = {}) {
  const input: FleetInput = {
    operation: { id: `20261123-000000-agents-${randomUUID().slice(0, 4)}`, verb: 'agents', actor: 'ana@ops-1' },
    verb: 'publish',
    spec: specOf(),
    owner: { temporal: '127.0.0.1:7233', namespace: 'default' },
    vms: [],
    ...change,
    policy: { concurrency: 4, maxFailures: '0', canary: 1, batch: '100%', ...change.policy },
  };
  return bench.begin('operateFleet', input);
}

/** What was given on one load balancer, in order. */
const given = (host = 'node-2') =>
  lab.journal.flatMap((line) => (line.startsWith(`${host} turns `) ? [line.slice(`${host} turns `.length)] : []));

/** It has come to what is served, or to what a test says. */
function says(address: string, change: Partial<EnrolledVm> = {}): void {
  const { release } = lab.served!;
  lab.enrolled = lab.enrolled.map((known) =>
    known.address === address ? { ...known, release, proven: release, ageSeconds: 0, ...change } : known,
  );
}

/** VMs come to what is served as soon as they have their turn, in their own way. */
function follow(how: (address: string) => Partial<EnrolledVm> | undefined = () => ({})): void {
  lab.hook = (moment, effect) => {
    if (moment !== 'after' || !effect.startsWith('turns ')) return;
    for (const address of effect.slice('turns '.length).split(' ')) {
      const change = how(address);
      if (change) says(address, change);
    }
  };
}

const failed = (): Partial<EnrolledVm> => ({ release: 'before', proven: 'before', failed: { ...lab.served! } });

test('the canary has its turn alone until it says that an image came through; then the others, then all', async () => {
  const run = await begin();
  await eventually('the canary has its turn', () => given().length === 1);
  const stages = async () => (await run.query<OperationProgress>('progress')).stages;
  await eventually('it is waited for', async () =>
    (await stages()).some(({ now }) => now.includes('gate installed: 1 VMs')),
  );
  says('10.0.3.1', { proven: 'before' });
  expect(given()).toEqual(['10.0.3.1']);
  says('10.0.3.1');
  await eventually('the others have theirs', () => given().length === 2);
  says('10.0.3.2');
  says('10.0.3.3');
  expect(await run.result()).toMatchObject({ installed: { there: 0, followed: 3, left: [], away: 0 } });
  for (const node of ['node-1', 'node-2', 'node-3'])
    expect(given(node)).toEqual(['10.0.3.1', '10.0.3.2 10.0.3.3', 'all']);
  expect(
    (await stages()).filter(({ id }) => id.startsWith('installed')).map(({ title, done }) => [title, done]),
  ).toEqual([
    ['canary: VMs that installed themselves', 1],
    ['VMs that installed themselves', 2],
    ['/install for all', 0],
  ]);
});

test('they come after the VMs that somebody logs in to, batch by batch', async () => {
  follow();
  const vms = ['root@10.0.2.1:22', 'root@10.0.2.2:22'];
  const report = (await (await begin({ verb: 'deploy', vms, policy: { batch: '1' } })).result()) as FleetReport;
  expect(report).toMatchObject({ done: 2, installed: { followed: 3 } });
  expect(given()).toEqual(['10.0.3.1', '10.0.3.2', '10.0.3.3', 'all']);
  const last = lab.journal.findLastIndex((line) => line.startsWith('10.0.2.'));
  expect(last).toBeLessThan(lab.journal.findIndex((line) => line.includes(' turns ')));
});

test('a canary that puts it back ends the operation; no other ever has its turn', async () => {
  follow(failed);
  const failure = await failureOf(begin().then((run) => run.result()));
  expect(failure).toMatchObject({
    type: 'FLEET_STOPPED',
    message: expect.stringMatching(
      /1 of at most 0 VMs.*\(2 did not\): 10\.0\.3\.1: it did not get ready and has before/,
    ),
  });
  expect(given()).toEqual(['10.0.3.1']);
});

test('within the failures that are allowed another takes the place of the canary, and the report names who is left', async () => {
  follow((address) => (address === '10.0.3.1' ? failed() : {}));
  expect(await (await begin({ policy: { maxFailures: '1' } })).result()).toMatchObject({
    installed: { followed: 2, left: [{ address: '10.0.3.1', state: 'failed' }] },
  });
  expect(given()).toEqual(['10.0.3.1', '10.0.3.2', '10.0.3.3', 'all']);
});

test('nobody waits for those that have it, and for those that have not spoken for long', async () => {
  follow();
  await (await begin()).result();
  const { release } = lab.served!;
  lab.journal.length = 0;
  lab.enrolled = [vm(1, { release }), vm(2, { release, ageSeconds: 9999 }), vm(3, { ageSeconds: 9999 })];
  expect(await (await begin()).result()).toMatchObject({ installed: { there: 2, followed: 0, left: [], away: 1 } });
  expect(given()).toEqual(['all']);
});

test('an upgrade that names one is for that one: it is not logged in to, and nobody else has a turn', async () => {
  follow();
  const report = await (await begin({ verb: 'upgrade', vms: ['root@10.0.3.2:22'] })).result();
  expect(report).toMatchObject({ total: 0, installed: { followed: 1, left: [] } });
  expect(given()).toEqual(['10.0.3.2']);
  expect(lab.machines.has('10.0.3.2')).toBe(false);
});

test('an upgrade of all is one of these too where nobody logs in to any other', async () => {
  follow();
  expect(await (await begin({ verb: 'upgrade' })).result()).toMatchObject({ total: 0, installed: { followed: 3 } });
});

test('paused, no further one has its turn; what has it goes on', async () => {
  const run = await begin();
  const decide = (verb: string) => run.executeUpdate<unknown, [object]>(verb, { args: [{ actor: 'ana@ops-1' }] });
  await eventually('the canary has its turn', () => given().length === 1);
  await decide('pause');
  says('10.0.3.1');
  await eventually('it is held', async () => (await run.query<OperationProgress>('progress')).hold !== undefined);
  expect(given()).toEqual(['10.0.3.1']);
  follow();
  await decide('resume');
  expect(await run.result()).toMatchObject({ installed: { followed: 3 } });
});

test('a load balancer that is off gives no turns and is named; the others are heard; back, the next operation brings it what is wanted', async () => {
  follow();
  lab.machine('node-2').isOn = false;
  const report = await (await begin()).result();
  expect(report).toMatchObject({ installed: { followed: 3 }, unseen: [{ host: 'node-2' }] });
  expect([given('node-1').at(-1), given('node-2')]).toEqual(['all', []]);
  lab.machine('node-2').isOn = true;
  const outdated = async () => {
    const { installs } = (await (await bench.begin('rosterOfAgents', { spec: specOf() })).result()) as AgentRoster;
    return outdatedInstalls(installs).map(({ host }) => host);
  };
  expect(await outdated()).toEqual(['node-2']);
  await (await begin()).result();
  expect([await outdated(), given('node-2')]).toEqual([[], ['all']]);
});
