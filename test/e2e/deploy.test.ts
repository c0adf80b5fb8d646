import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan } from '../../src/cluster/plan';
import type { Lab } from '../../src/lab/lab';
import { powerCut, powerOn } from '../../src/lab/lab';
import { expectWhole, partsOfNode, touchprint } from '../support/end-state';
import {
  container,
  freshLab,
  json,
  krakenctl,
  labName,
  must,
  stateFolder,
  temporalUp,
  until,
  workFolder,
  writeEnv,
} from '../support/lab';
import {
  appendText,
  kernelRights,
  observeContainers,
  observeRedis,
  onHost,
  pullTiny,
  pushTiny,
} from '../support/observer';
import { leaveStanding, plain } from '../support/standing';

let lab: Lab;
let hosts: Record<string, string>;

beforeAll(async () => {
  lab = await freshLab();
  hosts = Object.fromEntries(lab.hosts.filter((h) => h.name.startsWith('node-')).map((h) => [h.name, h.container]));
});

const named = (plan: Plan) =>
  plan.stages
    .flatMap((s) => s.steps)
    .filter((s) => s.kind !== 'record')
    .map((s) => `${s.host} ${s.kind} ${s.part ?? ''} ${s.action}`)
    .sort();

describe('a deploy on bare hosts', () => {
  test('brings a whole cluster, proves it, and the observer agrees', async () => {
    const run = await must(['deploy', '--yes']);
    expect(run.stderr + run.stdout).toMatch(/second look: nothing left to change/);
    await expectWhole(hosts, labName);
  });

  test('no container may do more than its part needs, by what the kernel says', async () => {
    const krakens = ['testfs', 'origin', 'tracker', 'build-index', 'proxy'];
    for (const [id, host] of Object.entries(hosts)) {
      for (const part of partsOfNode) {
        const { effective, ...others } = await kernelRights(host, `kraken-${labName}-${id}-${part}`);
        const root = ['origin', 'tracker', 'proxy'].includes(part) ? 'rw' : 'ro';
        expect([id, part, others]).toEqual([id, part, { noNew: '1', pids: '4096', root }]);
        // CHOWN, DAC_OVERRIDE, SETGID, SETUID at most, and those only until a starter has changed its user.
        const allowed = krakens.includes(part) ? 0 : 0xc3;
        expect([id, part, Number.parseInt(effective, 16) & ~allowed]).toEqual([id, part, 0]);
      }
    }
  });

  test('what was pushed through one node is pulled by digest through another', async () => {
    const digest = await pushTiny(container(lab, 'node-1'), '127.0.0.1:5000/e2e/hello:1', 'hello from node-1');
    expect(await pullTiny(container(lab, 'node-3'), '127.0.0.1:5000/e2e/hello', digest)).toBe('hello from node-1');
  });

  test('a second deploy changes nothing, not even a record', async () => {
    const before = await touchprint(hosts, labName);
    const run = await must(['deploy', '--yes']);
    expect(run.stdout + run.stderr).toMatch(/nothing to change/);
    expect(await touchprint(hosts, labName)).toBe(before);
  });

  test('status says that it serves; plan says that there is nothing to change', async () => {
    expect((await must(['status'])).stdout).toMatch(/SERVING/);
    expect((await json<Plan>(['plan'])).code).toBe(0);
  });

  test('logs, op list, config show and the smoke test answer', async () => {
    expect((await must(['logs', 'node-1', 'redis', '--tail', '3'])).stdout).not.toBe('');
    expect((await must(['op', 'list'])).stdout).toMatch(/deploy-1/);
    expect((await must(['config', 'show', '--origin'])).stdout).toMatch(/KRAKEN_VERSION/);
    await must(['test', 'smoke']);
  });

  test('with Temporal wiped, a deploy still changes nothing', async () => {
    const before = await touchprint(hosts, labName);
    await must(['worker', 'stop']);
    await must(['temporal', 'down', '--purge', '--yes']);
    await temporalUp();
    await must(['worker', 'start']);
    const run = await must(['deploy', '--yes']);
    expect(run.stdout + run.stderr).toMatch(/nothing to change/);
    expect(await touchprint(hosts, labName)).toBe(before);
  });
});

