import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failpoints, parseFailpoints, withFailpoints } from '../../src/clients/failpoints';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-failpoints-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const said: string[] = [];
const engine = { create: async (name: string) => void said.push(`create ${name}`), version: async () => '20.10' };

test('without the environment there are none, and a client is handed on as it is', () => {
  expect(parseFailpoints({})).toBeUndefined();
  expect(withFailpoints('docker', ['create'], engine, undefined)).toBe(engine);
});

test.each([
  'docker.after:create#1',
  'docker.sometimes:create#1=kill',
  'ssh.before:write#1=kill',
  'docker.after:create=kill',
  'x',
])('a list that cannot be read is refused: %s', (text) => {
  expect(() => parseFailpoints({ KRAKENCTL_FAILPOINTS: text })).toThrow(`KRAKENCTL_FAILPOINTS: "${text}"`);
});

test('the points around a call are reached in order; what only looks has none', async () => {
  const path = join(folder, 'log');
  const watched = withFailpoints('docker', ['create'], engine, new Failpoints([], { path, record: true }));
  await watched.create('a');
  expect(await watched.version()).toBe('20.10');
  expect(readFileSync(path, 'utf8').trim().split('\n')).toEqual([
    'docker.before:create',
    'docker.during:create',
    'docker.after:create',
  ]);
});

test('a process is killed at the n-th time, having said so, and does not one step more', async () => {
  const log = join(folder, 'log');
  const script = join(folder, 'child.cjs');
  const register = join(__dirname, '..', 'campaign', 'register.cjs');
  const source = join(__dirname, '..', '..', 'src', 'clients', 'failpoints.ts');
  writeFileSync(
    script,
    `require(${JSON.stringify(register)});
     const { withFailpoints } = require(${JSON.stringify(source)});
     const { appendFileSync } = require('node:fs');
     const files = withFailpoints('files', ['write'], { write: async (n) => appendFileSync(${JSON.stringify(log)}, 'wrote ' + n + '\\n') });
     (async () => { for (let n = 1; n < 5; n += 1) await files.write(n); })();`,
  );
  const environment = {
    ...process.env,
    KRAKENCTL_FAILPOINTS: 'files.after:write#2=kill',
    KRAKENCTL_FAILPOINT_LOG: log,
  };
  const child = fork(script, { env: environment, execArgv: [] });
  const signal = await new Promise((resolve) => child.once('exit', (_, by) => resolve(by)));
  expect(signal).toBe('SIGKILL');
  expect(readFileSync(log, 'utf8').trim().split('\n')).toEqual(['wrote 1', 'wrote 2', 'files.after:write#2=kill']);
});
