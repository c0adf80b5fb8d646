import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The seed's scripts, in a folder where krakenctl only says how it was called. */
const root = join(__dirname, '..', '..');
const copy = mkdtempSync(join(tmpdir(), 'krakenctl-shims-'));

const commands: [string, string[]][] = [
  ['scripts/production_deploy.sh', ['deploy']],
  ['test/cluster_status.sh', ['status']],
  ['test/test_cluster.sh', ['test', 'smoke']],
  ['scripts/deploy_agent.sh', ['agent', 'deploy']],
];

const notBuilt: [string, string][] = [
  ['scripts/cluster_recovery.sh', 'health and recovery'],
  ['scripts/backup_recovery.sh', 'backups'],
  ['scripts/performance_monitor.sh', 'dashboard, performance and maintenance'],
  ['test/e2e_test.sh', 'dashboard, performance and maintenance'],
];

beforeAll(() => {
  for (const folder of ['scripts', 'test', 'bin', 'elsewhere']) mkdirSync(join(copy, folder));
  for (const [script] of [...commands, ...notBuilt]) copyFileSync(join(root, script), join(copy, script));
  const fake = join(copy, 'bin', 'krakenctl');
  writeFileSync(fake, '#!/bin/sh\nprintf "%s\\n" "$@"\nexit 3\n');
  chmodSync(fake, 0o755);
});

afterAll(() => rmSync(copy, { recursive: true }));

function run(script: string, args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(script, args, { encoding: 'utf8', cwd: join(copy, 'elsewhere') });
}

test.each(commands)('%s is its command, with every argument and exit code, from any folder', (script, command) => {
  const { status, stdout } = run(join(copy, script), ['--dry-run', 'a b', '$(id)']);
  expect({ status, args: stdout.trim().split('\n') }).toEqual({
    status: 3,
    args: [...command, '--dry-run', 'a b', '$(id)'],
  });
});

test('a shim works through a link, as people put them onto their PATH', () => {
  const link = join(copy, 'elsewhere', 'deploy');
  symlinkSync(join(copy, 'scripts', 'production_deploy.sh'), link);
  expect(run(link, []).stdout).toBe('deploy\n');
});

test.each(notBuilt)('%s does nothing, says what it waits for, and exits 2', (script, topic) => {
  const { status, stdout, stderr } = run(join(copy, script), ['anything']);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toMatch(new RegExp(`^[\\w-]+\\.sh: not built yet: ${topic}; .*docs/from-the-scripts\\.md`));
});

test('a shim is a line of shell that a shell accepts', () => {
  for (const [script] of [...commands, ...notBuilt]) {
    execFileSync('sh', ['-n', join(root, script)]);
    const lines = readFileSync(join(root, script), 'utf8').split('\n');
    expect(lines.filter((line) => line !== '' && !line.startsWith('#'))).toHaveLength(1);
  }
});
