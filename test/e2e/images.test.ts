import type { Plan } from '../../src/cluster/plan';
import type { Lab } from '../../src/lab/lab';
import { expectWhole, touchprint } from '../support/end-state';
import { freshLab, json, krakenctl, labName, must, writeEnv } from '../support/lab';
import { observeContainers, onHost, tryOnHost } from '../support/observer';
import { type ImageConfig, pushChanged } from '../support/registry';

/** Images that are not what was meant, and a registry that is away: told before anything is changed. */
let lab: Lab;
let hosts: Record<string, string>;

beforeAll(async () => {
  lab = await freshLab();
  hosts = Object.fromEntries(lab.hosts.filter((h) => h.name.startsWith('node-')).map((h) => [h.name, h.container]));
});
afterAll(async () => {
  await registryAnswers();
  writeEnv(lab);
});

const address = () => lab.registry.fromHosts.split(':')[0]!;
const onAll = (words: string[]) => Promise.all(Object.values(hosts).map((host) => tryOnHost(host, words)));
/** Told at once, as by a router; one that says nothing at all takes the Engine its time. */
const registryRefuses = () => onAll(['ip', 'route', 'add', 'unreachable', `${address()}/32`]);
const registryAnswers = () => onAll(['ip', 'route', 'delete', 'unreachable', `${address()}/32`]);

/** Another Redis image of the lab's registry; resolves with its digest. */
function pushRedis(tag: string, change: (config: ImageConfig) => ImageConfig): Promise<string> {
  const from = lab.images.redis.slice(lab.images.redis.lastIndexOf(':') + 1);
  return pushChanged({ registry: lab.registry.fromHere, repository: 'redis', tag: from }, tag, change);
}

const redis = (tag: string) => ({ REDIS_IMAGE: `${lab.registry.fromHosts}/redis:${tag}` });

/** With the images: what was pulled and not used is a change too. */
async function prints(): Promise<string> {
  const images = await Promise.all(
    Object.values(hosts).map((h) => onHost(h, ['docker', 'images', '-q', '--no-trunc'])),
  );
  return `${await touchprint(hosts, labName)} ${images.map((text) => text.split('\n').sort().join(' '))}`;
}

interface Expected {
  code: string;
  exit: number;
  says: RegExp;
  argv?: string[];
}

/** One error, as JSON and as text; no host was touched. */
async function expectRefused({ code, exit, says, argv = ['deploy', '--yes'] }: Expected): Promise<void> {
  const before = await prints();
  const asJson = await krakenctl([...argv, '--json']);
  const text = await krakenctl(argv);
  const { ok, error } = JSON.parse(asJson.stdout) as {
    ok: boolean;
    error: { code: string; message: string; hint: string };
  };
  expect({ ok, code: error.code, exit: asJson.code, again: text.code }).toEqual({ ok: false, code, exit, again: exit });
  expect(error.message).toMatch(says);
  expect(error.hint ?? '').not.toBe('');
  expect(text.stderr.split('\n').filter((line) => line.includes(code))).toHaveLength(1);
  expect(text.stdout + text.stderr).not.toMatch(/^\s+at .*:\d+/m);
  expect(await prints()).toBe(before);
}

describe('on bare hosts', () => {
  test('an image for another architecture is refused by name, by the plan and the deploy, and check finds it', async () => {
    await pushRedis('arm64', (config) => ({ ...config, architecture: 'arm64' }));
    writeEnv(lab, redis('arm64'));
    const says = /redis:arm64 is for linux\/arm64, node-1 is linux\/amd64/;
    await expectRefused({ code: 'IMAGE_PLATFORM', exit: 1, says });
    await expectRefused({ code: 'IMAGE_PLATFORM', exit: 1, says, argv: ['plan'] });
    const { code, data } = await json<{ findings: { code: string; host?: string }[] }>(['check']);
    expect(code).toBe(4);
    const found = data.findings.filter((f) => f.code === 'IMAGE_PLATFORM').map((f) => f.host);
    expect(found.sort()).toEqual(Object.keys(hosts));
  });

  test('without the registry a first deploy ends with one error that names it', async () => {
    writeEnv(lab);
    await registryRefuses();
    try {
      await expectRefused({ code: 'REGISTRY_UNREACHABLE', exit: 1, says: new RegExp(lab.registry.fromHosts) });
    } finally {
      await registryAnswers();
    }
  });

  test('a tag that was moved after the plan makes it another plan; what is agreed to then is what runs', async () => {
    const marked = (mark: string) => (config: ImageConfig) => ({
      ...config,
      config: { ...config.config, Labels: { mark } },
    });
    const first = await pushRedis('moving', marked('first'));
    writeEnv(lab, redis('moving'));
    const { token } = (await json<{ token: string; plan: Plan }>(['plan'])).data;
    const second = await pushRedis('moving', marked('second'));
    expect(second).not.toBe(first);
    const argv = ['deploy', '--yes', '--plan', token];
    await expectRefused({ code: 'PLAN_CHANGED', exit: 3, says: new RegExp(`not ${token}`), argv });
    const again = (await json<{ token: string; plan: Plan }>(['plan'])).data;
    expect(again.token).not.toBe(token);
    expect(JSON.stringify(again.plan)).toContain(second);
    expect(JSON.stringify(again.plan)).not.toContain(first);
    await must(['deploy', '--yes', '--plan', again.token]);
    await expectWhole(hosts, labName);
    for (const [id, host] of Object.entries(hosts)) {
      const { labels } = (await observeContainers(host))[`kraken-${labName}-${id}-redis`]!;
      expect([id, labels.mark]).toEqual([id, 'second']);
    }
  });
});

describe('on a running cluster, without the registry', () => {
  beforeAll(registryRefuses);
  afterAll(registryAnswers);

  test('what needs no other image is mended', async () => {
    const [id, host] = Object.entries(hosts)[0]!;
    const name = `kraken-${labName}-${id}-proxy`;
    const before = await observeContainers(host);
    await onHost(host, ['docker', 'rm', '-f', name]);
    await must(['deploy', '--yes']);
    await expectWhole(hosts, labName);
    const after = await observeContainers(host);
    expect(Object.keys(after).filter((key) => after[key]!.id !== before[key]!.id)).toEqual([name]);
  });

  test('another version is refused, and what runs stays', async () => {
    writeEnv(lab, { ...redis('moving'), KRAKEN_VERSION: 'v0.1.26' });
    await expectRefused({ code: 'REGISTRY_UNREACHABLE', exit: 1, says: new RegExp(lab.registry.fromHosts) });
    await expectWhole(hosts, labName);
  });
});
