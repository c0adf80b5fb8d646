import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Lab, powerCut, powerOn } from '../../src/lab/lab';
import { expectAgent, pushThrough, remains, status } from '../support/agents';
import { container, freshLab, json, krakenctl, labName, must, until, versions, writeEnv } from '../support/lab';
import { isLong } from '../support/long';
import { kernelRights, observeContainers, onHost, readText, tryOnHost } from '../support/observer';

/** Agents on real VMs of the lab, over SSH. */

let lab: Lab;
/** Some of them are off at times. KRAKENCTL_TEST_VMS=12 for the evidence; fewer keep the suite short. */
const vmCount = Number(process.env.KRAKENCTL_TEST_VMS ?? (isLong ? 5 : 4));
const vm = (n: number) => lab.hosts.find((h) => h.name === `vm-${n}`)!;
const at = (n: number) => container(lab, `vm-${n}`);
const address = (n: number) => vm(n).address;
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const agentOf = async (n: number) => (await observeContainers(at(n)))[`kraken-${labName}-agent`];

beforeAll(async () => {
  lab = await freshLab({ vms: vmCount });
  await must(['deploy', '--yes']);
}, 240_000);

interface Listed {
  vm: string;
  state: string;
  parked?: { tries: number };
}

async function listed(): Promise<Record<string, string>> {
  const { data } = await json<{ agents: Listed[] }>(['agent', 'list']);
  const name = (full: string) => lab.hosts.find((h) => full.includes(`@${h.address}:`))!.name;
  return Object.fromEntries(data.agents.map((row) => [name(row.vm), row.parked ? `${row.state}, parked` : row.state]));
}

