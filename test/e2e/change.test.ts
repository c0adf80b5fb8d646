import type { Plan, Step } from '../../src/cluster/plan';
import type { Lab } from '../../src/lab/lab';
import { expectWhole, idsOf, partsOfNode, touchprint } from '../support/end-state';
import { container, json, krakenctl, labName, must, onRealKraken, until, writeEnv } from '../support/lab';
import { isLong } from '../support/long';
import {
  httpText,
  kernelLimits,
  observeContainers,
  onHost,
  pullTiny,
  pushTiny,
  readText,
  redisSetting,
  tryOnHost,
} from '../support/observer';
import { leaveStanding, plain, standingCluster } from '../support/standing';

/** What changes in place, and then what is replaced, in one cluster; under load it is in rollout.test.ts. */

let lab: Lab;
let hosts: Record<string, string>;
const mebibyte = 2 ** 20;
const krakenParts = ['build-index', 'origin', 'proxy', 'testfs', 'tracker'];
const changed = {
  REDIS_MAXMEMORY: '300mb',
  ORIGIN_MEMORY_LIMIT: '1200m',
  ORIGIN_CPU_LIMIT: '1.5',
  NGINX_KEEPALIVE_TIMEOUT: '50s',
};

beforeAll(async () => {
  lab = await standingCluster(plain);
  hosts = Object.fromEntries(lab.hosts.filter((h) => h.name.startsWith('node-')).map((h) => [h.name, h.container]));
});

const nameOf = (node: string, part: string) => `kraken-${labName}-${node}-${part}`;

const named = (parts: string[], nodes = Object.keys(hosts)) =>
  nodes.flatMap((node) => parts.map((part) => nameOf(node, part))).sort();

const differing = (a: Record<string, string>, b: Record<string, string>) =>
  Object.keys(b)
    .filter((name) => a[name] !== b[name])
    .sort();

/** Every container by what tells that nothing was made or started anew. */
async function lives(): Promise<Record<string, string>> {
  const all = await Promise.all(Object.values(hosts).map((host) => observeContainers(host)));
  const facts = all.flatMap((c) => Object.values(c));
  return Object.fromEntries(facts.map((c) => [c.name, `${c.id} ${c.startedAt} ${c.state} ${c.restartCount}`]));
}

async function settingOnAll(setting: string): Promise<string[]> {
  const instances = Object.entries(hosts).flatMap(([node, host]) =>
    ['redis', 'redis-replica'].map((part) => redisSetting(host, nameOf(node, part), setting)),
  );
  return [...new Set(await Promise.all(instances))];
}

async function expectOrigins(memoryBytes: number, cpu: string): Promise<void> {
  for (const [node, host] of Object.entries(hosts)) {
    const name = nameOf(node, 'origin');
    expect([name, (await observeContainers(host))[name]?.memoryBytes]).toEqual([name, memoryBytes]);
    expect([name, await kernelLimits(host, name)]).toEqual([name, { memory: `${memoryBytes}`, cpu }]);
  }
}

/** The sum that the running NGINX says is the one in its file, which has this line. */
async function expectNginxRuns(line: string): Promise<void> {
  for (const host of Object.values(hosts)) {
    const text = await readText(host, `/etc/kraken/${labName}/nginx/nginx.conf`);
    expect(text).toContain(line);
    const sum = await httpText(host, 'http://127.0.0.1:5000/.krakenctl/config');
    expect(text).toContain(`return 200 "${sum}\\n";`);
  }
}

