import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { workerIdentity } from '../../src/cli/pollers';
import { CommandLine } from '../support/command-line';
import type { MemoryLab } from '../support/memory-hosts';
import { quietRuntime } from '../support/temporal';

let line: CommandLine;
let lab: MemoryLab;
let folder: string;

beforeAll(() => quietRuntime());
beforeEach(() => {
  line = new CommandLine('cli');
  ({ lab, folder } = line);
});
afterEach(() => line.close());

const startWorker = (identity?: string, ownerId?: string) => line.startWorker(identity, ownerId);
const run = (words: string, signal?: AbortSignal) => line.run(words, signal);
const json = (words: string) => line.json(words);

/** Holds each creation of a container at its beginning until it is let go: by then an operation is certainly under way. */
function holdEffects(): { begun: Promise<void>; letGo: () => void } {
  let begin = () => {};
  let letGo = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  lab.hook = (moment, effect) => {
    if (moment !== 'before' || !effect.startsWith('create ')) return;
    begin();
    return held;
  };
  return { begun, letGo };
}

// First: Temporal remembers the workers of the tests before for a minute, and their process is alive.
test('no worker, or one of another version: exit 7 with the line to type, and nothing is started', async () => {
  expect(await json('deploy')).toMatchObject({ error: { code: 'WORKER_MISSING', hint: 'krakenctl worker start' } });
  expect((await run('deploy')).code).toBe(7);
  // A process that can end, so that the tests after this one are not told of it.
  const other = spawn('sleep', ['60']);
  await startWorker(`krakenctl@0.0.1+other ${other.pid}@${hostname()}`);
  expect(await json('deploy')).toMatchObject({ error: { code: 'WORKER_VERSION' } });
  other.kill();
  expect(await json('op attach')).toMatchObject({ error: { code: 'NO_OPERATION' } });
});

test('firewall plan, apply, status and off: what is pending, what is loaded, and that it is gone', async () => {
  await startWorker();
  const planned = await run('firewall plan');
  expect(planned.code).toBe(3);
  expect(planned.out).toMatch(/ 6379 {2}redis +nodes\n/);
  expect(planned.out).toContain('krakenctl firewall apply changes 3 of 3 hosts');
  expect((await run('firewall apply --trial 5s')).code).toBe(2);
  const applied = await run('firewall apply --reason audit');
  expect(applied).toMatchObject({
    code: 0,
    out: expect.stringMatching(/rules are kept on node-1\.\.3\n.*Done.*firewall-1/s),
  });
  expect(await run('firewall plan')).toMatchObject({
    code: 0,
    out: expect.stringContaining('nothing to change on 3 hosts'),
  });
  lab.machine('node-2').firewallState.loaded = 'of another hand';
  expect(await run('firewall status')).toMatchObject({
    code: 3,
    out: expect.stringContaining('changed by another hand'),
  });
  expect(await json('firewall status')).toMatchObject({
    data: { hosts: [{ loaded: 'kept' }, { loaded: 'other' }, {}] },
  });
  expect((await run('op show')).out).toMatch(/firewall-1[\s\S]*audit/);
  expect(await json('firewall off')).toMatchObject({ ok: true, data: { changed: true, action: 'off' } });
  const off = await run('firewall status');
  expect(off).toMatchObject({ code: 0, out: expect.stringContaining('no rules of krakenctl') });
});

test('rules that keep the worker out end with exit 9, and name the host and the way on', async () => {
  await startWorker();
  appendFileSync(line.envFile, '\nFIREWALL_SSH=10.9.9.9\n');
  const applied = await run('firewall apply --trial 15s');
  expect(applied.code).toBe(9);
  expect(applied.err).toMatch(/FIREWALL_REVERTED node-1: no new login was possible within 15s/);
  expect(applied.err).toContain('does FIREWALL_SSH name the machine of the worker, or the bastion,');
  expect((await run('firewall status')).out).toContain('node-1: rules were taken back at');
});