describe('an agent on a VM', () => {
  test('is brought to two VMs, serves, and gives back by digest what was pushed through a load balancer', async () => {
    const deployed = await must(['agent', 'deploy', address(1), address(2)]);
    expect(deployed.stdout).toMatch(/2 of 2 agents serve, 2 changed/);
    for (const n of [1, 2]) await expectAgent(at(n), labName, versions[0]!);
    const rights = await kernelRights(at(1), `kraken-${labName}-agent`);
    expect(rights).toEqual({ effective: '0000000000000000', noNew: '1', pids: '4096', root: 'rw' });
    const digest = await pushThrough(container(lab, 'node-1'), 'e2e/app:1', 'one');
    for (const n of [1, 2]) {
      const answer = JSON.parse(await onHost(at(n), ['kraken-pull', '--json', 'e2e/app:1']));
      expect(answer).toMatchObject({ ok: true, digest, via: 'agent' });
      const there = await onHost(at(n), ['docker', 'image', 'inspect', '--format', '{{.RepoTags}}', 'e2e/app:1']);
      expect(there).toContain('e2e/app:1');
    }
    const pulled = await json<{ ok: boolean; digest: string; via: string }[]>(['agent', 'pull', 'e2e/app:1', '--all']);
    expect(pulled.data).toEqual([1, 2].map(() => expect.objectContaining({ ok: true, digest, via: 'agent' })));
  });

  test('is not touched by a second deploy', async () => {
    const before = await Promise.all([1, 2].map(agentOf));
    const again = await must(['agent', 'deploy', address(1), address(2)]);
    expect(again.stdout).toMatch(/nothing to change/);
    expect(await Promise.all([1, 2].map(agentOf))).toEqual(before);
    expect(await listed()).toEqual({ 'vm-1': 'serving', 'vm-2': 'serving' });
  });

  test('has the history of its operation in a support bundle', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'krakenctl-agents-'));
    try {
      const out = join(folder, 'bundle.tar.gz');
      const run = await must(['support-bundle', '--out', out]);
      expect(run.stdout).not.toMatch(/not collected: temporal/);
      const names = execFileSync('tar', ['tzf', out], { encoding: 'utf8' }).split('\n');
      const histories = names.filter((name) => /temporal\/.*-agents-.*\.json$/.test(name));
      expect(histories.length).toBeGreaterThan(0);
      const history = execFileSync('tar', ['xzfO', out, histories[0]!], { encoding: 'utf8', maxBuffer: 1 << 28 });
      expect(history).toContain('EVENT_TYPE_WORKFLOW_EXECUTION_STARTED');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('serves again after a power cut, without a command', async () => {
    const before = await agentOf(1);
    await powerCut(vm(1));
    expect((await listed())['vm-1']).toBe('unreachable');
    await powerOn(vm(1));
    await until('the agent serves', async () =>
      (await status(at(1), 'http://127.0.0.1:8091/readiness')) === 200 ? true : undefined,
    );
    await expectAgent(at(1), labName, versions[0]!);
    expect((await agentOf(1))!.id).not.toBe(before!.id);
  });

  test('comes back when its process is killed, and is started anew by systemctl and by krakenctl', async () => {
    const ways: (() => Promise<unknown>)[] = [
      () => onHost(at(2), ['docker', 'kill', `kraken-${labName}-agent`]),
      () => onHost(at(2), ['systemctl', 'restart', 'kraken-agent']),
      () => must(['agent', 'restart', address(2)]),
    ];
    for (const way of ways) {
      const before = await agentOf(2);
      await way();
      await until('another container runs', async () => {
        const now = await agentOf(2);
        return now?.state === 'running' && now.id !== before!.id ? true : undefined;
      });
    }
    await until('the agent serves', async () =>
      (await status(at(2), 'http://127.0.0.1:8091/readiness')) === 200 ? true : undefined,
    );
    expect((await must(['agent', 'logs', address(2), '--tail', '5'])).stdout.trim().split('\n')).toHaveLength(5);
    expect((await must(['agent', 'show', address(2)])).stdout).toMatch(/max_open_conn = \d+ +because \d+ cores/);
  });

  test('is put back when a file of it was changed by hand', async () => {
    await onHost(at(1), ['sh', '-c', `echo '# by hand' >> /etc/kraken/${labName}/agent/config/agent.yaml`]);
    expect((await listed())['vm-1']).toBe('outdated');
    expect((await must(['agent', 'deploy', address(1)])).stdout).toMatch(/1 of 1 agents serve, 1 changed/);
    expect(await readText(at(1), `/etc/kraken/${labName}/agent/config/agent.yaml`)).not.toContain('by hand');
  });

  // That agents follow a deploy is also what firewall.test.ts begins with.
  if (isLong) {
    test('follows a deploy of the cluster that changes what agents are made of', async () => {
      writeEnv(lab, { AGENT_MEMORY_LIMIT: '300m' });
      const deployed = await must(['deploy', '--yes']);
      expect(deployed.stdout).toMatch(/2 of 2 agents follow[\s\S]*2 of 2 agents serve, 2 changed/);
      for (const n of [1, 2]) await expectAgent(at(n), labName, versions[0]!);
      expect((await agentOf(1))!.memoryBytes).toBe(300 * 1024 * 1024);
      const { data } = await json<{ changed: boolean }>(['deploy']);
      expect(data.changed).toBe(false);
    });
  }
});