test('a Redis setting, limits and a load balancer setting change in one deploy, in the same containers', async () => {
  const before = await lives();
  writeEnv(lab, changed);
  const plan = await krakenctl(['plan']);
  expect(plan.code).toBe(3);
  expect(plan.stdout).toMatch(/~ redis ×6 +maxmemory 256mb → 300mb, live, no restart\s+\.env:\d+ REDIS_MAXMEMORY/);
  expect(plan.stdout).toMatch(/replace 0 · change in place \d+ · create 0 · remove 0/);
  await must(['deploy', '--yes']);
  expect(await lives()).toEqual(before);
  expect(await settingOnAll('maxmemory')).toEqual([`${300 * mebibyte}`]);
  await expectOrigins(1200 * mebibyte, '150000');
  await expectNginxRuns('keepalive_timeout 50s;');
  await expectWhole(hosts, labName);
});

test('a second deploy changes nothing', async () => {
  const before = await touchprint(hosts, labName);
  const run = await must(['deploy', '--yes']);
  expect(run.stdout + run.stderr).toMatch(/nothing to change/);
  expect(await touchprint(hosts, labName)).toBe(before);
});

test('an instance that is started again has the value from its file', async () => {
  const [node, host] = Object.entries(hosts)[0]!;
  const name = nameOf(node, 'redis-replica');
  await onHost(host, ['docker', 'restart', '-t', '2', name]);
  const said = await until('it answers', () => redisSetting(host, name, 'maxmemory'));
  expect(said).toBe(`${300 * mebibyte}`);
  await until('it follows its master again', () => expectWhole(hosts, labName).then(() => true));
});

test('a setting and a limit that a hand changed are planned as drift, and mended in place', async () => {
  const before = await lives();
  const [one, two] = ['node-1', 'node-2'].map((node) => container(lab, node)) as [string, string];
  expect(await redisSetting(two, nameOf('node-2', 'redis'), 'maxmemory', '104857601')).toBe('104857601');
  await onHost(one, ['docker', 'update', '--memory', '600m', '--memory-swap', '600m', nameOf('node-1', 'tracker')]);
  const { code, data } = await json<{ plan: Plan }>(['plan']);
  expect(code).toBe(3);
  const steps = data.plan.stages.flatMap((s) => s.steps).filter((s) => s.kind !== 'record');
  expect(steps.map((s) => [s.host, s.kind, s.part, s.because.join()])).toEqual([
    ['node-1', 'limits', 'tracker', 'drift: the limit of the container on the host is another'],
    ['node-2', 'setting', 'redis', 'drift: the running Redis has another value than its file'],
  ]);
  await must(['deploy', '--yes']);
  expect(await settingOnAll('maxmemory')).toEqual([`${300 * mebibyte}`]);
  expect((await kernelLimits(one, nameOf('node-1', 'tracker'))).memory).toBe(`${256 * mebibyte}`);
  expect(await lives()).toEqual(before);
  expect((await json(['plan'])).code).toBe(0);
});

test('a memory limit below what a part holds is refused by name with both values, and the part goes on', async () => {
  const before = await lives();
  const [host, name] = [container(lab, 'node-2'), nameOf('node-2', 'tracker')];
  await onHost(host, ['docker', 'exec', name, 'dd', 'if=/dev/zero', 'of=/tmp/held', 'bs=1M', 'count=140']);
  writeEnv(lab, { ...changed, TRACKER_MEMORY_LIMIT: '128m' });
  const { code, error } = await json(['deploy', '--yes']);
  expect([code, error?.code]).toEqual([9, 'ROLLED_BACK']);
  expect(error?.message).toMatch(/tracker on node-2 cannot get its memory limit 128 MiB \(now 256 MiB\): /);
  expect(await lives()).toEqual(before);
  await tryOnHost(host, ['docker', 'exec', name, 'rm', '/tmp/held']);
});

test('limits are taken away again, also for a CPU limit that Docker itself cannot unset', async () => {
  const before = await lives();
  writeEnv(lab);
  await must(['deploy', '--yes']);
  expect(await lives()).toEqual(before);
  expect(await settingOnAll('maxmemory')).toEqual([`${256 * mebibyte}`]);
  await expectOrigins(1024 * mebibyte, 'max');
  await expectNginxRuns('keepalive_timeout 65s;');
  await expectWhole(hosts, labName);
});

