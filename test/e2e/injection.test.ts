import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../../src/lab/lab';
import {
  container,
  freshLab,
  krakenctl,
  labName,
  must,
  type Run,
  type RunOptions,
  stateFolder,
  writeEnv,
} from '../support/lab';
import { observeRecord, onHost, tryOnHost } from '../support/observer';

/** Texts that a shell would run are put wherever a text can be put; what they would make is on no host and not here. */
const trap = `/tmp/krakenctl-canary-${randomBytes(4).toString('hex')}`;
const folder = join(stateFolder, 'injection');
const payloads = {
  'a substitution': `$(touch ${trap})`,
  backticks: `\`touch ${trap}\``,
  'a second command': `;touch ${trap};`,
  'a pipe': `|touch ${trap}`,
  'a new line': `x\ntouch ${trap}\n`,
  'a closed quote': `'; touch ${trap}; '`,
  'a closed double quote': `"; touch ${trap}; "`,
};

/** In one: it is run without quotes, between single ones and between double ones. */
const { 'a closed quote': single, 'a closed double quote': double, ...open } = payloads;
const all = [single, double, ...Object.values(open)].join('x');

let lab: Lab;
let hosts: Record<string, string>;

beforeAll(async () => {
  lab = await freshLab();
  hosts = Object.fromEntries(
    lab.hosts.filter((h) => h.name.startsWith('node-')).map((h) => [h.name, container(lab, h.name)]),
  );
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeEnv(lab, {}, folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(async () => expect(await sprung()).toEqual([]));

/** Where the trap was sprung. */
async function sprung(): Promise<string[]> {
  const found = await Promise.all(
    Object.entries(hosts).map(async ([id, host]) =>
      (await tryOnHost(host, ['test', '-e', trap])).code === 0 ? [id] : [],
    ),
  );
  return [...found.flat(), ...(existsSync(trap) ? ['the worker'] : [])];
}

const cli = (args: string[], options: RunOptions = {}): Promise<Run> => krakenctl(args, { folder, ...options });

test('what a shell is given in earnest springs the trap, on a host and here', async () => {
  for (const payload of Object.values(payloads)) {
    const quote = payload.startsWith("'") ? "'" : payload.startsWith('"') ? '"' : '';
    await tryOnHost(hosts['node-1']!, ['sh', '-c', `echo ${quote}${payload}${quote}`]);
    expect(await sprung()).toEqual(['node-1']);
    await onHost(hosts['node-1']!, ['rm', trap]);
  }
  for (const quote of ['', "'", '"']) {
    await tryOnHost(hosts['node-1']!, ['sh', '-c', `echo ${quote}${all}${quote}`]);
    expect([quote, await sprung()]).toEqual([quote, ['node-1']]);
    await onHost(hosts['node-1']!, ['rm', trap]);
  }
  writeFileSync(trap, '');
  expect(await sprung()).toEqual(['the worker']);
  rmSync(trap);
});

test('in an argument they are refused, or a name that nothing has', async () => {
  for (const args of [
    ['deploy', '--yes', '--plan', all],
    ['logs', all],
    ['logs', 'node-1', all],
    ['logs', 'node-1', '--op', all],
    ['op', 'show', all],
    ['agent', 'show', all],
    ['agent', 'pull', all, '--all'],
  ])
    expect([args, (await cli(args)).code]).not.toEqual([args, 0]);
});

/** What passes: the person's name is nobody's to choose, and goes into every record of every host. */
test('as the name of who deploys it is written down on every host as it is, and run nowhere', async () => {
  const env = { SUDO_USER: all };
  expect((await must(['deploy', '--yes'], { folder, env })).code).toBe(0);
  for (const host of Object.values(hosts)) {
    const record = JSON.parse((await observeRecord(host, labName))['state.json']!) as {
      operation: { actor: string };
    };
    expect(record.operation.actor.startsWith(`${all}@`)).toBe(true);
  }
  expect(await sprung()).toEqual([]);
  for (const args of [['plan'], ['status'], ['op', 'list'], ['check']]) await must(args, { folder, env });
});

test('what the rules let through and a program may take for an option is a value', async () => {
  const odd = join(folder, 'a=b,@+');
  writeEnv(lab, { LOG_DIR: `${odd}/-rf/--exclude=x` }, folder);
  await must(['logs', 'node-1', 'redis', '--collect'], { folder });
  expect(readdirSync(`${odd}/-rf/--exclude=x`).length).toBeGreaterThan(0);
  for (const change of [
    { KRAKEN_VERSION: '_--privileged' },
    { SSH_USER: '_-oProxyCommand' },
    { IMAGE_SOURCE: 'load', IMAGE_ARCHIVE_DIR: `${odd}/-C` },
  ] as Record<string, string>[]) {
    writeEnv(lab, change, folder);
    expect([change, (await cli(['deploy', '--yes'])).code]).toEqual([change, 1]);
  }
  const bundle = join(folder, `$(touch ${trap.replaceAll('/', '_')}).tar.gz`);
  writeEnv(lab, {}, folder);
  await must(['support-bundle', '--out', bundle], { folder });
  expect(existsSync(bundle)).toBe(true);
});