describe('/install', () => {
  const fetched = () => `curl -fsSL http://${lab.hosts[0]!.address}:5000/install`;
  const install = (n: number, before = '', words = '') =>
    tryOnHost(at(n), ['sh', '-c', `${before} ${fetched()} | sh -s -- ${words}`]);
  const images = (n: number) => onHost(at(n), ['docker', 'images', '-q', '--no-trunc']);

  test('brings an agent to a VM that nobody logs in to, which gives back the same digest and is listed as unverified', async () => {
    await onHost(at(3), ['sh', '-c', 'docker rmi -f $(docker images -q)']);
    const told = await install(3, '', '--check');
    expect([told.code, told.stdout]).toEqual([0, expect.stringMatching(/kraken-agent[\s\S]*nothing was changed/)]);
    expect(await remains(at(3))).toEqual([]);
    const run = await install(3);
    expect([run.code, run.stderr]).toEqual([0, '']);
    await expectAgent(at(3), labName, versions[0]!);
    const digest = await pushThrough(container(lab, 'node-2'), 'e2e/installed:1', 'two');
    const answer = JSON.parse(await onHost(at(3), ['kraken-pull', '--json', 'e2e/installed:1']));
    expect(answer).toMatchObject({ ok: true, digest, via: 'agent' });
    const { data } = await json<{ enrolled: { address: string; host: string }[] }>(['agent', 'list']);
    expect(data.enrolled).toEqual([expect.objectContaining({ address: address(3), host: 'vm-3' })]);
    expect((await tryOnHost(at(3), ['systemctl', 'is-active', 'kraken-agent-update.timer'])).code).toBe(0);
    expect((await tryOnHost(at(1), ['systemctl', 'is-active', 'kraken-agent-update.timer'])).code).not.toBe(0);
  });

  const update = () => tryOnHost(at(3), ['systemctl', 'start', 'kraken-agent-update.service']);
  /** Its timer goes off again and again, as it would in an hour. */
  const looksUntil = (what: string, isSo: () => Promise<boolean>) =>
    until(
      what,
      async () => {
        await update();
        return (await isSo()) ? true : undefined;
      },
      200_000,
    );

  // It waits for turns of its timer; in memory: test/workflows/installed-vms.test.ts.
  if (isLong) {
    test('follows what is served by a timer of its own, when its turn has come, and the operation waits for what it says', async () => {
      const before = await agentOf(3);
      expect((await update()).code).toBe(0);
      expect(await agentOf(3)).toEqual(before);
      writeEnv(lab, { AGENT_MEMORY_LIMIT: '301m' });
      const published = must(['agent', 'publish'], { timeoutMs: 300_000 });
      await looksUntil('it follows', async () => (await agentOf(3))?.memoryBytes === 301 * 1024 * 1024);
      await update();
      expect((await published).stdout).toMatch(/1 of 1 VMs that installed themselves have it, 1 by this/);
      await expectAgent(at(3), labName, versions[0]!);
    });
  }

  // A minute of it is what a publish waits for a host that is off; test/cluster/render/agent/unattended.test.ts has what the VM does.
  if (isLong) {
    test('a load balancer that comes back with an older one takes it back to nothing, and is brought the newer', async () => {
      const epochOf = async (n: number) =>
        (await tryOnHost(at(3), ['curl', '-fsS', '-m', '5', `http://${lab.hosts[n]!.address}:5000/install/epoch`]))
          .stdout;
      await powerCut(lab.hosts[0]!);
      writeEnv(lab, { AGENT_MEMORY_LIMIT: '302m' });
      const published = must(['agent', 'publish'], { timeoutMs: 300_000 });
      await looksUntil('it follows', async () => (await agentOf(3))?.memoryBytes === 302 * 1024 * 1024);
      await update();
      await published;
      await powerOn(lab.hosts[0]!);
      await until('it serves again', async () => ((await epochOf(0)) !== '' ? true : undefined));
      expect(await epochOf(0)).not.toBe(await epochOf(1));
      const before = await agentOf(3);
      expect((await update()).code).toBe(0);
      expect((await install(3)).code).toBe(0);
      expect(await agentOf(3)).toEqual(before);
      expect((await must(['agent', 'list'])).stdout).toMatch(/node-1 serves an older \/install/);
      await must(['agent', 'publish']);
      expect(await epochOf(0)).toBe(await epochOf(1));
    });
  }

  test('run again changes nothing; told by krakenctl to leave, it takes all of it away', async () => {
    const before = await agentOf(3);
    expect((await install(3)).stdout).toMatch(/nothing to change/);
    expect(await agentOf(3)).toEqual(before);
    expect((await must(['agent', 'remove', address(3), '--yes'])).stdout).toMatch(/within five minutes/);
    expect((await must(['agent', 'list'])).stdout).toMatch(/was told to take its agent away/);
    await onHost(at(3), ['systemctl', 'start', 'kraken-agent-update.service']);
    await until('nothing is left', async () => ((await remains(at(3))).length === 0 ? true : undefined));
    const { data } = await json<{ enrolled: unknown[] }>(['agent', 'list']);
    expect(data.enrolled).toEqual([]);
  });

  // That an uninstall leaves nothing is also the row of the user with sudo; who installs again stays: test/cluster/render/agent/install.test.ts.
  if (isLong) {
    test('whoever installs again after that stays; uninstalled by hand, nothing is left', async () => {
      expect((await install(3)).code).toBe(0);
      const before = await agentOf(3);
      expect((await tryOnHost(at(3), ['systemctl', 'start', 'kraken-agent-update.service'])).code).toBe(0);
      expect(await agentOf(3)).toEqual(before);
      expect((await install(3, '', '--uninstall')).code).toBe(0);
      expect(await remains(at(3))).toEqual([]);
    });
  }

  test('works for a user with sudo', async () => {
    const run = await tryOnHost(at(4), ['su', 'ops', '-c', `${fetched()} | sh`]);
    expect([run.code, run.stdout]).toEqual([0, expect.stringMatching(/going on with sudo[\s\S]*done: the agent runs/)]);
    await expectAgent(at(4), labName, versions[0]!);
    expect((await install(4, '', '--uninstall')).code).toBe(0);
    expect(await remains(at(4))).toEqual([]);
  });

  /** A program of the VM that fails from its nth call on, where its words match. */
  const failing = (program: string, words: string) =>
    `d=$(mktemp -d); printf '#!/bin/sh\\ncase "$*" in ${words}) exit 1;; esac\\nexec %s "$@"\\n' "$(command -v ${program})" > "$d/${program}"; chmod 755 "$d/${program}"; export PATH="$d:$PATH";`;

  /** Whatever fails before the unit starts is taken back by the same lines: of these the first and the last are enough where time is short. */
  const between: [string, string][] = [
    ['the image cannot be downloaded', failing('curl', '*image.tar*')],
    ['the image cannot be loaded', failing('docker', 'load*')],
    ['the release cannot be unpacked', failing('tar', '*')],
    ['systemd does not take the unit', failing('systemctl', 'enable*')],
  ];
  test.each<[string, string]>([
    ['the release cannot be downloaded', failing('curl', '*release.tar*')],
    ...(isLong ? between : []),
    ['the unit does not start', failing('systemctl', 'restart*')],
  ])('%s: it says so, and the VM is as it was', async (_, fault) => {
    await onHost(at(3), ['sh', '-c', 'docker rmi -f $(docker images -q) 2> /dev/null; :']);
    const before = await images(3);
    const run = await install(3, fault);
    expect(run.code).not.toBe(0);
    expect(run.stderr).toMatch(/^install: /m);
    expect([await remains(at(3)), await images(3)]).toEqual([[], before]);
  });

  test('a download that was cut or changed on its way is refused, and the VM is as it was', async () => {
    const cut = await tryOnHost(at(3), ['sh', '-c', `${fetched()} | head -c 6000 | sh`]);
    expect(await remains(at(3))).toEqual([]);
    expect(cut.code).not.toBe(0);
    const published = `/var/lib/kraken/${labName}/nginx/install/release.tar`;
    const onNodes = (command: string) =>
      Promise.all(['node-1', 'node-2', 'node-3'].map((node) => onHost(container(lab, node), ['sh', '-c', command])));
    await onNodes(`printf x >> ${published}`);
    try {
      const run = await install(3);
      expect([run.code, run.stderr]).toEqual([1, expect.stringMatching(/release.tar came damaged/)]);
      expect(await remains(at(3))).toEqual([]);
    } finally {
      await onNodes(`truncate -s -1 ${published}`);
    }
    expect((await install(3, '', '--check')).code).toBe(0);
  });
});

