import { chance } from '../campaign/chance';
import { deployThroughFaults } from '../campaign/through-faults';
import { expectAgent } from '../support/agents';
import { labName, must, onRealKraken, versions } from '../support/lab';
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
import { RolloutStage, type SlowUpload } from '../support/rollout-stage';
import { leaveStanding } from '../support/standing';

/** A cluster that is used is changed: under a loop without retries, and watched. More of the kind: `npm run campaign:rollout`. */

const [newest, older] = [versions[0]!, versions[1]!];
const machines = ['vm-1', 'vm-2'];
/** Of so many moments that a rollout of three nodes has (979 were counted); those of its last part may come once less: the last death has to come. */
const moments = 650;
let stage: RolloutStage;
let fired: string[] = [];

beforeAll(async () => {
  stage = await RolloutStage.open({ vms: machines.length, version: older, perSecond: 7 });
}, 300_000);
afterAll(async () => {
  await stage.close();
  await must(['worker', 'start']);
  if (!isLong) leaveStanding({ env: {}, vms: machines.length, agents: machines });
});

async function untilUploaded(uploads: SlowUpload[]): Promise<void> {
  for (const upload of uploads) {
    expect(upload.whileOut).toBeGreaterThan(0);
    await pull(`${stage.host('node-3').address}:5000`, await upload.done, 'tag');
  }
  expect(uploads.map(({ place }) => place).join()).toContain('node-1');
}

test('another version on three nodes and two agents, each node approved, its worker killed twice and Temporal killed twice at moments of chance: of 400 operations none fails', async () => {
  const seed = Math.floor(Date.now() / 1000) % 1_000_000;
  await must(['worker', 'stop']);
  const quiet = await stage.quiet(100);
  expect(quiet.failed).toEqual([]);
  const uploads = await stage.openUploads();
  stage.set({ KRAKEN_VERSION: newest });
  stage.begin();
  try {
    const end = await deployThroughFaults({
      argv: ['deploy', '--yes', '--detach', '--approve-each-node', '--no-agents', ...fast],
      name: 'rollout-deaths',
      faults: ['kill', 'temporal', 'kill', 'temporal'],
      random: chance(seed),
      moments,
      beside: approveAll,
    });
    const told = stage.told();
    console.log(
      `seed ${seed}: ${end.fired.join(', ')}\nquiet: ${tell(quiet)}\nrollout of ${told.seconds} s: ${tell(told.load)}`,
    );
    expectDone({ code: end.code, stdout: end.said, stderr: '' });
    fired = end.fired;
    expectUnnoticed(told);
    expect(told.load.operations).toBeGreaterThanOrEqual(400);
    expect(told.load.counts['pull beside']).toBeGreaterThan(0);
    expect(told.judgement.checked).toBeGreaterThan(40);
    expect(told.judgement.order).toEqual(stage.nodes);
  } finally {
    await must(['worker', 'start']);
  }
  await untilUploaded(uploads);
  await stage.expectSettled();
  // Which writes the agent's image on three nodes: on two cores that is no moment to measure others.
  expect((await must(['agent', 'upgrade'])).stdout).toMatch(/canary/);
  for (const vm of machines) await expectAgent(stage.host(vm).container, labName, newest);
});

test('and each of the four deaths came', () => expect(fired).toHaveLength(4));

// A minute and more; in memory: test/workflows/agent-canary.test.ts.
if (isLong) {
  test('undisturbed, each node gives an agent what nobody else has, and of 400 operations none fails', async () => {
    const uploads = await stage.openUploads();
    const told = await changeVersion(stage, older, [...fast, '--no-agents']);
    console.log(`rollout of ${told.seconds} s: ${tell(told.load)}`);
    expect(told.load.operations).toBeGreaterThanOrEqual(400);
    expect(`${told.run!.stdout}${told.run!.stderr}`.match(/ through agent [0-9.]+/g)).toHaveLength(stage.nodes.length);
    await untilUploaded(uploads);
  });
}

// The stand-in alone has versions that are bad on purpose; more of them are in the campaign. In memory: test/workflows/rollout.test.ts.
if (isLong && !onRealKraken) {
  test('a proxy that is ready and serves wrong bytes is taken back, and nobody was given any of them', async () => {
    const told = await rollBack(stage, { version: 'v0.1.28-wrong-proxy', says: /canary.*proxy/ });
    expectLoaded(told);
    expect(told.run!.stderr).toMatch(/what proxy of node-1 wrote last:\n {4}│ \S/);
  });
}
