import type { Plan, Step } from '../../src/cluster/plan';
import type { Lab } from '../../src/lab/lab';
import { expectWhole, idsOf, partsOfNode } from '../support/end-state';
import { container, freshLab, json, labName, must, onRealKraken, until, writeEnv } from '../support/lab';
import { httpStatus, observeContainers, pullTiny, pushTiny } from '../support/observer';

let lab: Lab;
let hosts: Record<string, string>;
const krakenParts = ['build-index', 'origin', 'proxy', 'testfs', 'tracker'];

beforeAll(async () => {
  lab = await freshLab();
  hosts = Object.fromEntries(lab.hosts.filter((h) => h.name.startsWith('node-')).map((h) => [h.name, h.container]));
  await must(['deploy', '--yes']);
});

const ids = () => idsOf(hosts);

const named = (parts: string[], nodes = Object.keys(hosts)) =>
  nodes.flatMap((node) => parts.map((part) => `kraken-${labName}-${node}-${part}`)).sort();

const differing = (a: Record<string, string>, b: Record<string, string>) =>
  Object.keys(b)
    .filter((name) => a[name] !== b[name])
    .sort();

test('a changed version is planned with its line of .env, replaces the Kraken parts and nothing else, and pushed images stay', async () => {
  const digest = await pushTiny(container(lab, 'node-1'), '127.0.0.1:5000/e2e/kept:1', 'before the change');
  const before = await ids();
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
  expect(differing(before, await ids())).toEqual(named(krakenParts));
  expect(await pullTiny(container(lab, 'node-2'), '127.0.0.1:5000/e2e/kept', digest)).toBe('before the change');
});

test('a changed setting of a part replaces that part on every node, one node after the other, while two of three serve', async () => {
  const before = await ids();
  writeEnv(lab, { KRAKEN_VERSION: 'v0.1.26', ANNOUNCE_INTERVAL: '4s' });
  const deploy = must(['deploy', '--yes']);
  let worst = 3;
  let looks = 0;
  let ended = false;
  deploy.then(
    () => (ended = true),
    () => (ended = true),
  );
  while (!ended) {
    const statuses = await Promise.all(Object.values(hosts).map((h) => httpStatus(h, 'http://127.0.0.1:8081/health')));
    worst = Math.min(worst, statuses.filter((s) => s === 200).length);
    looks += 1;
  }
  await deploy;
  expect(looks).toBeGreaterThan(2);
  expect(worst).toBeGreaterThanOrEqual(2);
  expect(differing(before, await ids())).toEqual(named(['tracker']));
  await expectWhole(hosts, labName);
});

test('a changed load balancer setting is reloaded, and no container is replaced', async () => {
  const before = await ids();
  writeEnv(lab, { KRAKEN_VERSION: 'v0.1.26', ANNOUNCE_INTERVAL: '4s', NGINX_KEEPALIVE_TIMEOUT: '50s' });
  const run = await must(['deploy', '--yes']);
  expect(run.stdout + run.stderr).toMatch(/replace 0/);
  expect(differing(before, await ids())).toEqual([]);
  await expectWhole(hosts, labName);
});

// The stand-in alone has a version that never gets ready; real Kraken has none to ask for.
if (!onRealKraken) {
  test('a version that never gets ready is taken back from the first node, with its last words; the others are never touched', async () => {
    const before = await ids();
    writeEnv(lab, { KRAKEN_VERSION: 'v0.1.28-rc1', ANNOUNCE_INTERVAL: '4s', NGINX_KEEPALIVE_TIMEOUT: '50s' });
    const { code, error } = await json(['deploy', '--yes']);
    expect([code, error?.code]).toEqual([9, 'ROLLED_BACK']);
    expect(error?.message).toMatch(/origin on node-1 .*invalid TLS config/);
    expect((await observeContainers(container(lab, 'node-1')))[`kraken-${labName}-node-1-origin`]?.image).toMatch(
      /v0\.1\.26/,
    );
    const untouched = named(partsOfNode, ['node-2', 'node-3']);
    const after = await ids();
    for (const name of untouched) expect([name, after[name]]).toEqual([name, before[name]]);
    const digest = await until('the other nodes still take a push', () =>
      pushTiny(container(lab, 'node-2'), '127.0.0.1:5000/e2e/still:1', 'still'),
    );
    expect(await pullTiny(container(lab, 'node-3'), '127.0.0.1:5000/e2e/still', digest)).toBe('still');
  });

  test('after it the version before has nothing left to change', async () => {
    writeEnv(lab, { KRAKEN_VERSION: 'v0.1.26', ANNOUNCE_INTERVAL: '4s', NGINX_KEEPALIVE_TIMEOUT: '50s' });
    const { data } = await json<{ changed: boolean }>(['deploy', '--yes']);
    expect(data.changed).toBe(false);
    await expectWhole(hosts, labName);
  });
}