describe('what was broken by hand', () => {
  test('a removed container, a changed file and a stopped master are planned exactly and mended exactly', async () => {
    const [one, two, three] = ['node-1', 'node-2', 'node-3'].map((n) => container(lab, n)) as [string, string, string];
    const before = await observeAll();
    await onHost(one, ['docker', 'rm', '-f', `kraken-${labName}-node-1-proxy`]);
    await appendText(two, `/etc/kraken/${labName}/tracker/production.yaml`, '# by hand\n');
    await onHost(three, ['docker', 'stop', '-t', '2', `kraken-${labName}-node-3-redis`]);
    await until('the replica on node-1 takes over', async () => {
      const facts = await observeRedis(one, `kraken-${labName}-node-1-redis-replica`, 6380);
      return facts.replication.role === 'master' ? true : undefined;
    });
    const { code, data } = await json<Plan>(['plan']);
    expect(code).toBe(3);
    expect(named(planOf(data))).toEqual([
      'node-1 container proxy create',
      'node-1 redis  change',
      'node-2 file tracker change',
      'node-3 container redis change',
    ]);
    for (const step of planOf(data).stages.flatMap((s) => s.steps)) expect(step.because.join()).not.toBe('');
    await must(['deploy', '--yes']);
    await expectWhole(hosts, labName);
    const after = await observeAll();
    const touched = Object.keys(after).filter((name) => after[name] !== before[name]);
    expect(touched.sort()).toEqual([`kraken-${labName}-node-1-proxy`, `kraken-${labName}-node-3-redis`]);
  });

  test('a container of our name without our label stops the deploy, and nothing is touched', async () => {
    const one = container(lab, 'node-1');
    const name = `kraken-${labName}-node-1-nginx`;
    const image = (await observeContainers(one))[name]!.image;
    await onHost(one, ['docker', 'rm', '-f', name]);
    await onHost(one, ['docker', 'create', '--name', name, image]);
    const before = await touchprint(hosts, labName);
    const { code, error } = await json(['deploy', '--yes']);
    expect([code, error?.code]).toEqual([1, 'FOREIGN_RESOURCE']);
    expect(error?.message).toContain(name);
    expect(await touchprint(hosts, labName)).toBe(before);
    await onHost(one, ['docker', 'rm', name]);
    await must(['deploy', '--yes']);
    await expectWhole(hosts, labName);
  });

  async function observeAll(): Promise<Record<string, string>> {
    const all = await Promise.all(Object.values(hosts).map((host) => observeContainers(host)));
    return Object.fromEntries(all.flatMap((c) => Object.values(c).map((f) => [f.name, `${f.id} ${f.startedAt}`])));
  }
});

describe('what forbids a deploy, before anything is changed; what hosts have against it is in errors.test.ts', () => {
  test('two mistakes in .env are both named with their lines, and no host is contacted', async () => {
    const folder = join(stateFolder, 'broken');
    writeEnv(lab, { ORIGIN_PROT: '8080', CLUSTER_NODE_2: lab.hosts[0]!.address }, folder);
    const run = await krakenctl(['deploy', '--yes'], { folder });
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(/ORIGIN_PROT.*ORIGIN_PORT/s);
    expect(run.stderr).toMatch(/CLUSTER_NODE_2/);
  });

  test('with a host off the others serve pushes and pulls, and status says who is missing; back, a deploy finds it whole', async () => {
    const host = lab.hosts.find((h) => h.name === 'node-3')!;
    await powerCut(host);
    try {
      // What a deploy says of it is in errors.test.ts.
      const digest = await until('a push with one node dead', () =>
        pushTiny(container(lab, 'node-1'), '127.0.0.1:5000/e2e/dead:1', 'two of three'),
      );
      expect(await pullTiny(container(lab, 'node-2'), '127.0.0.1:5000/e2e/dead', digest)).toBe('two of three');
      const status = await krakenctl(['status']);
      expect(status.code).toBe(11);
    } finally {
      await powerOn(host);
    }
    await until('the host is whole again', async () => {
      const run = await krakenctl(['deploy', '--yes']);
      return run.code === 0 ? true : undefined;
    });
    await expectWhole(hosts, labName);
  });
});

describe('other ways in', () => {
  test('a user with sudo and without the docker group deploys, and finds nothing to change', async () => {
    const folder = join(stateFolder, 'ops');
    writeEnv(lab, { SSH_USER: 'ops' }, folder);
    const before = Object.keys(await observeContainers(container(lab, 'node-1'))).length;
    await onHost(container(lab, 'node-1'), ['docker', 'rm', '-f', `kraken-${labName}-node-1-tracker`]);
    await must(['deploy', '--yes'], { folder });
    expect(Object.keys(await observeContainers(container(lab, 'node-1')))).toHaveLength(before);
    await expectWhole(hosts, labName);
  });

  test('hosts behind a bastion are reached through it, and its key is checked too', async () => {
    const folder = join(stateFolder, 'bastion');
    const jump = { SSH_PROXY_JUMP: `ops@${lab.hosts[0]!.address}` };
    writeEnv(lab, jump, folder);
    const through = await json<{ plan?: Plan } & Plan>(['plan'], { folder });
    expect(planOf(through.data).unseen).toEqual([]);
    writeEnv(lab, { ...jump, SSH_KNOWN_HOSTS: join(folder, 'known_hosts') }, folder);
    const known = readFileSync(lab.ssh.knownHostsPath, 'utf8').split('\n');
    writeFileSync(
      join(folder, 'known_hosts'),
      known.filter((line) => !line.startsWith(`${lab.hosts[0]!.address} `)).join('\n'),
    );
    const { code, error } = await json(['deploy', '--yes'], { folder });
    expect([code, error?.code]).toEqual([1, 'HOST_KEY']);
  });
});

test('the work folder is the only place a deploy reads .env from', async () => {
  const run = await krakenctl(['deploy', '--yes'], { folder: stateFolder });
  expect(run.code).toBe(2);
  expect(run.stderr).toMatch(/\.env/);
  expect(workFolder).not.toBe(stateFolder);
});

afterAll(() => leaveStanding(plain));

function planOf(data: unknown): Plan {
  const found = (data as { plan?: Plan }).plan ?? (data as Plan);
  return found;
}
