import { HeartbeatWatch } from '../../src/cli/heartbeats';
import { canaryAgents } from '../../src/cluster/agents/canary-agent';
import type { DeployInput, OperationProgress } from '../../src/contracts/operation';
import { stateOf } from '../campaign/modelled-state';
import { exampleSpec } from '../support/cluster';
import { failureOf } from '../support/failure-of';
import { bringAgents } from '../support/memory-fleet';
import { type MemoryHost, MemoryLab } from '../support/memory-hosts';
import { type Bench, openBench } from '../support/temporal';

/** A rollout of a cluster that has agents: each node is tried through one before it comes back. */

let lab: MemoryLab;
let bench: Bench;
let agents: MemoryHost[];

const spec = exampleSpec();
const nodes = spec.nodes.map(({ id }) => id);
const vms = ['root@10.0.2.1:22', 'root@10.0.2.2:22'];

beforeEach(async () => {
  lab = new MemoryLab();
  bench = await openBench(lab);
  agents = await bringAgents(lab, spec, vms);
  await bench.deploy();
});
afterEach(() => bench.close());

const upgrade = (input: DeployInput) => {
  input.policy = { batch: 1, approveEachNode: false, approveWithinMs: 1000, bakeMs: 0, rollback: true };
  input.spec.images.version = 'v0.1.28';
};
const versionOf = (node: string, part: string) => lab.machine(node).part(part)?.image.replace(/^.*:/, '');
const pulls = () => agents.flatMap(({ swarm }) => swarm.pulls.map((pull) => pull.replace(/ sha256:.*/, '')));
const details = async (run: Awaited<ReturnType<Bench['start']>>) => {
  const { stages } = await run.query<OperationProgress>('progress');
  return nodes.map((node) => stages.find(({ id }) => id === node)?.detail ?? '');
};
/** Containers and files; not the record, which grows. */
const state = () =>
  Object.fromEntries(nodes.map((node) => [node, { ...(stateOf(lab)[node] as object), record: undefined }]));
