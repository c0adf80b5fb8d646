import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporalServerBinary } from '../../src/cli/temporal-server';
import type { DestroyPlan } from '../../src/cluster/destroy-plan';
import type { FleetInput } from '../../src/contracts/agents';
import {
  type DeployInput,
  type DestroyChoice,
  type DestroyInput,
  defaultRollout,
  type TakeOverInput,
} from '../../src/contracts/operation';
import { exampleSpec } from '../support/cluster';
import { bringAgents } from '../support/memory-fleet';
import { MemoryLab } from '../support/memory-hosts';
import { type Bench, openBench } from '../support/temporal';
import { recordFirewalls } from './firewalls';
import { recordFurtherRuns } from './further-runs';
import { holdFleet, recordHolds, tellings } from './held-operations';

/**
 * Workflow code of today must replay what workflow code of the past recorded: an operation may be under way while krakenctl is
 * upgraded. `npm run record:histories` adds histories of today; an old one goes only when no operation of its time can run any more.
 */
const folder = join(__dirname, 'histories');
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => join(folder, name));

function replay(paths: string[]): Record<string, string | null> {
  const program = join(__dirname, '..', 'support', 'replay.cjs');
  const output = execFileSync(process.execPath, [program, process.env.KRAKENCTL_TEST_BUNDLE!, ...paths]);
  // The SDK's core writes lines of its own.
  return JSON.parse(output.toString().trim().split('\n').at(-1)!);
}

const recording = process.env.RECORD_HISTORIES;

// Some hold for a minute until a window opens.
if (recording) test('histories of today are recorded', record, 600_000);
else describe('replay', () => replays());

async function record(): Promise<void> {
  const lab = new MemoryLab();
  const bench = await openBench(lab);
  const temporal = await temporalServerBinary();
  const address = process.env.KRAKENCTL_TEST_TEMPORAL!;
  const keep = async (name: string, run: Awaited<ReturnType<typeof bench.start>>, runId?: string) => {
    await run.result().catch(() => undefined);
    const path = join(folder, `${recording}-${name}.json`);
    // What was recorded once stays: it is a witness of the code of its day.
    if (existsSync(path)) return;
    const where = ['--address', address, '--namespace', `tests-${process.env.JEST_WORKER_ID}`];
    const which = ['-w', run.workflowId, ...(runId ? ['-r', runId] : [])];
    const args = ['workflow', 'show', ...which, '-o', 'json', ...where];
    writeFileSync(path, execFileSync(temporal, args, { maxBuffer: 1e8 }));
  };
  await keep('deploy-fresh', await bench.start());
  await keep('deploy-nothing', await bench.start());
  const one = lab.machine('node-1');
  one.containers.delete(one.part('proxy')!.id);
  await keep('deploy-mend', await bench.start());
  await keep('deploy-no-image', await bench.start((input) => Object.assign(input.spec.images, { redis: 'missing:1' })));
  await keep('deploy-by-host', await bench.start(rollout('v0.1.28')));
  await recordHolds(bench, keep);
  await recordLooks(bench, lab, keep);
  await recordFleets(bench, lab, keep);
  await recordDestroys(bench, lab, keep);
  await recordTakeOver(lab, keep);
  await bench.close();
  await recordRollouts(keep);
  await recordFirewalls(keep);
  await recordFurtherRuns(keep);
}

/** The watching of new parts is real time. */
const rollout = (version: string) => (input: DeployInput) => {
  input.policy = { ...defaultRollout, bakeMs: 0 };
  input.spec.images.version = version;
};

/** A change node by node, one that is taken back by itself, one that a person takes back, and one of a cluster that has an agent. */
async function recordRollouts(keep: Keep): Promise<void> {
  const lab = new MemoryLab();
  const bench = await openBench(lab);
  const before = exampleSpec();
  await bench.deploy();
  const { images, name } = await recordedBy(lab);
  await keep('rollout', await bench.start(rollout('v0.1.28')));
  const changed = await recordedBy(lab);
  const undo = { images, takesBack: changed.generation, operation: name };
  await keep(
    'undo',
    await bench.start((input) =>
      Object.assign(input, { spec: before, policy: { ...defaultRollout, bakeMs: 0 }, undo }),
    ),
  );
  lab.machine('node-2').serves = (part, response) =>
    part === 'origin' && lab.machine('node-2').part('origin')?.image.endsWith('v0.1.29')
      ? { ...response, body: Buffer.from('wrong') }
      : response;
  await keep('rolled-back', await bench.start(rollout('v0.1.29')));
  await bringAgents(lab, before, ['root@10.0.2.1:22']);
  await keep('rollout-agent', await bench.start(rollout('v0.1.28')));
  await bench.close();
}

