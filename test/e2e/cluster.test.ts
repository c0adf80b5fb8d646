import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Lab } from '../../src/lab/lab';
import { expectWhole, touchprint } from '../support/end-state';
import { container, json, krakenctl, labName, must, stateFolder, workFolder, writeEnv } from '../support/lab';
import { observeContainers, observeFiles, onHost, pullTiny, pushTiny } from '../support/observer';
import { plain, standingCluster } from '../support/standing';

/** A cluster from its beginning to its end, as a person has it: deployed, destroyed with its data kept, back, taken over, gone. */
let lab: Lab;
let hosts: Record<string, string>;
let digest: string;
let other: string;
let address: string;

const repository = '127.0.0.1:5000/e2e/kept';
const destroy = ['cluster', 'destroy', '--confirm', labName];

beforeAll(async () => {
  lab = await standingCluster(plain);
  hosts = Object.fromEntries(lab.hosts.filter((h) => h.name.startsWith('node-')).map((h) => [h.name, h.container]));
  other = mkdtempSync(join(tmpdir(), 'krakenctl-other-'));
  const { port } = JSON.parse(readFileSync(join(stateFolder, 'temporal.json'), 'utf8')) as { port: number };
  address = `127.0.0.1:${port}`;
});
afterAll(async () => {
  await krakenctl(['worker', 'stop'], { env: elsewhere() });
  await krakenctl(['worker', 'start']);
  rmSync(other, { recursive: true });
});

/** The same Temporal, another krakenctl: its state folder holds another owner id. */
const elsewhere = () => ({ KRAKENCTL_STATE_DIR: other, TEMPORAL_ADDRESS: address });

/** Everything that a cluster leaves on a host, as the host itself says. */
async function remains(): Promise<string[]> {
  const perHost = await Promise.all(
    Object.entries(hosts).map(async ([id, host]) => {
      const containers = Object.keys(await observeContainers(host));
      const folders = (
        await onHost(host, ['find', '/etc', '/var/lib', '/var/log', '-maxdepth', '1', '-name', 'kraken*'])
      )
        .split('\n')
        .filter(Boolean);
      const volumes = (await onHost(host, ['docker', 'volume', 'ls', '-q'])).split('\n').filter(Boolean);
      return [...containers, ...volumes, ...folders].map((what) => `${id} ${what}`);
    }),
  );
  return perHost.flat();
}

test('without its name nothing is destroyed, exit 2', async () => {
  const before = await remains();
  for (const args of [[], ['--yes'], ['--confirm', 'other']]) {
    expect((await krakenctl(['cluster', 'destroy', ...args])).code).toBe(2);
  }
  expect(await remains()).toEqual(before);
});

test('destroyed with --keep-data and deployed again, it gives back what was pushed', async () => {
  digest = await pushTiny(container(lab, 'node-1'), `${repository}:1`, 'kept over a destroy');
  const redisIds = await redisNames();
  const run = await must([...destroy, '--keep-data']);
  expect(run.stdout).toMatch(/this stays[\s\S]*\/var\/lib\/kraken\/test/);
  for (const host of Object.values(hosts)) {
    expect(await observeContainers(host)).toEqual({});
    expect(await observeFiles(host)).toEqual({});
  }
  const listed = await json<{ clusters: { name: string; destroyed?: { dataKept: boolean } }[] }>(['cluster', 'list']);
  expect(listed.data.clusters.find((c) => c.name === labName)).toMatchObject({
    destroyed: { dataKept: true },
    owner: 'ours',
  });
  const alone = await must(['cluster', 'list'], { env: { TEMPORAL_ADDRESS: '127.0.0.1:1' } });
  expect(alone.stdout).toMatch(/test +\d+ +v0\.1\.27 +destroyed +ours +destroy-1 done[\s\S]*its data is kept/);
  expect(alone.stdout).toContain('incomplete, without Temporal');
  await must(['deploy', '--yes']);
  await expectWhole(hosts, labName);
  expect(await pullTiny(container(lab, 'node-2'), repository, digest)).toBe('kept over a destroy');
  expect(await redisNames()).toEqual(redisIds);
});

/** Redis keeps its names in its data folder: the same names are the same instances. */
async function redisNames(): Promise<string[]> {
  const nodes = await onHost(container(lab, 'node-1'), [
    ...['docker', 'exec', `kraken-${labName}-node-1-redis`, 'redis-cli', '-p', '6379', 'cluster', 'nodes'],
  ]);
  return nodes
    .split('\n')
    .map((line) => line.split(' ')[0]!)
    .filter(Boolean)
    .sort();
}