test('plan, deploy, deploy again, status: what a person types first', async () => {
  await startWorker();
  const planned = await json('plan');
  expect(planned).toMatchObject({ ok: true, data: { pending: true, through: 'worker' } });
  expect((await run('plan')).code).toBe(3);
  const deployed = await run(`deploy --plan ${planned.data.token}`);
  expect(deployed).toMatchObject({ code: 0 });
  expect(deployed.out).toMatch(/Done in .*\. deploy-1/);
  const again = await run('deploy');
  expect(again).toMatchObject({ code: 0 });
  expect(again.out).toContain('nothing to change');
  expect((await run('plan')).code).toBe(0);
  expect(await run('status')).toMatchObject({ code: 0, out: expect.stringContaining('SERVING') });
  const listed = await json('op list');
  expect(listed.data.map((o: { result: string }) => o.result)).toEqual(['done', 'done']);
  expect(await run('test smoke')).toMatchObject({ code: 0, out: expect.stringContaining('seen in Redis') });
});

test('a plan that is another by now is refused, exit 3', async () => {
  await startWorker();
  const { data } = await json('plan');
  await run('deploy');
  expect(await json(`deploy --plan ${data.token}`)).toMatchObject({ ok: false, error: { code: 'PLAN_CHANGED' } });
  expect((await run(`deploy --plan ${data.token}`)).code).toBe(3);
});

test('two deploys at once: one runs, the other is told who holds the cluster and since when; or waits for its end', async () => {
  await startWorker();
  const { begun, letGo } = holdEffects();
  const first = run('deploy');
  await begun;
  const second = await run('deploy --json');
  expect(second.code).toBe(6);
  const { data, error } = JSON.parse(second.out);
  expect(error).toMatchObject({
    code: 'OPERATION_RUNNING',
    retryable: true,
    hint: expect.stringContaining('op attach'),
  });
  expect(data).toMatchObject({ actor: expect.stringContaining('@'), startedAt: expect.any(String) });
  const third = run('deploy --wait-lock=60s');
  letGo();
  expect(await first).toMatchObject({ code: 0, out: expect.stringMatching(/deploy-1/) });
  expect(await third).toMatchObject({ code: 0, out: expect.stringContaining('nothing to change') });
});

test('Ctrl-C lets go of the terminal and harms nothing; attach follows on', async () => {
  await startWorker();
  const { begun, letGo } = holdEffects();
  const ending = new AbortController();
  const running = run('deploy', ending.signal);
  await begun;
  ending.abort();
  const detached = await running;
  expect(detached.code).toBe(130);
  expect(detached.out).toMatch(/(\S+) goes on without this terminal\n watch: .*op attach \1 · .*op cancel \1\n/);
  letGo();
  expect(await run('op attach')).toMatchObject({ code: 0, out: expect.stringContaining('Done in') });
});

test('--timeout lets go of what goes on, with the lines to type; op attach takes it too', async () => {
  await startWorker();
  const { begun, letGo } = holdEffects();
  const running = run('deploy --timeout 300ms');
  await begun;
  expect(await running).toMatchObject({
    code: 130,
    out: expect.stringMatching(
      /^detached after 0\.3s; (\S+) goes on without this terminal\n watch: .*op attach \1 · .*op cancel \1$/m,
    ),
  });
  const attached = await run('op attach --timeout 100ms --json');
  expect(attached.code).toBe(130);
  expect(JSON.parse(attached.out)).toMatchObject({ ok: true, data: { detached: true, timedOut: true } });
  letGo();
  expect(await run('op attach --timeout 10m')).toMatchObject({ code: 0, out: expect.stringContaining('deploy-1') });
});

test('cancel stops between two steps, and says what to look at', async () => {
  await startWorker();
  const { begun, letGo } = holdEffects();
  const started = await run('deploy --detach');
  const [, id] = /\/(\S+-deploy-\w{4}) by /.exec(started.out)!;
  expect(started.out).toContain(` watch: krakenctl op attach ${id} · stop safely: krakenctl op cancel ${id}`);
  await begun;
  expect(await run('op cancel')).toMatchObject({
    code: 0,
    out: expect.stringMatching(
      new RegExp(` watch: krakenctl op attach (deploy-1|${id}) · what is left then: krakenctl plan`),
    ),
  });
  letGo();
  const ended = await run('op attach');
  expect(ended.code).toBe(1);
  expect(ended.err).toContain('CANCELLED');
  expect((await json('op list')).data[0]).toMatchObject({ result: 'cancelled', name: 'deploy-1' });
  expect((await json('op cancel')).error).toMatchObject({ code: 'NO_OPERATION' });
  expect((await run('op show')).out).toMatch(/deploy-1 · .*cancelled/);
});

