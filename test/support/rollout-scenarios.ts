import { powerCut, powerOn } from '../../src/lab/lab';
import { publishVersion } from './bad-versions';
import { idsOf, stateprint } from './end-state';
import { json, krakenctl, labName, must, pidOf, type Run, until } from './lab';
import { type Operation, tell } from './load';
import { holdOf, type RolloutStage, type Told } from './rollout-stage';
import { terminateOperation, waitsForApproval } from './temporal-hand';

/** What a rollout must survive, each as one function: the suite and the campaign run the same. Written with jest's words. */

export const fast = ['--bake', '0s'];

/** Nobody noticed, and nothing was done that must never be. */
export function expectUnnoticed(told: Told): void {
  expectLoaded(told);
  expect(tell(told.load)).toMatch(/ 0 failed, 0 wrong digests,/);
  expect(told.judgement.breaches).toEqual([]);
}

/** Each case counts only where the loop ran. */
export function expectLoaded({ load }: Told): void {
  // A setting of the load balancers is changed within three seconds.
  expect(load.operations).toBeGreaterThan(10);
  expect([load.perSecond >= 5, load.perSecond]).toEqual([true, load.perSecond]);
}

/** What was said is worth more than the number. */
export function expectDone({ code, stdout, stderr }: Pick<Run, 'code' | 'stdout' | 'stderr'>): void {
  if (code !== 0) throw new Error(`exit ${code}: ${stdout.slice(-3000)}${stderr.slice(-3000)}`);
}

/** Another version, back or forth, that nobody notices. */
export async function changeVersion(stage: RolloutStage, version: string, flags = fast): Promise<Told> {
  stage.set({ KRAKEN_VERSION: version });
  const told = await stage.deploy(flags);
  expectDone(told.run!);
  expectUnnoticed(told);
  expect(told.judgement.order).toEqual(stage.nodes);
  await stage.expectSettled();
  return told;
}

/** A setting that needs no new container, or few. */
export async function changeSetting(stage: RolloutStage, setting: Record<string, string>): Promise<Told> {
  stage.set(setting);
  const told = await stage.deploy(fast);
  expectDone(told.run!);
  expectUnnoticed(told);
  await stage.expectSettled();
  return told;
}

export interface BadVersion {
  version: string;
  flags?: string[];
  /** What the command says of what failed. */
  says: RegExp;
  /** Failures of the loop may be; they end within 30 s, and wrong bytes are never taken. */
  mayFail?: boolean;
}

/** Taken back by itself: exit 9, all as before by fingerprint, and no other node was ever touched. */
export async function rollBack(stage: RolloutStage, bad: BadVersion): Promise<Told> {
  const before = stage.value('KRAKEN_VERSION');
  await publishVersion(stage.lab, bad.version);
  const [state, ids] = await Promise.all([stateprint(stage.hosts), idsOf(stage.hosts)]);
  stage.set({ KRAKEN_VERSION: bad.version });
  const told = await stage.deploy(bad.flags ?? fast);
  stage.set({ KRAKEN_VERSION: before });
  const said = `${told.run!.stdout}${told.run!.stderr}`;
  expect([told.run!.code, said]).toEqual([9, expect.stringMatching(bad.says)]);
  expect(said).toMatch(/node-1/);
  if (bad.mayFail) expectOverSoon(told);
  else expect(tell(told.load)).toMatch(/ 0 failed, 0 wrong digests,/);
  expectLoaded(told);
  expect(told.judgement).toMatchObject({ breaches: [], order: ['node-1'] });
  expect(await stateprint(stage.hosts)).toEqual(state);
  const now = await idsOf(stage.hosts);
  const touched = Object.keys(now).filter((name) => now[name] !== ids[name]);
  expect(touched.filter((name) => !name.startsWith(`kraken-${labName}-node-1-`))).toEqual([]);
  await stage.expectSettled();
  expect(await krakenctl(['plan'])).toMatchObject({ code: 0 });
  return told;
}

const overWithinMs = 30_000;

/** From the first failure to the end of the last one; no wrong bytes with a success. */
export function expectOverSoon({ load }: Told): void {
  expect(load.wrongDigests.map((o) => o.failure?.message)).toEqual([]);
  expect(spanOf(load.failed)).toBeLessThan(overWithinMs);
}

const spanOf = (failed: Operation[]) =>
  failed.length === 0 ? 0 : Math.max(...failed.map((o) => o.at + o.ms)) - Math.min(...failed.map((o) => o.at));

