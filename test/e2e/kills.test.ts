import { readdirSync, readFileSync } from 'node:fs';
import type { Lab } from '../../src/lab/lab';
import { expectWhole } from '../support/end-state';
import { container, freshLab, krakenctl, labName, must, stateFolder, until } from '../support/lab';
import { LabWorker } from '../support/lab-worker';
import { onHost } from '../support/observer';

/**
 * One deploy carries one death of its worker for each kind of activity, at the worst moment: its effect has happened, and nobody was told.
 * The campaigns do the same at every other moment (docs/crash-safety.md).
 */
const deaths = [
  'activity.after:observeHost',
  'activity.after:resolveImages',
  'activity.after:planDeploy',
  'activity.after:claimHost',
  'docker.during:pull',
  'files.before-rename:write',
  'docker.after:create',
  'docker.during:start',
  'redis.after:addSlots',
  'activity.before:awaitGate',
  'activity.after:proveCluster',
  'files.after-rename:write',
  'files.after:append',
];

let lab: Lab;
const workers: LabWorker[] = [];
beforeAll(async () => {
  lab = await freshLab();
  await must(['worker', 'stop']);
  // Another one would take what the one with the fault is to take.
  expect(await workersOfThisLab()).toEqual([]);
});
afterAll(async () => {
  for (const worker of workers) await worker.kill();
  await must(['worker', 'start']);
});

/** Processes that work for this lab's Temporal, whoever started them. */
async function workersOfThisLab(): Promise<string[]> {
  const found: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', ' ');
    try {
      const argv = read('cmdline');
      const isOurs = read('environ').includes(`KRAKENCTL_STATE_DIR=${stateFolder} `);
      if (/krakenctl worker run/.test(argv) && isOurs) found.push(`${pid} ${argv}`);
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

async function next(failpoints: string): Promise<LabWorker> {
  const worker = await LabWorker.start(failpoints, `kill-${workers.length}`);
  workers.push(worker);
  return worker;
}

/** What the operation was at, for whoever reads why a death did not come. */
async function telling(error: Error): Promise<never> {
  const { stdout, stderr } = await krakenctl(['op', 'show']);
  throw new Error(`${error.message}\n${stdout}\n${stderr}`);
}

test('a deploy goes on through the death of its worker in each kind of activity, and makes each container once', async () => {
  const hosts = Object.fromEntries(
    lab.hosts.filter((h) => h.name.startsWith('node-')).map((h) => [h.name, container(lab, h.name)]),
  );
  // Images are on the hosts of this lab; one is not, so that one is moved.
  await onHost(hosts['node-1']!, ['sh', '-c', 'docker rmi -f $(docker images -q "*/kraken-proxy")']);
  const since = Math.floor(Date.now() / 1000);
  let worker = await next(`${deaths[0]}#1=kill`);
  await must(['deploy', '--yes', '--detach']);
  for (const [index, death] of deaths.entries()) {
    await until(`the worker dies at ${death}`, async () => (worker.ended ? true : undefined), 60_000).catch(telling);
    expect([death, worker.ended?.signal, worker.lines()]).toEqual([death, 'SIGKILL', [`${death}#1=kill`]]);
    const following = deaths[index + 1];
    worker = await next(following ? `${following}#1=kill` : '');
  }
  await must(['op', 'attach']);
  await expectWhole(hosts, labName);
  for (const host of Object.values(hosts)) {
    const span = ['--since', String(since), '--until', String(Math.floor(Date.now() / 1000) + 1)];
    const only = ['--filter', 'event=create', '--filter', 'type=container', '--format', '{{.Actor.Attributes.name}}'];
    const made = (await onHost(host, ['docker', 'events', ...span, ...only]))
      .split('\n')
      .filter((n) => n.startsWith('kraken-'));
    expect(made.sort()).toEqual([...new Set(made)]);
    expect(made).toHaveLength(9);
  }
  expect(await krakenctl(['deploy', '--yes'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/nothing to change/i),
  });
});
