import { type ChildProcess, spawn } from 'node:child_process';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { workerVersion } from '../../src/cli/version';
import { CommandLine } from '../support/command-line';
import { quietRuntime } from '../support/temporal';

/** What a person types to hold a rollout, and what everybody sees of it. */
let line: CommandLine;
let worker: ChildProcess;

beforeAll(() => quietRuntime());
beforeEach(async () => {
  line = new CommandLine('holding');
  worker = await startMortalWorker();
  await line.run('deploy');
});
afterEach(async () => {
  await line.close();
  worker.kill();
});

const begin = (options = '') =>
  line.json(`deploy --to-version v0.1.28 --bake 0 --approve-each-node --detach ${options}`.trim());

async function eventually(what: string, look: () => Promise<boolean>): Promise<void> {
  for (const until = Date.now() + 30_000; !(await look()); ) {
    if (Date.now() > until) throw new Error(`${what}: not within 30 s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const holdOf = async () => (await line.json('op list')).data[0]?.hold as { kind: string; point: string } | undefined;
const untilHeld = (kind: string, point: string) =>
  eventually(`${kind} at ${point}`, async () => {
    const hold = await holdOf();
    return hold?.kind === kind && hold.point === point;
  });

/** A list does not wait long for a busy worker, and says less then. */
const shows = (words: string, text: RegExp) =>
  eventually(`${words}: ${text}`, async () => text.test((await line.run(words)).out));

const lastLine = () => {
  const path = `/var/lib/krakenctl/${line.cluster}/operations.jsonl`;
  const lines = line.lab.machine('node-1').stored.get(path)!.contents.toString().trim().split('\n');
  return JSON.parse(lines.at(-1)!);
};

/** A process that can end: Temporal remembers a worker for a minute, and the one of the tests is alive. */
async function startMortalWorker(): Promise<ChildProcess> {
  const mortal = spawn('sleep', ['600']);
  await line.startWorker(`krakenctl@${workerVersion()} ${mortal.pid}@${hostname()}`);
  return mortal;
}

test('held at each node, the command and the worker gone and back, approved by whoever comes: it goes on to its end', async () => {
  expect(await begin('--reason CVE-2026-1')).toMatchObject({ ok: true, data: { detached: true } });
  await untilHeld('approval', 'node-1');
  await shows('op list', /deploy-2 +held [\s\S]*‖ waiting: approval for node-1 since .* · krakenctl op approve/);
  await shows('op show', /because: CVE-2026-1[\s\S]*‖ waiting: approval for node-1/);
  await line.stopWorker();
  worker.kill();
  expect(await line.run('op approve')).toMatchObject({
    code: 7,
    err: expect.stringContaining('krakenctl worker start'),
  });
  worker = await startMortalWorker();
  const paused = await line.type(['op', 'pause', '--reason', 'out for lunch']);
  expect(paused).toMatchObject({ code: 0, out: expect.stringContaining('deploy-2 is held before node-1') });
  await untilHeld('paused', 'node-1');
  expect(await line.json('op approve')).toMatchObject({
    ok: false,
    error: {
      code: 'NOTHING_TO_APPROVE',
      hint: 'krakenctl op resume',
      message: expect.stringContaining('it is paused'),
    },
  });
  expect(await line.json('op pause deploy-2')).toMatchObject({ error: { code: 'ALREADY_PAUSED' } });
  expect(await line.run('op resume')).toMatchObject({ code: 0, out: expect.stringContaining('deploy-2 goes on') });
  const attached = line.run('op attach');
  for (const point of ['node-1', 'node-2', 'node-3']) {
    await untilHeld('approval', point);
    const approved = await line.json(`op approve --at ${point} --reason fine`);
    expect(approved).toMatchObject({ ok: true, data: { name: 'deploy-2', approved: true, point, title: point } });
    if (point === 'node-1')
      expect(await line.json('op approve --at node-1')).toMatchObject({
        error: { code: 'NOTHING_TO_APPROVE', message: expect.stringContaining('node-1 was approved by') },
      });
  }
  const { code, out } = await attached;
  expect(code).toBe(0);
  expect(out).toMatch(/approved node-2 by .*@.*: fine[\s\S]*Done in/);
  const whats = ['paused', 'resumed', 'approved', 'approved', 'approved'];
  expect(lastLine()).toMatchObject({ reason: 'CVE-2026-1', decisions: whats.map((what) => ({ what })) });
  await shows('op show deploy-2', /paused before node-1 by .*: out for lunch[\s\S]*approved node-3 by/);
  expect((await line.json('op pause')).error).toMatchObject({ code: 'NO_OPERATION' });
});

test('--to-version: the plan names it as the reason, and .env, which says another, is told of', async () => {
  const planned = await line.run('deploy --to-version v0.1.28 --bake 0 --dry-run');
  expect(planned).toMatchObject({ code: 3, out: expect.stringContaining('v0.1.28 (--to-version)') });
  const token = /deploy --to-version v0\.1\.28 --bake 0 --plan ([0-9a-f]{12})/.exec(planned.out)![1];
  const { code, out } = await line.run(`deploy --to-version v0.1.28 --bake 0 --plan ${token}`);
  expect([code, out]).toEqual([0, expect.stringMatching(/Done in[\s\S]*your \S*\.env still says v0\.1\.27/)]);
  const back = await line.run('deploy --bake 0 --to-version v0.1.27');
  expect([back.code, back.out]).toEqual([0, expect.not.stringContaining('still says')]);
});

test('denied: exit 8 with who and why, and the node is as it was', async () => {
  const deployed = line.run('deploy --to-version v0.1.28 --bake 0 --approve-each-node');
  await untilHeld('approval', 'node-1');
  const before = line.lab.journal.filter((effect) => / (create|stop) /.test(effect)).length;
  const denied = await line.type(['op', 'approve', '--deny', '--reason', 'not today']);
  expect(denied).toMatchObject({ code: 0, out: expect.stringContaining('denied: deploy-2 ends before node-1') });
  const { code, out, err } = await deployed;
  expect(code).toBe(8);
  expect(err).toMatch(/APPROVAL_DENIED node-1 was denied by .*@.*: not today/);
  expect(out).toMatch(/denied node-1 by/);
  expect(line.lab.journal.filter((effect) => / (create|stop) /.test(effect))).toHaveLength(before);
});

test('cancelled while it is held: it ends cleanly, and who and why stay', async () => {
  await begin();
  await untilHeld('approval', 'node-1');
  expect(await line.type(['op', 'cancel', '--reason', 'wrong one'])).toMatchObject({ code: 0 });
  expect((await line.run('op attach')).err).toContain('CANCELLED');
  await shows('op show', /cancelled by .*@.*: wrong one/);
  expect(lastLine()).toMatchObject({ result: 'cancelled', decisions: [{ what: 'cancelled', reason: 'wrong one' }] });
  expect(await line.run('plan')).toMatchObject({ code: 0 });
});

test('an operation without safe points says so', async () => {
  const removing = new Promise<void>((resolve) => {
    line.lab.hook = (moment, effect) => {
      if (moment !== 'before' || !effect.startsWith('remove ')) return;
      resolve();
      return letGo;
    };
  });
  let go = () => {};
  const letGo = new Promise<void>((resolve) => {
    go = resolve;
  });
  const destroyed = line.run(`cluster destroy --confirm ${line.cluster}`);
  await removing;
  const { error } = await line.json('op pause');
  expect(error).toMatchObject({ code: 'NOT_BUILT', message: expect.stringContaining('which has no safe points') });
  go();
  expect((await destroyed).code).toBe(0);
});

describe('Ctrl-C on a terminal', () => {
  /** The real program on a pseudo-terminal, whose line discipline makes signals of Ctrl-C. */
  function openTerminal(words: string): { child: ChildProcess; screen: () => string; ended: Promise<number> } {
    const root = join(__dirname, '..', '..');
    const register = join(root, 'test', 'campaign', 'register.cjs');
    const program = `${process.execPath} -r ${register} ${join(root, 'src', 'cli', 'main.ts')}`;
    const command = `${program} ${words} --env-file ${line.envFile}`;
    const { CI: _, ...environment } = process.env;
    const child = spawn('script', ['-qefc', command, '/dev/null'], {
      env: { ...environment, ...line.environment, TERM: 'xterm' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout!.on('data', (bytes: Buffer) => {
      text += bytes.toString();
    });
    const ended = new Promise<number>((resolve) => child.on('exit', (code) => resolve(code ?? -1)));
    return { child, screen: () => text, ended };
  }

  test('lets go; a second one offers to hold it, and a yes does', async () => {
    await begin();
    await untilHeld('approval', 'node-1');
    const { child, screen, ended } = openTerminal('op attach');
    const untilShown = (text: string) => eventually(text, async () => screen().includes(text));
    await untilShown('approval for node-1');
    child.stdin!.write('\x03');
    await untilShown('again within 3 s: hold it at its next safe point');
    child.stdin!.write('\x03');
    await untilShown(`hold ${line.cluster}/deploy-2 at its next safe point? [y/N]`);
    child.stdin!.write('y\r');
    expect(await ended).toBe(130);
    expect(screen()).toMatch(/goes on without this terminal[\s\S]*deploy-2 is held before node-1/);
    await untilHeld('paused', 'node-1');
    await line.run('op cancel');
  });
});