async function recordedBy(
  lab: MemoryLab,
): Promise<{ images: Record<string, string>; generation: number; name: string }> {
  const { contents } = lab.machine('node-1').stored.get('/var/lib/krakenctl/cluster/state.json')!;
  const { images, generation, operation } = JSON.parse(contents.toString());
  return { images, generation, name: operation.name };
}

type Keep = (name: string, run: Awaited<ReturnType<Bench['start']>>) => Promise<void>;
const owner = { temporal: '127.0.0.1:7233', namespace: 'default' };
const operationOf = (verb: string) => ({ id: `20261123-000000-${verb}-0001`, verb, actor: 'ana@ops-1' });

async function recordLooks(bench: Bench, lab: MemoryLab, keep: Keep): Promise<void> {
  const spec = exampleSpec();
  await keep('inspect', await bench.begin('inspectCluster', { spec, origins: {}, probe: true }));
  await keep('preflight', await bench.begin('preflightCluster', { spec, listen: false }));
  lab.machine('node-1').machine.settings['vm.overcommit_memory'] = '0';
  const mend = { setting: 'vm.overcommit_memory', value: '1' };
  await keep(
    'mend',
    await bench.begin('mendHosts', { spec, mends: ['node-1', 'node-2'].map((host) => ({ host, mend })) }),
  );
  await keep('smoke', await bench.begin('smokeTest', { spec, operation: operationOf('smoke') }));
}

async function recordFleets(bench: Bench, lab: MemoryLab, keep: Keep): Promise<void> {
  const spec = exampleSpec();
  const vms = [1, 2, 3].map((n) => `root@10.0.2.${n}:22`);
  const fleet = (change: Partial<FleetInput>): FleetInput => ({
    operation: operationOf('agents'),
    verb: 'deploy',
    spec,
    owner,
    vms,
    policy: { concurrency: 2, maxFailures: '1', canary: 1, batch: '50%' },
    ...change,
  });
  const child = (vm: string) => bench.environment.client.workflow.getHandle(`kraken-${spec.name}-agent-${vm}`);
  const two = { id: '10.0.2.2', address: '10.0.2.2', ssh: { address: '10.0.2.2', port: 22, user: 'root' } };
  await lab.connect(two);
  lab.machine(two.id).isOn = false;
  await keep('fleet-parked', await bench.begin('operateFleet', fleet({})));
  await keep('agent-brought', child('10.0.2.1') as Awaited<ReturnType<Bench['start']>>);
  lab.machine(two.id).isOn = true;
  await keep('agent-kept', child('10.0.2.2') as Awaited<ReturnType<Bench['start']>>);
  await keep('fleet-nothing', await bench.begin('operateFleet', fleet({})));
  await keep('fleet-restart', await bench.begin('operateFleet', fleet({ verb: 'restart', vms: [] })));
  const restart = fleet({ verb: 'restart', vms: [] });
  for (const [name, tell] of Object.entries(tellings))
    await keep(name, await holdFleet(bench, lab, { input: restart, tell }));
  await keep('fleet-publish', await bench.begin('operateFleet', fleet({ verb: 'publish', vms: [] })));
  await keep('fleet-turns', await followingFleet(bench, lab, fleet({ verb: 'publish', vms: [] })));
  await keep('agents-roster', await bench.begin('rosterOfAgents', { spec }));
  lab.enrolled = [];
  lab.machine('node-3').isOn = false;
  await keep('fleet-unseen', await bench.begin('operateFleet', fleet({})));
  lab.machine('node-3').isOn = true;
  await keep('agents-list', await bench.begin('listAgents', { spec }));
  await keep('agents-pull', await bench.begin('pullOnVms', { spec, vms, image: 'library/app:1' }));
  lab.machine(two.id).isOn = false;
  const strict = { concurrency: 2, maxFailures: '0', canary: 0, batch: '100%' };
  await keep('fleet-stopped', await bench.begin('operateFleet', fleet({ policy: strict })));
  lab.machine(two.id).isOn = true;
  lab.enrolled = [{ address: '10.0.2.9', ageSeconds: 60 }];
  const installed = fleet({ verb: 'remove', vms: ['root@10.0.2.9:22'] });
  await keep('fleet-dismiss', await bench.begin('operateFleet', installed));
  lab.enrolled = [];
  lab.machine(two.id).isOn = false;
  await keep('fleet-remove-stopped', await bench.begin('operateFleet', fleet({ verb: 'remove', vms, policy: strict })));
  const parked = { policy: { ...strict, maxFailures: '1' } };
  await keep('fleet-remove-parked', await bench.begin('operateFleet', fleet({ verb: 'remove', vms, ...parked })));
  lab.machine(two.id).isOn = true;
  await keep('agent-kept-removed', child('10.0.2.2') as Awaited<ReturnType<Bench['start']>>);
  await (await bench.begin('operateFleet', fleet({}))).result();
  await keep('fleet-remove', await bench.begin('operateFleet', fleet({ verb: 'remove', vms: [] })));
  await keep('agent-removed', child('10.0.2.1') as Awaited<ReturnType<Bench['start']>>);
}

