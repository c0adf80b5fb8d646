import { chownSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { renderPollers } from '../../src/cli/poller-text';
import { carriedVariables, renderEnvironmentFile } from '../../src/cli/systemd/environment-file';
import { findBadValue, renderWorkerUnit, type WorkerUnit } from '../../src/cli/systemd/unit';
import { ensureOwn, planService } from '../../src/cli/systemd/worker-service';
import { renderVersions } from '../../src/cli/worker-versions';
import { type } from './streams';

const unit: WorkerUnit = {
  user: 'kraken-ops',
  node: '/usr/bin/node',
  program: '/opt/krakenctl/bin/krakenctl',
  environmentFile: '/etc/krakenctl/worker.env',
  stateFolder: '/var/lib/krakenctl-worker',
};

test('the unit runs the worker as its user, restarts it always, and lets it write its state folder alone', () => {
  const lines = renderWorkerUnit(unit).split('\n');
  for (const line of [
    'User=kraken-ops',
    'EnvironmentFile=/etc/krakenctl/worker.env',
    'Environment=KRAKENCTL_STATE_DIR=/var/lib/krakenctl-worker',
    'ExecStart=/usr/bin/node /opt/krakenctl/bin/krakenctl worker run',
    'Restart=always',
    'NoNewPrivileges=true',
    'ProtectSystem=strict',
    'ReadWritePaths=/var/lib/krakenctl-worker',
    'CapabilityBoundingSet=',
    'WantedBy=multi-user.target',
  ])
    expect(lines).toContain(line);
  expect(lines.filter((line) => line.startsWith('ReadWritePaths='))).toHaveLength(1);
  // Node.js compiles at run time: this would end it at once.
  expect(lines.join('\n')).not.toContain('MemoryDenyWriteExecute');
});

test('its log is JSON where that was asked for', async () => {
  const { out } = await type(['worker', 'install', '--user', 'kraken-ops', '--dry-run', '--log-format', 'json']);
  expect(out).toMatch(/^ExecStart=\S+ \S+ worker run --log-format json$/m);
});

test.each<[Partial<WorkerUnit>, string]>([
  [{ user: 'root\nExecStartPre=/bin/x' }, 'user'],
  [{ user: '' }, 'user'],
  [{ user: '%i' }, 'user'],
  [{ program: 'bin/krakenctl' }, 'program'],
  [{ program: '/opt/with space/krakenctl' }, 'program'],
  [{ node: '/usr/bin/%n' }, 'node'],
  [{ stateFolder: '/var/lib/x\n' }, 'stateFolder'],
  [{ environmentFile: '-/etc/x' }, 'environmentFile'],
])('%j cannot stand in a unit', (change, field) => {
  expect(findBadValue({ ...unit, ...change })?.field).toBe(field);
});

test("the service is the owner that this person's worker is to the hosts", () => {
  const folder = mkdtempSync(join(tmpdir(), 'krakenctl-state-'));
  writeFileSync(join(folder, 'owner-id'), 'owner-of-before');
  const plan = planService({ user: 'kraken-ops', environment: { KRAKENCTL_STATE_DIR: folder } });
  expect(plan.ownerId).toBe('owner-of-before');
  expect(
    planService({ user: 'kraken-ops', environment: { KRAKENCTL_STATE_DIR: `${folder}/none` } }).ownerId,
  ).toBeUndefined();
});

test('the service has the secrets of the person whose worker it is, and may write there', () => {
  const folder = mkdtempSync(join(tmpdir(), 'krakenctl-state-'));
  const uid = process.getuid!();
  const environment = { KRAKENCTL_STATE_DIR: folder, SUDO_USER: 'ops', SUDO_UID: `${uid}` };
  const own = planService({ user: 'ops', environment });
  expect(own.files[0]!.text).toContain(`KRAKENCTL_SECRETS_DIR="${folder}/secrets"`);
  expect(own.files[1]!.text).toContain(`\nReadWritePaths=/var/lib/krakenctl-worker ${folder}/secrets\n`);
  // Sudo took root's home, where this person could not enter.
  const inRoots = planService({ user: 'ops', environment: { ...environment, SUDO_UID: `${uid + 1}` } });
  expect(inRoots.files[0]!.text).not.toContain('SECRETS_DIR');
  // Another user's, who could not read them.
  expect(planService({ user: 'kraken-ops', environment }).files[0]!.text).not.toContain('SECRETS_DIR');
  // Where there are some they are named, so that it is said that the user cannot read them.
  mkdirSync(join(folder, 'secrets'));
  expect(planService({ user: 'kraken-ops', environment }).unit.secretsFolder).toBe(`${folder}/secrets`);
});

test('secrets of somebody else are named before the service is written, also where it is to run as root', () => {
  const folder = mkdtempSync(join(tmpdir(), 'krakenctl-secrets-'));
  if (process.getuid!() === 0) chownSync(folder, 1, 1);
  const asRoot = () => ensureOwn(folder, { uid: 0, gid: 0, user: 'root' });
  expect(asRoot).toThrow(/KRAKENCTL_SECRETS_DIR \S+: it belongs to uid \d+; expected root/);
  const own = { uid: process.getuid!(), gid: process.getgid!(), user: 'me' };
  expect(() => ensureOwn(join(tmpdir(), `${basename(folder)}-own`, 'secrets'), own)).not.toThrow();
});

test('what is right for a unit has no bad value', () => {
  expect(findBadValue(unit)).toBeUndefined();
});

test('the environment file carries what names Temporal and the keys, and nothing else of the shell', () => {
  const carried = carriedVariables({
    TEMPORAL_ADDRESS: 'ns.acct.tmprl.cloud:7233',
    TEMPORAL_NAMESPACE: 'ns.acct',
    TEMPORAL_API_KEY: 'k',
    TEMPORAL_TLS_CLIENT_CERT_PATH: '/c.pem',
    TEMPORAL_UI_URL: 'http://x',
    KRAKENCTL_CODEC_KEY_FILE: '/codec.key',
    AWS_SECRET_ACCESS_KEY: 'never',
    PATH: '/bin',
    TEMPORAL_PROFILE: '',
  });
  expect(Object.keys(carried)).toEqual([
    'KRAKENCTL_CODEC_KEY_FILE',
    'TEMPORAL_ADDRESS',
    'TEMPORAL_API_KEY',
    'TEMPORAL_NAMESPACE',
    'TEMPORAL_TLS_CLIENT_CERT_PATH',
  ]);
});

test('values are quoted as systemd reads them; one over several lines is refused', () => {
  expect(renderEnvironmentFile({ A: 'x "y" \\ $z `w`' })).toContain('A="x \\"y\\" \\\\ \\$z \\`w\\`"\n');
  expect(() => renderEnvironmentFile({ A: 'x\nB=1' })).toThrow('A: expected one line');
});

test('install --dry-run shows both files, without the API key', async () => {
  const environment = {
    TEMPORAL_ADDRESS: '10.0.0.1:7233',
    TEMPORAL_API_KEY: 'canary-key',
    KRAKENCTL_STATE_DIR: '/nonexistent',
  };
  const { code, out } = await type(['worker', 'install', '--user', 'kraken-ops', '--dry-run'], { environment });
  expect(code).toBe(0);
  expect(out).toContain('/etc/systemd/system/krakenctl-worker.service, mode 0644');
  expect(out).toContain('/etc/krakenctl/worker.env, mode 0600');
  expect(out).toContain('TEMPORAL_ADDRESS="10.0.0.1:7233"');
  expect(out).toContain('TEMPORAL_API_KEY="[redacted]"');
  expect(out).not.toContain('canary-key');
});

test('a user that no system has is refused before anything is written', async () => {
  const { code, err } = await type(['worker', 'install', '--user', 'a b', '--dry-run']);
  expect(code).toBe(2);
  expect(err).toContain('user "a b": expected a name of a user');
});

test('workers are told apart by host and process; one of another version is marked, one that gets nothing new too', () => {
  const poller = (host: string, pid: number, version: string, takesNew = true) => ({
    identity: `krakenctl@${version} ${pid}@${host}`,
    host,
    pid,
    version,
    lastSeen: 1_000_000,
    buildIds: ['a1'],
    takesNew,
  });
  const pollers = [poller('ops-2', 7, '0.1.0+b'), poller('ops-1', 4711, '0.1.0+a'), poller('ops-3', 8, '0.0.9', false)];
  expect(renderPollers(pollers, { now: 1_005_000, version: '0.1.0+a' })).toEqual([
    '3 workers poll',
    ' ops-3 pid 8     0.0.9  seen 5 s ago · ends what is older',
    ' ops-1 pid 4711  0.1.0+a  seen 5 s ago',
    ' ops-2 pid 7     0.1.0+b  seen 5 s ago ! another version than this',
  ]);
});

test('workflow code that has something open and no worker is told with both ways out', () => {
  const version = { buildId: 'aaaaaaaaaaaa', state: 'draining', release: '0.1.0+a', open: 2 } as const;
  const [, line, ...advice] = renderVersions([{ ...version, workers: [] }]);
  expect(line).toBe(' aaaaaaaaaaaa  draining  0.1.0+a  2 open');
  expect(advice.join('\n')).toMatch(
    /a worker of 0\.1\.0\+a, on any machine[\s\S]*update-options --query .*krakenctl:aaaaaaaaaaaa/,
  );
  expect(renderVersions([{ ...version, workers: ['krakenctl@0.1.0+b 7@ops-1'] }])).toHaveLength(2);
  expect(renderVersions([])).toEqual([]);
});
