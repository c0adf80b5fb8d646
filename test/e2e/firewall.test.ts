import { type Lab, powerCut, powerOn } from '../../src/lab/lab';
import { pushThrough } from '../support/agents';
import { expectWhole } from '../support/end-state';
import { container, json, krakenctl, labName, must, pidOf, until, writeEnv } from '../support/lab';
import { isLong } from '../support/long';
import { onHost, tryOnHost } from '../support/observer';
import { leaveStanding, standingCluster } from '../support/standing';
import {
  firewallOf,
  firewallRemains,
  giveIpv6,
  type Target,
  takeIpv6,
  tryWays,
  type Way,
  wayTo,
} from '../support/ways';

/** Rules of the firewall on real hosts. vm-1 and vm-2 carry agents, vm-3 is nobody's. */

let lab: Lab;
/** node-3 has none. */
let balancers: Record<string, string>;
const names = ['node-1', 'node-2', 'node-3', 'vm-1', 'vm-2'];
const everybody = [...names, 'vm-3'];
const ipv6: Record<string, string> = {};

const at = (name: string) => container(lab, name);
const address = (name: string) => lab.hosts.find((h) => h.name === name)!.address;
/** The machine of the worker, as the hosts see it. */
const worker = () => address('node-1').replace(/\.\d+$/, '.1');

beforeAll(async () => {
  lab = await standingCluster({ env: {}, vms: 3, agents: ['vm-1', 'vm-2'] });
  writeEnv(lab, { LB_NODES: 'node-1,node-2' });
  // Agents know the load balancers, so they follow.
  expect((await must(['deploy', '--yes'])).stdout).toMatch(/2 of 2 agents follow[\s\S]*2 of 2 agents serve/);
  balancers = Object.fromEntries(['node-1', 'node-2'].map((name) => [name, at(name)]));
  await Promise.all(everybody.map(async (name, i) => (ipv6[name] = await giveIpv6(at(name), 10 + i))));
}, 300_000);

afterAll(async () => {
  await must(['firewall', 'off']);
  await Promise.all(everybody.map((name) => takeIpv6(at(name))));
  writeEnv(lab);
  await must(['deploy', '--yes']);
  leaveStanding({ env: {}, vms: 3, agents: ['vm-1', 'vm-2'] });
}, 120_000);

/** Who gets an answer from whom: what a person was promised, port by port. */
type Who = 'nobody' | 'nodes' | 'fleet' | 'anyone';
const onNode: Record<number, Who> = {
  6379: 'nodes',
  16379: 'nodes',
  6380: 'nodes',
  16380: 'nodes',
  6390: 'nobody',
  6391: 'nobody',
  7000: 'nodes',
  7001: 'nobody',
  8080: 'nodes',
  8081: 'nodes',
  8082: 'nodes',
  8083: 'nodes',
  8090: 'fleet',
  22: 'anyone',
  // Nothing listens there: refused, and so not dropped.
  9999: 'anyone',
};
const onBalancer: Record<number, Who> = { ...onNode, 5000: 'anyone', 5003: 'anyone' };
const onVm: Record<number, Who> = {
  8080: 'nobody',
  8090: 'fleet',
  8091: 'nobody',
  8095: 'nobody',
  22: 'anyone',
  9999: 'anyone',
};
const roles: Record<string, Record<number, Who>> = { 'node-1': onBalancer, 'node-3': onNode, 'vm-1': onVm };
/** A member of each kind, and one who is none. IPv6 addresses are known of nobody. */
const sources: Record<string, Who[]> = {
  'node-2': ['nodes', 'fleet', 'anyone'],
  'vm-2': ['fleet', 'anyone'],
  'vm-3': ['anyone'],
};

const targetsOf = (name: string, family: 4 | 6): Target[] =>
  Object.keys(roles[name]!).map((port) => ({
    address: family === 4 ? address(name) : ipv6[name]!,
    port: Number(port),
  }));

/** Ways that are not as promised. */
async function wrongWays(from: string, allowed: Who[], family: 4 | 6): Promise<string[]> {
  const targets = Object.keys(roles).flatMap((name) => targetsOf(name, family).map((target) => ({ name, target })));
  const seen = await tryWays(
    at(from),
    targets.map(({ target }) => target),
  );
  return targets.flatMap(({ name, target }) => {
    const may = allowed.includes(roles[name]![target.port]!);
    const way: Way | undefined = seen[wayTo(target)];
    const isRight = may ? way === 'open' || way === 'refused' : way === 'silent';
    return isRight ? [] : [`${from} → ${name} ${wayTo(target)}: ${way}, ${may ? 'shall pass' : 'shall not pass'}`];
  });
}