/** Everything that was seen until it was over. */
async function whileRunning(over: Promise<unknown>, look: () => Promise<string[]>): Promise<string[]> {
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  over.then(end, end);
  const seen = new Set<string>();
  while (!isOver) {
    for (const line of await look()) seen.add(line);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return [...seen];
}
/** From the moment at which it has the new version. */
const muteOrigin = (node: string) =>
  Object.defineProperty(lab.machine(node).swarm, 'isMute', { get: () => versionOf(node, 'origin') === 'v0.1.28' });

test('each node gives an agent what nobody else has before the load balancers take it back, and it is told', async () => {
  const out: string[] = [];
  lab.hook = (moment, effect, host) => {
    if (moment === 'before' && effect === 'hangUp kraken-cluster-node-1-nginx')
      out.push(`${host} ${pulls().join(' ')}`);
  };
  const run = await bench.start(upgrade);
  await run.result();
  expect(pulls().sort()).toEqual(nodes.map((node) => `krakenctl-canary/through-${node}`));
  for (const text of await details(run))
    expect(text).toMatch(/canary \d+\.\ds · through agent 10\.0\.2\.[12] \d+\.\ds · /);
  // node-1 is left out, and is taken back when it was tried.
  expect(out.slice(0, 2)).toEqual(['node-1 ', 'node-1 krakenctl-canary/through-node-1']);
  expect(nodes.flatMap((node) => [...lab.machine(node).swarm.alone.keys()])).toEqual([]);
});

test('a node whose origin serves no peers passes the canary of its parts, is found by an agent, and goes back', async () => {
  await bench.close();
  bench = await openBench(lab, { agentPatienceMs: 3_000 });
  const before = state();
  muteOrigin('node-1');
  lab.machine('node-1').says = () => 'panic in the scheduler';
  const run = await bench.start(upgrade);
  const heartbeats = new HeartbeatWatch(run);
  const failing = failureOf(run.result());
  const said = await whileRunning(failing, async () => {
    const { stages } = await heartbeats.onto(await run.query<OperationProgress>('progress'));
    return stages.flatMap(({ now }) => now);
  });
  expect(said).toContainEqual(
    expect.stringMatching(/^gate agent: node-1: 10\.0\.2\.\d: HTTP 500 download torrent: EOF/),
  );
  const failure = await failing;
  expect(failure).toMatchObject({
    type: 'ROLLED_BACK',
    message: expect.stringMatching(/gate agent: origin of node-1: 10\.0\.2\.\d: what node-1 alone has did not come/),
    details: [
      { failedWith: 'CANARY_FAILED', host: 'node-1', logTail: { part: 'origin', lines: ['panic in the scheduler'] } },
    ],
  });
  expect(failure.message).toContain('no part of node-2, node-3 was touched');
  // Both were asked, and each got what another node has.
  for (const { swarm } of agents) expect(swarm.pulls.join()).toContain('krakenctl-canary/control');
  expect(state()).toEqual(before);
});

describe('a node that no agent gets anything from, whatever its version', () => {
  const outOf = () => nodes.map((node) => / out=([^"\\]*)/.exec(lab.machine(node).nginxRuns)?.[1]);

  beforeEach(async () => {
    await bench.close();
    bench = await openBench(lab, { agentPatienceMs: 500 });
    lab.machine('node-2').swarm.isMute = true;
  });

  test('fails the change, and not the way back', async () => {
    const before = state();
    const failure = await failureOf(bench.deploy(upgrade));
    expect(failure).toMatchObject({ type: 'ROLLED_BACK', details: [{ failedWith: 'CANARY_FAILED', host: 'node-2' }] });
    expect(failure.message).toContain('rolled back: node-1, node-2 as before');
    expect(state()).toEqual(before);
    expect(outOf()).toEqual([undefined, undefined, undefined]);
  });

  test('comes back by the next deploy where it was left out, and what agents lack is told', async () => {
    const kept = (input: DeployInput) => {
      upgrade(input);
      input.policy!.rollback = false;
    };
    expect(await failureOf(bench.deploy(kept))).toMatchObject({ type: 'CANARY_FAILED' });
    expect(outOf()).toEqual(['node-2', 'node-2', 'node-2']);
    const run = await bench.start(kept);
    await run.result();
    expect(outOf()).toEqual([undefined, undefined, undefined]);
    expect((await details(run))[1]).toMatch(
      /through no agent \(.*what node-2 alone has did not come, what node-1 has did/,
    );
  });
});

test('agents that are off, broken or gone hold no rollout up, and it is told that none went through', async () => {
  const [first] = canaryAgents(vms, 'node-1', []);
  const [broken, off] = first === vms[0] ? agents : [agents[1], agents[0]];
  broken!.swarm.getsNothing = true;
  off!.isOn = false;
  const run = await bench.start(upgrade);
  await run.result();
  for (const node of nodes) expect(versionOf(node, 'origin')).toBe('v0.1.28');
  const [one] = await details(run);
  expect(one).toMatch(/through no agent \(10\.0\.2\.\d: neither what node-1 has came nor what node-\d has: HTTP 500/);
});

test('one agent that is broken is no matter where another is well', async () => {
  agents[0]!.swarm.getsNothing = true;
  const run = await bench.start(upgrade);
  await run.result();
  for (const text of await details(run)) expect(text).toMatch(/through agent 10\.0\.2\.2/);
});

test('without agents nobody is asked', async () => {
  for (const node of nodes) lab.machine(node).stored.delete('/var/lib/krakenctl/cluster/agents.json');
  const run = await bench.start(upgrade);
  await run.result();
  expect(pulls()).toEqual([]);
  for (const text of await details(run)) expect(text).toContain('through no agent (none is looked after)');
});