/** Two VMs that installed themselves, each of which comes to what is served when it has its turn. */
async function followingFleet(bench: Bench, lab: MemoryLab, input: FleetInput) {
  const { hook } = lab;
  lab.enrolled = ['10.0.3.1', '10.0.3.2'].map((address) => ({ address, ageSeconds: 60, release: 'before' }));
  lab.hook = (moment, effect) => {
    if (moment !== 'after' || !effect.startsWith('turns ')) return;
    const given = effect.slice('turns '.length).split(' ');
    const { release } = lab.served!;
    lab.enrolled = lab.enrolled.map((vm) =>
      given.includes(vm.address) ? { ...vm, release, proven: release, ageSeconds: 0 } : vm,
    );
  };
  const run = await bench.begin('operateFleet', input);
  await run.result();
  lab.hook = hook;
  return run;
}

async function recordDestroys(bench: Bench, lab: MemoryLab, keep: Keep): Promise<void> {
  const destroy = async (name: string, choice: Partial<DestroyChoice> = {}) => {
    const asked: DestroyChoice = { spec: exampleSpec(), keepData: false, skipUnreachable: false, ...choice };
    const look = await bench.begin('inspectRemains', asked);
    const { hash: planHash } = (await look.result()) as DestroyPlan;
    if (name === 'destroy') await keep('destroy-look', look);
    const input: DestroyInput = { ...asked, operation: operationOf('destroy'), owner, planHash };
    await keep(name, await bench.begin('destroyCluster', input));
  };
  await bench.deploy();
  await destroy('destroy-keep-data', { keepData: true });
  await bench.deploy();
  lab.machine('node-2').isOn = false;
  await destroy('destroy-unreachable');
  await destroy('destroy-skipped', { skipUnreachable: true });
  lab.machine('node-2').isOn = true;
  await destroy('destroy');
  await destroy('destroy-nothing');
  await bench.deploy();
}

async function recordTakeOver(lab: MemoryLab, keep: Keep): Promise<void> {
  const other = await openBench(lab, { ownerId: 'owner-2' });
  const spec = exampleSpec();
  const input: TakeOverInput = { operation: operationOf('takeover'), spec, owner, from: ['owner-1'] };
  await keep('ownership', await other.begin('inspectOwnership', { spec }));
  await keep('clusters', await other.begin('inspectClusters', { spec }));
  await keep('takeover', await other.begin('takeOverCluster', input));
  await keep('takeover-nothing', await other.begin('takeOverCluster', input));
  await other.close();
}

function replays(): void {
  test('every recorded history replays with the workflow code of today', () => {
    expect(files.length).toBeGreaterThanOrEqual(4);
    expect(replay(files)).toEqual(Object.fromEntries(files.map((file) => [file, null])));
  });

  test('a history that does not fit is found (control)', () => {
    const text = readFileSync(files.find((file) => file.endsWith('deploy-fresh.json'))!, 'utf8');
    const history = JSON.parse(text) as {
      events: { activityTaskScheduledEventAttributes?: { activityType: { name: string } } }[];
    };
    const claim = history.events.find((e) => e.activityTaskScheduledEventAttributes?.activityType.name === 'claimHost');
    claim!.activityTaskScheduledEventAttributes!.activityType.name = 'removeContainer';
    const scratch = mkdtempSync(join(tmpdir(), 'krakenctl-replay-'));
    const planted = join(scratch, 'planted.json');
    writeFileSync(planted, JSON.stringify(history));
    try {
      expect(replay([planted])[planted]).toMatch(/DeterminismViolationError/);
    } finally {
      rmSync(scratch, { recursive: true });
    }
  });
}