describe('cluster destroy', () => {
  const nameOf = async () => (await json('check')).data.cluster as string;
  const effects = () => lab.journal.length;

  test('shows what goes, removes it, and finds nothing the second time', async () => {
    await startWorker();
    await run('deploy');
    const name = await nameOf();
    const destroyed = await run(`cluster destroy --confirm ${name}`);
    expect(destroyed).toMatchObject({ code: 0 });
    expect(destroyed.out).toMatch(/node-1\.\.3 +9 containers: build-index nginx/);
    expect(destroyed.out).toMatch(new RegExp(`/etc/kraken/${name} +configuration +node-1 \\d+ KiB · node-2`));
    expect(destroyed.out).toMatch(/images and the Docker engine stay/);
    expect(destroyed.out).toMatch(/27 containers and 6 folders removed/);
    for (const machine of lab.machines.values()) expect([machine.containers.size, machine.stored.size]).toEqual([0, 0]);
    const before = effects();
    const again = await run(`cluster destroy --confirm ${name}`);
    expect(again).toMatchObject({ code: 0, out: expect.stringContaining('nothing to destroy') });
    expect(effects()).toBe(before);
    expect((await run('op list')).out).toContain('destroy-1');
  });

  test('a host that cannot be reached: refused, or skipped and left to do with exit 5', async () => {
    await startWorker();
    await run('deploy');
    const name = await nameOf();
    lab.machine('node-3').isOn = false;
    const before = effects();
    const refused = await run(`cluster destroy --confirm ${name}`);
    expect(refused).toMatchObject({
      code: 1,
      err: expect.stringMatching(/nothing was removed[\s\S]*--skip-unreachable/),
    });
    expect(effects()).toBe(before);
    const partial = await run(`cluster destroy --confirm ${name} --skip-unreachable`);
    expect(partial).toMatchObject({ code: 5, out: expect.stringContaining('left to do: node-3') });
    const answer = await json(`cluster destroy --confirm ${name} --skip-unreachable`);
    expect(answer).toMatchObject({ ok: false, error: { code: 'LEFT_TO_DO' }, data: { changed: false } });
    lab.machine('node-3').isOn = true;
    expect(await run(`cluster destroy --confirm ${name}`)).toMatchObject({ code: 0 });
    for (const machine of lab.machines.values()) expect([machine.containers.size, machine.stored.size]).toEqual([0, 0]);
  });
});

test('agents are removed after a person has seen which and agreed: all by the name of the cluster, some by a yes', async () => {
  await startWorker();
  await run('deploy');
  expect(await run('agent deploy 10.0.2.1 10.0.2.2 10.0.2.3')).toMatchObject({ code: 0 });
  const agents = () => [1, 2, 3].filter((n) => lab.machine(`10.0.2.${n}`).agentState.running);
  const refused = await line.runAsked('agent remove --all', 'y');
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('nothing was done') });
  expect(refused.out).toContain('are removed on 3 VMs: 10.0.2.1 10.0.2.2 10.0.2.3');
  expect(await line.runAsked('agent remove 10.0.2.1', '')).toMatchObject({ code: 1 });
  expect(agents()).toEqual([1, 2, 3]);
  const one = await line.runAsked('agent remove 10.0.2.1', 'y');
  expect(one).toMatchObject({ code: 0, out: expect.stringContaining('are removed on 1 VM: 10.0.2.1\n') });
  expect(agents()).toEqual([2, 3]);
  expect(await line.runAsked('agent remove --all', line.cluster)).toMatchObject({ code: 0 });
  expect(agents()).toEqual([]);
});