test('a support bundle has what every host knows, and no secret that was in a log or in .env', async () => {
  const secret = 'canary-of-the-e2e-test';
  writeEnv(lab, { AUTH_SECRET: secret });
  const one = container(lab, 'node-1');
  // NGINX logs what is asked of it.
  await onHost(one, ['curl', '-s', '-o', '/dev/null', `http://127.0.0.1:5000/v2/probe/${secret}/manifests/none`]);
  const log = await onHost(one, ['docker', 'logs', `kraken-${labName}-node-1-nginx`]);
  expect(log).toContain(secret);
  const out = join(other, 'bundle.tar.gz');
  const run = await must(['support-bundle', '--out', out]);
  writeEnv(lab);
  expect(run.stdout).not.toContain('not collected');
  const text = execFileSync('tar', ['xzfO', out], { encoding: 'utf8', maxBuffer: 1 << 28 });
  expect(text).not.toContain(secret);
  expect(text).toContain('/v2/probe/[redacted]/manifests/none');
  const names = execFileSync('tar', ['tzf', out], { encoding: 'utf8' }).split('\n');
  for (const host of Object.keys(hosts)) {
    for (const file of [
      'record/state.json',
      'record/operations.jsonl',
      'containers.json',
      'logs/origin.log',
      'redis/cluster-nodes-6379.txt',
    ])
      expect(names).toContainEqual(expect.stringMatching(new RegExp(`/hosts/${host}/${file}$`)));
  }
  expect(names.filter((name) => /\/temporal\/.*-(deploy|destroy)-/.test(name)).length).toBeGreaterThanOrEqual(3);
});

test('a file system that somebody mounted below stops it before anything is removed', async () => {
  const one = container(lab, 'node-1');
  const folder = `/var/lib/kraken/${labName}/origin`;
  await onHost(one, ['mount', '-t', 'tmpfs', 'none', folder]);
  try {
    const { code, error } = await json(destroy);
    expect([code, error?.code]).toEqual([1, 'FOREIGN_RESOURCE']);
    expect(error?.message).toContain('mounted');
  } finally {
    await onHost(one, ['umount', folder]);
  }
  await expectWhole(hosts, labName);
});

test('from another state folder it is refused with exit 6, taken over, and then the first is refused', async () => {
  await must(['worker', 'stop']);
  await must(['worker', 'start'], { env: elsewhere() });
  expect((await krakenctl(destroy, { env: elsewhere() })).code).toBe(6);
  const planned = await krakenctl(['plan'], { env: elsewhere() });
  expect([planned.code, planned.stderr]).toEqual([6, expect.stringMatching(/FOREIGN_OWNER[\s\S]*cluster take-over/)]);
  const run = await must(['cluster', 'take-over', '--confirm', labName], { env: elsewhere() });
  expect(run.stdout).toMatch(/last recorded operation: deploy-\d+[\s\S]*takeover-1/);
  await onHost(container(lab, 'node-1'), ['docker', 'rm', '-f', `kraken-${labName}-node-1-proxy`]);
  await must(['deploy', '--yes'], { env: elsewhere() });
  await expectWhole(hosts, labName);
  await must(['worker', 'stop'], { env: elsewhere() });
  await must(['worker', 'start']);
  await onHost(container(lab, 'node-1'), ['docker', 'rm', '-f', `kraken-${labName}-node-1-proxy`]);
  expect((await krakenctl(['deploy', '--yes'])).code).toBe(6);
  await must(['cluster', 'take-over', '--confirm', labName]);
});

/** On a terminal of its own, as a person sits at one: types when it is asked. */
function onTerminal(args: string[], typed: string): Promise<{ code: number; shown: string }> {
  const program = [process.execPath, join(__dirname, '..', '..', 'bin', 'krakenctl'), ...args].join(' ');
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, TERM: 'dumb', KRAKENCTL_STATE_DIR: stateFolder };
  const child = spawn('script', ['-qec', program, '/dev/null'], {
    cwd: workFolder,
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout.on('data', (text: Buffer) => {
    if (!shown.includes('type test to') && `${shown}${text}`.includes('type test to')) child.stdin.write(`${typed}\n`);
    shown += text.toString();
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code: code ?? -1, shown })));
}

test('on a terminal it asks for the name, also with --yes; another word does nothing', async () => {
  const before = await remains();
  for (const args of [[], ['--yes']]) {
    const { code, shown } = await onTerminal(['cluster', 'destroy', ...args], 'yes');
    expect(shown).toMatch(/this will be removed[\s\S]*type test to destroy it[\s\S]*nothing was done/);
    expect(code).toBe(1);
  }
  expect(await remains()).toEqual(before);
});

test('destroyed, nothing of it is left on any host, and the second destroy finds nothing', async () => {
  expect((await remains()).length).toBeGreaterThan(30);
  const { code, shown } = await onTerminal(['cluster', 'destroy'], labName);
  expect(shown).toContain('images and the Docker engine stay');
  expect(code).toBe(0);
  expect(await remains()).toEqual([]);
  const images = await onHost(container(lab, 'node-1'), ['docker', 'images', '-q']);
  expect(images.trim().split('\n').length).toBeGreaterThan(3);
  expect((await must(destroy)).stdout).toContain('nothing to destroy');
  expect(await remains()).toEqual([]);
});

test('anew where hosts have no registry: what one lacks is loaded over SSH', async () => {
  const one = container(lab, 'node-1');
  await onHost(one, ['docker', 'rmi', '-f', lab.images.nginx]);
  writeEnv(lab, { IMAGE_SOURCE: 'load' });
  await must(['deploy', '--yes']);
  expect(await onHost(one, ['docker', 'images', '-q', lab.images.nginx])).not.toBe('');
  await expectWhole(hosts, labName);
  const before = await touchprint(hosts, labName);
  expect((await must(['deploy', '--yes'])).stdout).toMatch(/nothing to change/);
  expect(await touchprint(hosts, labName)).toBe(before);
});