const firewalls = () => Promise.all(names.map((name) => firewallOf(at(name), labName)));

test('plan says what would change and changes nothing; apply brings it everywhere, and the cluster serves as before', async () => {
  const planned = await krakenctl(['firewall', 'plan']);
  expect(planned.code).toBe(3);
  expect(planned.stdout).toContain('changes 5 of 5 hosts');
  expect(await firewalls()).toEqual(names.map(() => ''));
  const applied = await must(['firewall', 'apply']);
  expect(applied.stdout).toMatch(/rules are kept on .*node-1\.\.3/);
  for (const text of await firewalls()) expect(text).toContain('policy accept');
  await expectWhole(balancers, labName);
  await must(['test', 'smoke']);
  const digest = await pushThrough(at('node-1'), 'e2e/walled:1', 'one');
  const pulled = await json<{ ok: boolean; digest: string }[]>(['agent', 'pull', 'e2e/walled:1', '--all']);
  expect(pulled.data).toEqual([1, 2].map(() => expect.objectContaining({ ok: true, digest, via: 'agent' })));
}, 120_000);

test('the second apply changes nothing', async () => {
  const before = await firewalls();
  expect((await must(['firewall', 'apply'])).stdout).toContain('nothing to change');
  expect((await krakenctl(['firewall', 'plan'])).code).toBe(0);
  expect(await firewalls()).toEqual(before);
});

describe('every port of every role is open or closed as promised', () => {
  test('to a node, a VM and an outsider, over IPv4 and IPv6', async () => {
    const ways = ([4, 6] as const).flatMap((family) =>
      Object.entries(sources).map(([from, allowed]) => wrongWays(from, family === 4 ? allowed : ['anyone'], family)),
    );
    expect((await Promise.all(ways)).flat()).toEqual([]);
  });

  test('to the host itself, whatever listens there', async () => {
    for (const name of Object.keys(roles)) {
      const own = await tryWays(at(name), [...targetsOf(name, 4), ...targetsOf(name, 6)]);
      expect(Object.entries(own).filter(([, way]) => way === 'silent')).toEqual([]);
    }
  });

  test('to a container next to a part: neither its own host nor another lets it in for a member', async () => {
    const image = (await onHost(at('node-2'), ['docker', 'images', '-q', '*/redis'])).split('\n')[0]!;
    const targets = ['node-2', 'node-1', 'vm-1'].flatMap((name) =>
      Object.keys(roles[name] ?? onBalancer).map((port) => ({
        name,
        target: { address: address(name), port: Number(port) },
      })),
    );
    const seen = await tryWays(
      at('node-2'),
      targets.map(({ target }) => target),
      image,
    );
    const wrong = targets.filter(({ name, target }) => {
      const isOpen = (roles[name] ?? onBalancer)[target.port] === 'anyone';
      return isOpen === (seen[wayTo(target)] === 'silent');
    });
    expect(wrong.map(({ name, target }) => `${name} ${target.port} ${seen[wayTo(target)]}`)).toEqual([]);
  });
});

test('what was dropped is counted; what another hand changed is told, and put back', async () => {
  const { code, data } = await json<{ hosts: { host: string; dropped: { port: number; packets: number }[] }[] }>([
    'firewall',
    'status',
  ]);
  expect(code).toBe(0);
  const dropped = data.hosts.find(({ host }) => host === 'node-1')!.dropped;
  expect(dropped.find(({ port }) => port === 6379)!.packets).toBeGreaterThan(0);
  const before = await firewallOf(at('node-3'), labName);
  await onHost(at('node-3'), ['nft', 'flush', 'chain', 'inet', `krakenctl_${labName}`, 'input']);
  const status = await krakenctl(['firewall', 'status']);
  expect(status).toMatchObject({ code: 3, stdout: expect.stringContaining('node-3: 6379 redis: anyone → nodes') });
  await must(['firewall', 'apply']);
  expect(await firewallOf(at('node-3'), labName)).toBe(before);
});

