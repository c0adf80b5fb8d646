import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The worker as a process: every line that it or Temporal's SDK writes is one object. */
test('worker run --log-format json', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'krakenctl-worker-log-'));
  const program = join(__dirname, '..', '..', 'bin', 'krakenctl');
  const child = spawn(process.execPath, [program, 'worker', 'run', '--log-format', 'json'], {
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      KRAKENCTL_STATE_DIR: folder,
      TEMPORAL_ADDRESS: process.env.KRAKENCTL_TEST_TEMPORAL,
      TEMPORAL_NAMESPACE: 'worker-log',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (text: Buffer) => {
    out += text;
  });
  child.stderr.on('data', (text: Buffer) => {
    err += text;
    // The second one would end it at once.
    if (err.includes('polls at') && !child.killed) child.kill('SIGTERM');
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  rmSync(folder, { recursive: true });
  const lines = err
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));
  // Temporal's SDK says this of a queue for activities alone.
  expect(lines).toContainEqual(expect.objectContaining({ level: 'warn', sdkComponent: 'worker' }));
  expect(lines).toContainEqual({
    time: expect.any(String),
    level: 'info',
    message: expect.stringMatching(/^krakenctl@.* polls at /),
  });
  expect([code, out]).toEqual([0, 'worker stopped\n']);
});