describe('what forbids an agent', () => {
  test.each<[string, () => string[], RegExp, number]>([
    ['a node of the cluster', () => [lab.hosts[0]!.address], /node-1 of the cluster/, 2],
    ['no VM', () => [], /no VM is named/, 2],
    ['a word that is no address', () => ['10.0.2.{9..1}'], /smaller number first/, 2],
  ])('%s is told before any host is contacted', async (_, words, why, code) => {
    const run = await krakenctl(['agent', 'deploy', ...words()]);
    expect([run.code, run.stderr]).toEqual([code, expect.stringMatching(why)]);
  });

  test('a port in other hands ends it by name, and nothing is changed there', async () => {
    await onHost(at(3), [
      'systemd-run',
      '--unit',
      'other',
      '--service-type',
      'exec',
      'sh',
      '-c',
      'exec systemd-socket-activate -l 8080 cat',
    ]);
    try {
      const run = await krakenctl(['agent', 'deploy', address(3)]);
      expect([run.code, run.stderr]).toEqual([1, expect.stringMatching(/port 8080 is held by/)]);
      expect(await remains(at(3))).toEqual([]);
    } finally {
      await onHost(at(3), ['systemctl', 'stop', 'other']);
    }
  });
});

describe('a fleet', () => {
  test('none may fail: it stops at the first, and nothing is half installed anywhere', async () => {
    await powerCut(vm(3));
    const run = await krakenctl(['agent', 'deploy', ...range(3, vmCount).map(address)]);
    expect([run.code, run.stderr]).toEqual([
      1,
      expect.stringMatching(new RegExp(`FLEET_STOPPED.*${vmCount - 3} were not`, 's')),
    ]);
    for (const n of range(4, vmCount)) expect(await remains(at(n))).toEqual([]);
    if (!isLong) await powerOn(vm(3));
  });

  // Of twelve VMs for the evidence, with KRAKENCTL_TEST_VMS=12; in memory: test/workflows/fleet.test.ts.
  if (isLong) {
    test('with two VMs off and two failures allowed the others serve, the two are parked, and converge when they are back', async () => {
      await powerCut(vm(5));
      writeEnv(lab, { AGENT_MEMORY_LIMIT: '303m' });
      const run = await krakenctl(['agent', 'deploy', ...range(1, vmCount).map(address), '--max-failures', '2']);
      expect([run.code, run.stdout]).toEqual([
        5,
        // The first two get another memory limit.
        expect.stringContaining(`${vmCount - 2} of ${vmCount} agents serve, ${vmCount - 2} changed`),
      ]);
      for (const n of range(1, vmCount).filter((i) => i !== 3 && i !== 5))
        await expectAgent(at(n), labName, versions[0]!);
      const states = await listed();
      expect([states['vm-3'], states['vm-5']]).toEqual(['unreachable, parked', 'unreachable, parked']);
      expect(Object.values(states).filter((s) => s === 'serving')).toHaveLength(vmCount - 2);
      await powerOn(vm(3));
      await powerOn(vm(5));
      // A parked VM is tried again after a minute at most.
      for (const n of [3, 5]) {
        const serves = async () =>
          (await status(at(n), 'http://127.0.0.1:8091/readiness')) === 200 ? true : undefined;
        await until(`vm-${n} serves`, serves, 150_000);
        await expectAgent(at(n), labName, versions[0]!);
      }
      await until('nothing is parked any more', async () =>
        Object.values(await listed()).every((state) => state === 'serving') ? true : undefined,
      );
    });
  }

  test('removed, nothing of any agent is left, and the record is empty', async () => {
    const unasked = await krakenctl(['agent', 'remove', '--all']);
    expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringContaining('CONFIRMATION_NEEDED')]);
    // Those that were not brought are wanted all the same.
    expect((await must(['agent', 'remove', '--all', '--yes'])).stdout).toContain(
      `${vmCount} of ${vmCount} agents are gone`,
    );
    for (const n of range(1, vmCount)) expect(await remains(at(n))).toEqual([]);
    expect(await listed()).toEqual({});
    const record = await readText(container(lab, 'node-2'), `/var/lib/krakenctl/${labName}/agents.json`);
    expect(JSON.parse(record)).toMatchObject({ agents: [] });
    expect((await tryOnHost(at(1), ['systemctl', 'status', 'kraken-agent'])).code).toBe(4);
  });
});