test('rules come back with a host that lost its power', async () => {
  const before = await firewallOf(at('node-3'), labName);
  await powerCut(lab.hosts.find((h) => h.name === 'node-3')!);
  await powerOn(lab.hosts.find((h) => h.name === 'node-3')!);
  await until(
    'the rules are back',
    async () => (await firewallOf(at('node-3'), labName)) === before || undefined,
    30_000,
  );
  await giveIpv6(at('node-3'), 12);
}, 120_000);

test('rules that keep the worker out are taken back by the host itself: exit 9, and all is as before', async () => {
  const before = await firewalls();
  writeEnv(lab, { LB_NODES: 'node-1,node-2', FIREWALL_SSH: '192.0.2.1' });
  const applied = await krakenctl(['firewall', 'apply', '--trial', '15s']);
  expect(applied.code).toBe(9);
  expect(applied.stderr).toMatch(/FIREWALL_REVERTED node-1: no new login was possible within 15s/);
  expect(await firewalls()).toEqual(before);
  const shut = await tryWays(at('vm-3'), [{ address: address('node-1'), port: 22 }]);
  expect(Object.values(shut)).toEqual(['open']);
  // Ours and others' logins as before.
  writeEnv(lab, { LB_NODES: 'node-1,node-2' });
  expect((await must(['firewall', 'apply'])).stdout).toContain('nothing to change');
}, 120_000);

test('FIREWALL_SSH that names the worker shuts all others out of sshd, FIREWALL_CLIENTS out of the load balancers', async () => {
  writeEnv(lab, { LB_NODES: 'node-1,node-2', FIREWALL_SSH: worker(), FIREWALL_CLIENTS: worker() });
  await must(['firewall', 'apply']);
  const targets = [22, 5000, 5003].map((port) => ({ address: address('node-1'), port }));
  const [outsider, vm] = await Promise.all([tryWays(at('vm-3'), targets), tryWays(at('vm-1'), targets)]);
  expect(Object.values(outsider)).toEqual(['silent', 'silent', 'silent']);
  expect(targets.map((target) => vm[wayTo(target)])).toEqual(['silent', 'open', 'open']);
  expect((await krakenctl(['status'])).code).toBe(0);
  writeEnv(lab, { LB_NODES: 'node-1,node-2' });
  await must(['firewall', 'apply']);
}, 120_000);

// That the host takes them back by itself is the row of rules that keep the worker out; deaths in memory: test/workflows/operate-firewall.test.ts.
if (isLong) {
  test('a worker that dies while rules are on trial: they are taken back, and brought by the one that follows', async () => {
    const before = await firewallOf(at('node-1'), labName);
    writeEnv(lab, { LB_NODES: 'node-1,node-2', FIREWALL_CLIENTS: `${worker()},10.0.0.0/8` });
    const trial = `/etc/kraken/${labName}/firewall/trial.nft`;
    await must(['firewall', 'apply', '--trial', '15s', '--detach']);
    await until('rules are on trial', async () =>
      (await firewallOf(at('node-1'), labName)).includes('clients4') ? true : undefined,
    );
    process.kill(pidOf('worker'), 'SIGKILL');
    const isKept = (await tryOnHost(at('node-1'), ['test', '-e', trial])).code !== 0;
    if (!isKept) {
      await until(
        'they are taken back',
        async () => (await firewallOf(at('node-1'), labName)) === before || undefined,
        30_000,
      );
    }
    await must(['worker', 'start']);
    const ended = await must(['op', 'attach']);
    expect(ended.stdout).toMatch(/rules are kept on/);
    expect((await krakenctl(['firewall', 'plan'])).code).toBe(0);
    const [first, second] = await firewalls();
    // Only load balancers have clients.
    expect([first, second]).toEqual([1, 2].map(() => expect.stringContaining('10.0.0.0/8')));
  }, 180_000);
}

test('off leaves no trace on any host', async () => {
  await must(['firewall', 'off']);
  expect(await Promise.all(names.map((name) => firewallRemains(at(name))))).toEqual(names.map(() => []));
  const open = await tryWays(at('vm-3'), [{ address: address('node-1'), port: 6379 }]);
  expect(Object.values(open)).toEqual(['open']);
  expect((await must(['firewall', 'off'])).stdout).toContain('nothing to change');
});