/** A node loses power while it is worked on: no other one is touched before it is back and done. */
export async function losePower(stage: RolloutStage, version: string, node = 'node-2'): Promise<Told> {
  stage.set({ KRAKEN_VERSION: version });
  await stage.deployInto(node, fast);
  await powerCut(stage.host(node));
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  await powerOn(stage.host(node));
  const backAt = Date.now();
  const run = await krakenctl(['op', 'attach'], { timeoutMs: 600_000 });
  const told = stage.told(run);
  expectDone(run);
  expect(told.judgement).toMatchObject({ breaches: [], order: stage.nodes });
  // Who asks a load balancer that has no power gets no answer; all others are served.
  const others = told.load.failed.filter((o) => !o.target.startsWith(`${stage.host(node).address}:`));
  expect(told.load.wrongDigests).toEqual([]);
  expectLoaded(told);
  expect(Math.max(0, ...others.map((o) => o.at + o.ms - backAt))).toBeLessThan(overWithinMs);
  await stage.expectSettled();
  return told;
}

/** Held at a node, with nobody there: CLI and worker are gone for so long. Then it is approved, node by node, and goes on. */
export async function pauseAndApprove(stage: RolloutStage, version: string, awayMs: number): Promise<Told> {
  stage.set({ KRAKEN_VERSION: version });
  stage.begin();
  const cli = krakenctl(['deploy', '--yes', '--approve-each-node', ...fast], { timeoutMs: 600_000 });
  await until('it waits for an approval', async () => ((await holdOf())?.kind === 'approval' ? true : undefined));
  await must(['op', 'pause', '--reason', 'lunch']);
  await until('it is held', async () => ((await holdOf())?.kind === 'paused' ? true : undefined));
  process.kill(pidOf('worker'), 'SIGKILL');
  const before = await idsOf(stage.hosts);
  await new Promise((resolve) => setTimeout(resolve, awayMs));
  expect(await idsOf(stage.hosts)).toEqual(before);
  await must(['worker', 'start']);
  expect(await holdOf()).toMatchObject({ kind: 'paused' });
  await must(['op', 'resume']);
  await approveAll(cli);
  const run = await cli;
  const told = stage.told(run);
  expectDone(run);
  expectUnnoticed(told);
  expect(told.judgement.order).toEqual(stage.nodes);
  await stage.expectSettled();
  return told;
}

/** Says yes to whatever waits, until this is over. */
export async function approveAll(over: Promise<unknown>): Promise<void> {
  let isOver = false;
  const note = () => {
    isOver = true;
  };
  over.then(note, note);
  while (!isOver) {
    if (await waitsForApproval()) await krakenctl(['op', 'approve']);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** Cancelled in the middle: the cluster serves, `plan` says what is left, and the next deploy does that. */
export async function cancelInTheMiddle(stage: RolloutStage, version: string): Promise<Told> {
  stage.set({ KRAKEN_VERSION: version });
  await stage.deployInto('node-2', fast);
  await must(['op', 'cancel', '--yes']);
  await krakenctl(['op', 'attach'], { timeoutMs: 300_000 });
  const told = stage.told();
  expectUnnoticed(told);
  await expectLeft(stage, /node-3/);
  const rest = await stage.deploy(fast);
  expectDone(rest.run!);
  expectUnnoticed(rest);
  await stage.expectSettled();
  return told;
}

/** Ended by a hand in Temporal while a node is drained: that node and that operation are named, and the next deploy mends. */
export async function terminateInTheMiddle(stage: RolloutStage, version: string): Promise<Told> {
  stage.set({ KRAKEN_VERSION: version });
  await stage.deployInto('node-2', fast);
  const { data } = await json<{ operation: { id: string } }>(['op', 'show']);
  await terminateOperation();
  const told = stage.told();
  expect(told.judgement.breaches).toEqual([]);
  const said = await expectLeft(
    stage,
    /node-2[^\n]*out of the load balancers|load balancers[^\n]*leave out[^\n]*node-2/,
  );
  expect(said).toContain(data.operation.id);
  const rest = await stage.deploy(fast);
  expectDone(rest.run!);
  expect(tell(rest.load)).toMatch(/ 0 failed, 0 wrong digests,/);
  expect(rest.judgement.breaches).toEqual([]);
  await stage.expectSettled();
  return told;
}

/** `plan` exits 3 and names what is left; the loop goes on meanwhile. */
async function expectLeft(stage: RolloutStage, names: RegExp): Promise<string> {
  stage.begin();
  const plan = await krakenctl(['plan']);
  expect([plan.code, plan.stdout]).toEqual([3, expect.stringMatching(names)]);
  await stage.watch.until('the loop goes on', () => stage.load.soFar().length > 40, 30_000);
  expect(tell(stage.told().load)).toMatch(/ 0 failed, 0 wrong digests,/);
  return plan.stdout;
}