test('after reloads it is still the Engine that starts a load balancer again', async () => {
  // What a power cut leaves; the host's others go on, so that its Redis keeps its masters.
  const host = container(lab, 'node-3');
  const name = nameOf('node-3', 'nginx');
  const [{ HostConfig, State }] = JSON.parse(await onHost(host, ['docker', 'inspect', name]));
  expect(HostConfig.RestartPolicy.Name).toBe('unless-stopped');
  const config = `$(docker info -f '{{.DockerRootDir}}')/containers/$(docker inspect -f '{{.Id}}' ${name})/config.v2.json`;
  const kept = JSON.parse(await onHost(host, ['sh', '-c', `cat ${config}`]));
  expect([State.Running, kept.HasBeenManuallyStopped]).toEqual([true, false]);
});

// Under load a version changes in rollout.test.ts; the words of its plan are in test/cluster/deploy-plan.test.ts.
if (isLong) {
  test('a changed version is planned with its line of .env, replaces the Kraken parts and nothing else, and pushed images stay', async () => {
    const digest = await pushTiny(container(lab, 'node-1'), '127.0.0.1:5000/e2e/kept:1', 'before the change');
    const before = await idsOf(hosts);
    writeEnv(lab, { KRAKEN_VERSION: 'v0.1.26' });
    const { code, data } = await json<{ plan?: Plan } & Plan>(['plan']);
    expect(code).toBe(3);
    const steps: Step[] = (data.plan ?? data).stages.flatMap((s) => s.steps);
    const replaced = steps.filter((s) => s.action === 'replace');
    expect(replaced.map((s) => s.target).sort()).toEqual(named(krakenParts));
    for (const step of replaced)
      expect(step.because.join()).toMatch(/^KRAKEN_VERSION v0\.1\.27 → v0\.1\.26 \(\.env:\d+\)$/);
    await must(['deploy', '--yes']);
    await expectWhole(hosts, labName);
    expect(differing(before, await idsOf(hosts))).toEqual(named(krakenParts));
    expect(await pullTiny(container(lab, 'node-2'), '127.0.0.1:5000/e2e/kept', digest)).toBe('before the change');
  });
}

/** What runs by now. */
const version = isLong ? 'v0.1.26' : 'v0.1.27';

// The stand-in alone has a version that never gets ready; real Kraken has none to ask for.
if (!onRealKraken) {
  test('a version that never gets ready is taken back from the first node, with its last words; the others are never touched', async () => {
    const before = await idsOf(hosts);
    writeEnv(lab, { KRAKEN_VERSION: 'v0.1.28-rc1' });
    const { code, error } = await json(['deploy', '--yes']);
    expect([code, error?.code]).toEqual([9, 'ROLLED_BACK']);
    expect(error?.message).toMatch(/origin on node-1 .*invalid TLS config/);
    const { image } = (await observeContainers(container(lab, 'node-1')))[`kraken-${labName}-node-1-origin`]!;
    expect(image.endsWith(`:${version}`)).toBe(true);
    const untouched = named(partsOfNode, ['node-2', 'node-3']);
    const after = await idsOf(hosts);
    for (const name of untouched) expect([name, after[name]]).toEqual([name, before[name]]);
    const digest = await until('the other nodes still take a push', () =>
      pushTiny(container(lab, 'node-2'), '127.0.0.1:5000/e2e/still:1', 'still'),
    );
    expect(await pullTiny(container(lab, 'node-3'), '127.0.0.1:5000/e2e/still', digest)).toBe('still');
  });

  test('after it the version before has nothing left to change', async () => {
    writeEnv(lab, { KRAKEN_VERSION: version });
    const { data } = await json<{ changed: boolean }>(['deploy', '--yes']);
    expect(data.changed).toBe(false);
    await expectWhole(hosts, labName);
  });
}

if (!isLong) afterAll(() => leaveStanding(plain));
