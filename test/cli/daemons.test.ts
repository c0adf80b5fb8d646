import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findDaemon, logPath, startDaemon, stopDaemon, tailLog } from '../../src/cli/daemons';

let environment: NodeJS.ProcessEnv;
beforeEach(() => {
  environment = { ...process.env, KRAKENCTL_STATE_DIR: mkdtempSync(join(tmpdir(), 'krakenctl-daemon-')) };
});
afterEach(async () => {
  await stopDaemon('worker', environment, 1000);
  rmSync(environment.KRAKENCTL_STATE_DIR!, { recursive: true });
});

const start = (script: string) => startDaemon({ name: 'worker', argv: ['bash', '-c', script], environment });

/** A process is there before its program has come to a line: asked to end too early, it says nothing. */
async function said(line: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!tailLog('worker', environment).includes(line)) {
    if (Date.now() > deadline) throw new Error(`it did not say ${line} within 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('is found while it runs, stops when asked, is not found after', async () => {
  const { pid } = start('echo hello; exec sleep 60');
  await said('hello');
  expect(findDaemon('worker', environment)?.pid).toBe(pid);
  expect(await stopDaemon('worker', environment, 5000)).toBe(true);
  expect(findDaemon('worker', environment)).toBeUndefined();
  expect(await stopDaemon('worker', environment)).toBe(false);
  expect(tailLog('worker', environment)).toEqual(['hello']);
});

test('what does not go within the grace is killed', async () => {
  start('trap "" TERM; echo deaf; while :; do sleep 0.1; done');
  await said('deaf');
  expect(await stopDaemon('worker', environment, 300)).toBe(true);
  expect(findDaemon('worker', environment)).toBeUndefined();
});

test('a pid that was given to another process is not ours', () => {
  writeFileSync(
    join(environment.KRAKENCTL_STATE_DIR!, 'worker.pid'),
    JSON.stringify({ pid: process.pid, started: '1' }),
  );
  expect(findDaemon('worker', environment)).toBeUndefined();
});

test('its output is kept for whoever looks for the reason', async () => {
  start('echo why >&2; exit 3');
  for (let i = 0; i < 50 && tailLog('worker', environment).join('') === ''; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(readFileSync(logPath('worker', environment), 'utf8')).toBe('why\n');
});
