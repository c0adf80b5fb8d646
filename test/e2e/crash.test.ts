import type { Lab } from '../../src/lab/lab';
import { expectWhole } from '../support/end-state';
import { container, freshLab, json, krakenctl, labName, must, pidOf, temporalUp, until } from '../support/lab';
import { observeContainers, onHost } from '../support/observer';

/** One cluster is brought up through all that disturbs it; deaths of the worker are in kills.test.ts. */

let lab: Lab;
let hosts: Record<string, string>;
let since: number;

beforeAll(async () => {
  lab = await freshLab();
  hosts = Object.fromEntries(lab.hosts.filter((h) => h.name.startsWith('node-')).map((h) => [h.name, h.container]));
  since = Math.floor(Date.now() / 1000);
});

/** `create` events of containers with our names, by name, as the engines themselves logged them. */
async function creations(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const host of Object.values(hosts)) {
    const span = ['--since', String(since), '--until', String(Math.floor(Date.now() / 1000) + 1)];
    const only = ['--filter', 'event=create', '--format', '{{.Actor.Attributes.name}}'];
    const names = (await onHost(host, ['docker', 'events', ...span, ...only])).split('\n');
    for (const name of names.filter((n) => n.startsWith('kraken-'))) counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

async function containersNow(): Promise<number> {
  const all = await Promise.all(Object.values(hosts).map((host) => observeContainers(host)));
  return all.reduce((n, c) => n + Object.keys(c).length, 0);
}

/** More than there were, and not all. */
function inTheMiddle(before: number): Promise<number> {
  return until('some containers are made, not all', async () => {
    const count = await containersNow();
    return count >= before + 2 && count < 27 ? count : undefined;
  });
}

test('of two deploys at once one runs, the other exits 6 and says who holds the cluster and since when', async () => {
  await must(['deploy', '--yes', '--detach']);
  const second = await krakenctl(['deploy', '--yes']);
  expect([second.code, second.stderr]).toEqual([6, expect.stringMatching(/by .+@.+ holds .* since/)]);
});

test('cancel stops it between two steps: what was made runs', async () => {
  await inTheMiddle(0);
  await must(['op', 'cancel', '--yes']);
  await until('the operation has ended', async () => {
    const { data } = await json<unknown>(['op', 'list']);
    return JSON.stringify(data).includes('unning') ? undefined : true;
  });
  const all = await Promise.all(Object.values(hosts).map((host) => observeContainers(host)));
  const states = all.flatMap((found) => Object.values(found)).map((c) => [c.name, c.state]);
  expect(states.length).toBeGreaterThan(1);
  expect(states.length).toBeLessThan(27);
  expect(states.filter(([, state]) => state !== 'running')).toEqual([]);
});

test('the next deploy goes on from there, and through the death of the Temporal server: each container was created once', async () => {
  const before = await containersNow();
  // What is left takes it a second or two, so it is watched from its beginning; the command may see Temporal die.
  const started = krakenctl(['deploy', '--yes', '--detach']);
  await inTheMiddle(before);
  process.kill(pidOf('temporal'), 'SIGKILL');
  await started;
  await temporalUp();
  const ended = async () => ((await krakenctl(['op', 'attach'])).code === 0 ? true : undefined);
  await until('the deploy ends', ended, 120_000);
  await expectWhole(hosts, labName);
  const counts = await creations();
  expect(Object.keys(counts)).toHaveLength(27);
  expect(Object.entries(counts).filter(([, n]) => n !== 1)).toEqual([]);
});

test('no secret and no key path leaks into the process list of a host', async () => {
  const listing = await onHost(container(lab, 'node-1'), ['ps', 'axww']);
  expect(listing).not.toContain(lab.ssh.keyPath);
});
