import type { Lab } from '../../src/lab/lab';
import { expectWhole } from '../support/end-state';
import { container, freshLab, json, krakenctl, labName, must, pidOf, temporalUp, until } from '../support/lab';
import { observeContainers, onHost } from '../support/observer';

let lab: Lab;
let hosts: Record<string, string>;

beforeEach(async () => {
  lab = await freshLab();
  hosts = Object.fromEntries(lab.hosts.filter((h) => h.name.startsWith('node-')).map((h) => [h.name, h.container]));
});

/** `create` events of containers with our names, by name, as the engines themselves logged them. */
async function creations(since: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const host of Object.values(hosts)) {
    const until = Math.floor(Date.now() / 1000) + 1;
    const args = [
      'docker',
      'events',
      '--since',
      String(since),
      '--until',
      String(until),
      '--filter',
      'event=create',
      '--format',
      '{{.Actor.Attributes.name}}',
    ];
    for (const name of (await onHost(host, args)).split('\n').filter((n) => n.startsWith('kraken-')))
      counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

async function containersNow(): Promise<number> {
  const all = await Promise.all(Object.values(hosts).map((host) => observeContainers(host)));
  return all.reduce((n, c) => n + Object.keys(c).length, 0);
}

async function inTheMiddle(): Promise<number> {
  return until('some containers are made, not all', async () => {
    const count = await containersNow();
    return count >= 3 && count < 24 ? count : undefined;
  });
}

describe('killed in the middle of a deploy', () => {
  test('the worker: the next one goes on, and each container is created once', async () => {
    const since = Math.floor(Date.now() / 1000);
    const deploy = krakenctl(['deploy', '--yes']);
    const count = await inTheMiddle();
    process.kill(pidOf('worker'), 'SIGKILL');
    expect(count).toBeLessThan(27);
    await must(['worker', 'start']);
    const run = await deploy;
    expect(run.code).toBe(0);
    await expectWhole(hosts, labName);
    const counts = await creations(since);
    expect(Object.keys(counts)).toHaveLength(27);
    expect(Object.values(counts).every((n) => n === 1)).toBe(true);
  });

  test('the Temporal server: started again on its data, the deploy ends the same', async () => {
    const since = Math.floor(Date.now() / 1000);
    await must(['deploy', '--yes', '--detach']);
    await inTheMiddle();
    process.kill(pidOf('temporal'), 'SIGKILL');
    await temporalUp();
    await until(
      'the deploy ends',
      async () => ((await krakenctl(['op', 'attach'])).code === 0 ? true : undefined),
      120_000,
    );
    await expectWhole(hosts, labName);
    const counts = await creations(since);
    expect(Object.values(counts).every((n) => n === 1)).toBe(true);
    expect(Object.keys(counts)).toHaveLength(27);
  });
});

describe('one writer a cluster', () => {
  test('of two deploys at once one runs, the other exits 6 and says who holds the cluster and since when', async () => {
    const first = krakenctl(['deploy', '--yes']);
    await until('the first deploy runs', async () => {
      const { data } = await json<{ operation?: string }[] | unknown>(['op', 'list']);
      return JSON.stringify(data).includes('unning') ? true : undefined;
    });
    const second = await krakenctl(['deploy', '--yes']);
    expect(second.code).toBe(6);
    expect(second.stderr).toMatch(/since/);
    expect(second.stderr).toMatch(/@/);
    expect((await first).code).toBe(0);
    await expectWhole(hosts, labName);
  });

  test('cancel stops between two steps; the next deploy goes on from there', async () => {
    await must(['deploy', '--yes', '--detach']);
    await inTheMiddle();
    await must(['op', 'cancel', '--yes']);
    await until('the operation has ended', async () => {
      const { data } = await json<unknown>(['op', 'list']);
      return JSON.stringify(data).includes('unning') ? undefined : true;
    });
    for (const host of Object.values(hosts)) {
      for (const c of Object.values(await observeContainers(host)))
        expect([c.name, c.state]).toEqual([c.name, 'running']);
    }
    await must(['deploy', '--yes']);
    await expectWhole(hosts, labName);
  });
});

test('no secret and no key path leaks into the process list of a host', async () => {
  const listing = await onHost(container(lab, 'node-1'), ['ps', 'axww']);
  expect(listing).not.toContain(lab.ssh.keyPath);
});
