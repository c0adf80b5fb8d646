import { chance } from '../campaign/chance';
import { deployThroughFaults } from '../campaign/through-faults';
import { expectAgent } from '../support/agents';
import { labName, must, onRealKraken, versions } from '../support/lab';
import { LabWorker } from '../support/lab-worker';
import { tell } from '../support/load';
import { pull } from '../support/load-image';
import { isLong } from '../support/long';
import {
  approveAll,
  changeVersion,
  expectDone,
  expectLoaded,
  expectUnnoticed,
  fast,
  rollBack,
} from '../support/rollout-scenarios';
import { RolloutStage } from '../support/rollout-stage';

/** A cluster that is used is changed: under a loop without retries, and watched. More of the kind: `npm run campaign:rollout`. */

const [first, second] = [versions[0]!, versions[1]!];
let stage: RolloutStage;
let moments: string[] = [];

beforeAll(async () => {
  stage = await RolloutStage.open({ vms: 2, perSecond: 10 });
}, 300_000);
afterAll(async () => {
  await stage.close();
  await must(['worker', 'start']);
});

test('another version on three nodes and two agents: of 400 operations none fails', async () => {
  await must(['worker', 'stop']);
  const worker = await LabWorker.start('record', 'rollout');
  try {
    const quiet = await stage.quiet(200);
    expect(quiet.failed).toEqual([]);
    const uploads = await stage.openUploads();
    const told = await changeVersion(stage, second, [...fast, '--no-agents']);
    moments = worker.lines();
    console.log(`quiet: ${tell(quiet)}\nrollout of ${told.seconds} s: ${tell(told.load)}`);
    expect(told.load.operations).toBeGreaterThanOrEqual(400);
    expect(told.load.counts['pull beside']).toBeGreaterThan(0);
    expect(told.judgement.checked).toBeGreaterThan(40);
    // Each node gave an agent what nobody else had.
    expect(`${told.run!.stdout}${told.run!.stderr}`.match(/ through agent [0-9.]+/g)).toHaveLength(stage.nodes.length);
    // Which writes the agent's image on three nodes: on two cores that is no moment to measure others.
    expect((await must(['agent', 'upgrade'])).stdout).toMatch(/canary/);
    for (const vm of ['vm-1', 'vm-2']) await expectAgent(stage.host(vm).container, labName, second);
    for (const upload of uploads) {
      expect(upload.whileOut).toBeGreaterThan(0);
      await pull(`${stage.host('node-3').address}:5000`, await upload.done, 'tag');
    }
    expect(uploads.map(({ place }) => place).join()).toContain('node-1');
  } finally {
    await worker.kill();
  }
});

test('its worker killed twice and Temporal killed twice at moments of chance, each node approved: it ends as the undisturbed one', async () => {
  const seed = Math.floor(Date.now() / 1000) % 1_000_000;
  console.log(`seed ${seed}`);
  stage.set({ KRAKEN_VERSION: first });
  stage.begin();
  try {
    const end = await deployThroughFaults({
      argv: ['deploy', '--yes', '--detach', '--approve-each-node', ...fast],
      name: 'rollout-deaths',
      faults: ['kill', 'temporal', 'kill', 'temporal'],
      random: chance(seed),
      // Those at the end may come once less: the last death has to come.
      moments: moments.slice(0, Math.floor(moments.length * 0.7)),
      beside: approveAll,
    });
    const told = stage.told();
    console.log(`${end.fired.join(', ')}; rollout of ${told.seconds} s: ${tell(told.load)}`);
    expectDone({ code: end.code, stdout: end.said, stderr: '' });
    expect(end.fired).toHaveLength(4);
    expectUnnoticed(told);
    expect(told.judgement.order).toEqual(stage.nodes);
  } finally {
    await must(['worker', 'start']);
  }
  await stage.expectSettled();
});

// The stand-in alone has versions that are bad on purpose; more of them are in the campaign. In memory: test/workflows/rollout.test.ts.
if (isLong && !onRealKraken) {
  test('a proxy that is ready and serves wrong bytes is taken back, and nobody was given any of them', async () => {
    const told = await rollBack(stage, { version: 'v0.1.28-wrong-proxy', says: /canary.*proxy/ });
    expectLoaded(told);
    expect(told.run!.stderr).toMatch(/what proxy of node-1 wrote last:\n {4}│ \S/);
  });
}
