import { type Lab, labUp, preloadImages, resetLab } from '../../src/lab/lab';
import { expectWhole } from '../support/end-state';
import { closeLab, json, krakenctl, labName, must, until, writeEnv } from '../support/lab';
import { observeContainers, onHost } from '../support/observer';
import { docker, makeStack, type Stack, urls } from './compose';

/** The production way: Temporal on PostgreSQL, two workers in containers, hosts of the lab, judged by the observer. */
const version = 'v0.1.27';
let lab: Lab;
let hosts: Record<string, string>;
let stack: Stack;
const began = Date.now();
const say = (text: string) => process.stderr.write(` ▸ ${((Date.now() - began) / 1000).toFixed(0)} s: ${text}\n`);

beforeAll(async () => {
  lab = await labUp({ name: labName, nodes: 3, vms: 0, images: 'stand-in', krakenVersions: [version] });
  await resetLab(lab);
  await preloadImages(lab, { versions: [version] });
  writeEnv(lab);
  hosts = Object.fromEntries(lab.hosts.filter((h) => h.name.startsWith('node-')).map((h) => [h.name, h.container]));
  stack = makeStack(lab);
  say('lab is up');
  await stack.compose('up', '-d', '--scale', 'worker=2');
  say('compose is up');
  await until('both workers poll', async () => ((await pollers()).length === 2 ? true : undefined), 120_000);
  say('two workers poll');
});
afterAll(async () => {
  await stack?.down();
  await closeLab();
});

interface Poller {
  host: string;
  pid: number;
  version: string;
}

async function pollers(): Promise<Poller[]> {
  const { data } = await json<{ pollers: Poller[] }>(['worker', 'status'], { env: stack.cli });
  return data?.pollers ?? [];
}

async function creations(since: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const till = Math.floor(Date.now() / 1000) + 1;
  for (const host of Object.values(hosts)) {
    const window = ['--since', String(since), '--until', String(till), '--filter', 'event=create'];
    const names = await onHost(host, ['docker', 'events', ...window, '--format', '{{.Actor.Attributes.name}}']);
    for (const name of names.split('\n').filter((n) => n.startsWith('kraken-'))) counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

async function containersNow(): Promise<number> {
  const all = await Promise.all(Object.values(hosts).map((host) => observeContainers(host)));
  return all.reduce((n, c) => n + Object.keys(c).length, 0);
}

/** @returns how many of the 27 were there. */
function inTheMiddle(): Promise<number> {
  return until('some containers are made, not all', async () => {
    const count = await containersNow();
    return count >= 3 && count < 24 ? count : undefined;
  });
}

async function expectDeployedOnce(since: number): Promise<void> {
  await expectWhole(hosts, labName);
  const counts = await creations(since);
  expect(Object.keys(counts)).toHaveLength(27);
  expect(Object.values(counts).filter((n) => n !== 1)).toEqual([]);
}

test('the two workers are told apart: each by its container', async () => {
  const seen = await pollers();
  const names = await stack.containers('worker');
  const ids = await Promise.all(names.map((name) => docker('inspect', '--format', '{{.Config.Hostname}}', name)));
  expect(seen.map(({ host }) => host).sort()).toEqual(ids.map((id) => id.trim()).sort());
  expect(new Set(seen.map((p) => p.version)).size).toBe(1);
  const text = await must(['worker', 'status'], { env: stack.cli });
  for (const { host, pid } of seen) expect(text.stdout).toContain(`${host} pid ${pid}`);
});

test('one of two workers is killed in the middle of a deploy: the other carries it to its end', async () => {
  const since = Math.floor(Date.now() / 1000);
  const deploy = krakenctl(['deploy', '--yes'], { env: stack.cli });
  const count = await inTheMiddle();
  const [first = ''] = await stack.containers('worker');
  await docker('kill', first);
  say(`killed ${first} at ${count} of 27 containers`);
  const run = await deploy;
  say(`deploy ended with ${run.code} after ${(run.ms / 1000).toFixed(1)} s`);
  expect([run.code, run.stderr]).toEqual([0, run.stderr]);
  expect(await stack.containers('worker')).toHaveLength(1);
  await expectDeployedOnce(since);
});

test('PostgreSQL is away for 60 s in the middle of a deploy: all goes on', async () => {
  await resetLab(lab);
  await stack.compose('up', '-d', '--scale', 'worker=2');
  await until('both workers poll', async () => ((await pollers()).length === 2 ? true : undefined), 120_000);
  const since = Math.floor(Date.now() / 1000);
  await must(['deploy', '--yes', '--detach'], { env: stack.cli });
  const count = await inTheMiddle();
  const [postgres = ''] = await stack.containers('postgres');
  await docker('kill', postgres);
  say(`killed PostgreSQL at ${count} of 27 containers`);
  // The outage itself is what is tried: it has to last this long.
  await new Promise((resolve) => setTimeout(resolve, 60_000));
  const during = await containersNow();
  await docker('start', postgres);
  const back = Date.now();
  say(`PostgreSQL is back; ${during} of 27 containers meanwhile`);
  expect(during).toBeLessThan(27);
  const ended = await until(
    'the deploy ends',
    async () => {
      const run = await krakenctl(['op', 'attach'], { env: stack.cli });
      return run.code === 7 ? undefined : run;
    },
    240_000,
  );
  say(`deploy ended with ${ended.code}, ${((Date.now() - back) / 1000).toFixed(1)} s after PostgreSQL came back`);
  expect([ended.code, ended.stderr]).toEqual([0, ended.stderr]);
  await expectDeployedOnce(since);
});

test('the database holds no byte of what was deployed, and the codec server shows it to the Web UI', async () => {
  const [postgres = ''] = await stack.containers('postgres');
  const dump = await docker('exec', '-u', 'postgres', postgres, 'sh', '-c', dumpProgram);
  expect(dump.length).toBeGreaterThan(10_000);
  const shows = (text: string) => dump.includes(text) || dump.includes(Buffer.from(text).toString('hex'));
  // Search attributes are never encrypted: the same search finds the workflow's id.
  expect(shows(`kraken-${labName}-operation`)).toBe(true);
  for (const text of [lab.hosts[0]!.address, lab.ssh.keyPath, 'allkeys-lru'])
    expect([text, shows(text)]).toEqual([text, false]);
  expect((await fetch(`${urls.codec}/health`)).status).toBe(200);
  expect((await fetch(urls.ui)).status).toBe(200);
});

/** The password is in the container's secret; rows are printed with bytes in hex. */
const dumpProgram =
  'PGPASSWORD=$(cat /run/secrets/postgres-password) && export PGPASSWORD && for d in temporal temporal_visibility; do pg_dump --data-only -h 127.0.0.1 -U temporal $d; done';