test('what could not be seen is said with the reason, and nothing is concluded of it', async () => {
  await startWorker();
  await run('deploy');
  // Logins from here have no key; Temporal knows the operation all the same.
  expect(await run('op list')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/deploy-1[\s\S]*! incomplete, without node-1: [\s\S]*without node-3: /),
  });
  for (const host of ['node-2', 'node-3']) lab.machine(host).isOn = false;
  const undone = await run('op undo');
  expect(undone).toMatchObject({ code: 1, err: expect.stringMatching(/the record of a majority[\s\S]*node-3: /) });
  expect((await run('status')).out).toContain(' ? the record of a deploy could not be read: node-2..3 not seen');
  const listed = await run('cluster list');
  expect(listed.out).toMatch(/at least 1 of 3[\s\S]*incomplete, without node-2: /);
  lab.machine('node-1').isOn = false;
  expect(await run('status')).toMatchObject({ code: 11, out: expect.stringContaining('UNKNOWN') });
  expect(await run('agent list')).toMatchObject({
    code: 1,
    err: expect.stringContaining('no node, which keep the list'),
  });
});

describe('a cluster of another krakenctl', () => {
  test('a plan of it ends as the deploy would, with what can be done', async () => {
    await startWorker();
    await run('deploy');
    await line.stopWorker();
    await startWorker(workerIdentity(), 'owner-2');
    const refused = await run('plan');
    expect(refused).toMatchObject({
      code: 6,
      out: expect.stringMatching(/node-1 +✘ it is looked after by another krakenctl[\s\S]*a deploy would refuse\n$/),
      err: expect.stringMatching(/FOREIGN_OWNER[\s\S]*cluster take-over/),
    });
    expect(await run('deploy')).toMatchObject({ code: 6, err: refused.err });
    expect(await json('deploy --dry-run')).toMatchObject({
      ok: false,
      error: { code: 'FOREIGN_OWNER' },
      data: { plan: { foreign: [{ host: 'node-1' }, {}, {}] }, token: expect.any(String) },
    });
  });

  test('the list tells what both sources know; a lost owner is replaced, and refused from then on', async () => {
    await startWorker();
    await run('deploy');
    const { cluster: name } = (await json('check')).data;
    const mine = async () => (await json('cluster list')).data.clusters.find((c: { name: string }) => c.name === name);
    expect(await mine()).toMatchObject({
      knownTo: ['hosts', 'temporal'],
      generation: 1,
      version: 'v0.1.27',
      nodes: 3,
      serving: 3,
      owner: 'ours',
      lastOperation: { name: 'deploy-1', result: 'done' },
    });
    expect((await run(`cluster take-over --confirm ${name}`)).out).toContain('it is ours already');
    await line.stopWorker();
    await startWorker(workerIdentity(), 'owner-2');
    expect(await mine()).toMatchObject({ owner: 'another' });
    expect(await run(`cluster destroy --confirm ${name}`)).toMatchObject({
      code: 6,
      err: expect.stringContaining('take-over'),
    });
    const taken = await run(`cluster take-over --confirm ${name}`);
    expect(taken).toMatchObject({
      code: 0,
      out: expect.stringMatching(/last recorded operation: deploy-1[\s\S]*takeover-1/),
    });
    expect(await mine()).toMatchObject({ owner: 'ours', lastOperation: { name: 'takeover-1' } });
    expect(await run('deploy')).toMatchObject({ code: 0 });
    await line.stopWorker();
    await startWorker();
    lab.machine('node-1').containers.clear();
    expect((await run('deploy')).code).toBe(6);
  });
});

test('support-bundle holds the histories of the last operations, readable, and what the worker sees', async () => {
  await startWorker();
  await run('deploy');
  const out = join(folder, 'bundle.tar.gz');
  const { data } = await json(`support-bundle --out ${out}`);
  expect(data.files).toEqual(
    expect.arrayContaining([
      'cluster/observation.json',
      'cluster/serving.json',
      'cluster/plan.json',
      'temporal/operations.json',
    ]),
  );
  const history = data.files.find((path: string) => /^temporal\/\d{8}-\d{6}-deploy-[0-9a-f]{4}\.json$/.test(path));
  const text = execFileSync('tar', ['xzfO', out, '--wildcards', `*/${history}`], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const { events } = JSON.parse(text);
  expect(events.length).toBeGreaterThan(50);
  expect(events[0].workflowExecutionStartedEventAttributes.input.payloads[0].spec.images.version).toBe('v0.1.27');
});
