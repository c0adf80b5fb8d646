import type { Lab } from '../../src/lab/lab';
import { expectAgent, pushThrough, remains } from '../support/agents';
import { testAuthority } from '../support/authorities';
import { container, json, labName, must, until, versions, writeEnv } from '../support/lab';
import { isLong } from '../support/long';
import { onHost, readText, tryOnHost } from '../support/observer';
import { standingCluster } from '../support/standing';

/** Agents of a cluster with TLS: what they ask load balancers in, and that images come through them. vm-1 is logged in to, vm-2 installs itself. */

let lab: Lab;
const at = (name: string) => container(lab, name);
const address = (name: string) => lab.hosts.find((h) => h.name === name)!.address;
const nodes = ['node-1', 'node-2', 'node-3'];
const authority = `/etc/kraken/${labName}/nginx/ca.crt`;
const agent = `/etc/kraken/${labName}/agent`;

interface Deployed {
  changed: boolean;
  tls?: { stages: string[]; left: string[] };
}

async function deploy(): Promise<Deployed> {
  const run = await json<Deployed>(['deploy', '--yes']);
  if (run.code !== 0) throw new Error(JSON.stringify(run.error));
  return run.data;
}

async function pull(vm: string, image: string): Promise<{ ok: boolean; via: string; digest: string }> {
  return JSON.parse((await tryOnHost(at(vm), ['kraken-pull', '--json', image])).stdout);
}

/** By the address of a load balancer, or through a port of the VM's own loopback: the status, or curl's exit code. */
async function ask(vm: string, url: string, more: string[] = []): Promise<string> {
  const argv = ['curl', '-s', '-o', '/dev/null', '-m', '10', '-w', '%{http_code}', ...more, url];
  const { code, stdout } = await tryOnHost(at(vm), argv);
  return code === 0 ? stdout : `curl ${code}`;
}

beforeAll(async () => {
  lab = await standingCluster({ env: isLong ? {} : { ENABLE_TLS: 'true' }, vms: 2, agents: [] });
  await must(['agent', 'deploy', address('vm-1')]);
}, 240_000);

if (isLong) {
  /** Different images, so that each comes from the cluster and not from the VM. */
  function keepPulling(images: string[]) {
    let running = true;
    const failed: string[] = [];
    let count = 0;
    const ended = (async () => {
      for (; running; count += 1) {
        const image = images[count % images.length]!;
        await tryOnHost(at('vm-1'), ['docker', 'image', 'rm', '-f', image]);
        const answer = await pull('vm-1', image);
        if (!answer.ok) failed.push(JSON.stringify(answer));
      }
    })();
    return async () => {
      running = false;
      await ended;
      return { count, failed };
    };
  }

  test('a running cluster goes to TLS by one deploy, its agents before load balancers take nothing else, and no pull fails', async () => {
    const images = Array.from({ length: 20 }, (_, n) => `tls/before-${n}:1`);
    for (const image of images) await pushThrough(at('node-1'), image, image);
    const stop = keepPulling(images);
    writeEnv(lab, { ENABLE_TLS: 'true' });
    const run = await must(['deploy', '--yes'], { timeoutMs: 580_000 });
    const { count, failed } = await stop();
    console.log(`on: ${count} pulls`);
    expect(run.stdout).toMatch(
      /accept → bus → speak[\s\S]*before require follow 1 agent[\s\S]*1 of 1 agents serve, 1 changed/,
    );
    expect(failed).toEqual([]);
    expect((await json<{ stage: string }>(['tls', 'status'])).data.stage).toBe('require');
    expect(await deploy()).toMatchObject({ changed: false });
  }, 600_000);
}

test('an agent asks load balancers in TLS through ways of its own, and images come through it', async () => {
  await expectAgent(at('vm-1'), labName, versions[0]!);
  expect(await readText(at('vm-1'), `${agent}/gateway/ca.crt`)).toBe(await readText(at('node-1'), authority));
  expect(await onHost(at('vm-1'), ['systemctl', 'is-active', 'kraken-relay-gateway'])).toBe('active\n');
  for (const port of [8095, 8098]) expect(await ask('vm-1', `http://127.0.0.1:${port}/health`)).toBe('200');
  expect(await ask('vm-1', `http://${address('node-1')}:5000/health`)).toBe('400');
  const digest = await pushThrough(at('node-1'), 'tls/agents:1', 'through an agent');
  expect(await pull('vm-1', 'tls/agents:1')).toMatchObject({ ok: true, via: 'agent', digest });
  const pulled = await json<{ ok: boolean; via: string }[]>(['agent', 'pull', 'tls/agents:1', '--all']);
  expect(pulled.data).toEqual([expect.objectContaining({ ok: true, via: 'agent', digest })]);
  const { stdout } = await must(['agent', 'deploy', address('vm-1')]);
  expect(stdout).toMatch(/nothing to change/);
});

test('while its agent is away, an image comes over a relay, in TLS too', async () => {
  const digest = await pushThrough(at('node-1'), 'tls/relay:1', 'over a relay');
  await onHost(at('vm-1'), ['systemctl', 'stop', 'kraken-agent']);
  try {
    expect(await pull('vm-1', 'tls/relay:1')).toMatchObject({ ok: true, via: 'load-balancer', digest });
  } finally {
    await onHost(at('vm-1'), ['systemctl', 'start', 'kraken-agent']);
  }
});

test('a load balancer that shows a certificate of somebody else is one that is away', async () => {
  // What a VM believes is changed here instead of what is shown: its gateway must find nobody then.
  const folder = `$(readlink ${agent})/gateway`;
  const { certificate: other } = testAuthority('foreign', 'other');
  await onHost(
    at('vm-1'),
    [
      'sh',
      '-c',
      `cp -a ${folder}/ca.crt /root/ca.kept && cat > ${folder}/ca.crt && systemctl restart kraken-relay-gateway`,
    ],
    other,
  );
  try {
    await until('the gateway answers', async () =>
      (await ask('vm-1', 'http://127.0.0.1:8098/health')) === '502' ? true : undefined,
    );
  } finally {
    await onHost(at('vm-1'), [
      'sh',
      '-c',
      `cat /root/ca.kept > ${folder}/ca.crt && systemctl restart kraken-relay-gateway`,
    ]);
  }
  await until('it is believed again', async () =>
    (await ask('vm-1', 'http://127.0.0.1:8098/health')) === '200' ? true : undefined,
  );
}, 60_000);

test('a VM installs itself over HTTPS, by the certificate of the authority, and pulls through its agent', async () => {
  const certificate = await readText(at('node-1'), authority);
  await onHost(at('vm-2'), ['sh', '-c', 'cat > /root/ca.crt'], certificate);
  const url = `https://${address('node-2')}:5000/install`;
  expect(await ask('vm-2', url)).toBe('curl 60');
  const install = `curl -fsSL --cacert /root/ca.crt ${url} | sh`;
  await onHost(at('vm-2'), ['sh', '-c', install]);
  await expectAgent(at('vm-2'), labName, versions[0]!);
  const digest = await pushThrough(at('node-3'), 'tls/installed:1', 'installed itself');
  expect(await pull('vm-2', 'tls/installed:1')).toMatchObject({ ok: true, via: 'agent', digest });
  // Its timer goes by the same ways.
  await onHost(at('vm-2'), ['systemctl', 'start', 'kraken-agent-update.service']);
  await onHost(at('vm-2'), ['sh', '-c', `${install} -s -- --uninstall`]);
  expect(await remains(at('vm-2'))).toEqual([]);
}, 120_000);

if (isLong) {
  test('another authority is believed by agents before load balancers show what it has signed', async () => {
    const before = await readText(at('vm-1'), `${agent}/gateway/ca.crt`);
    const run = await must(['tls', 'rotate', '--ca'], { timeoutMs: 580_000 });
    expect(run.stdout).toMatch(/before require follow 1 agent/);
    const after = await readText(at('vm-1'), `${agent}/gateway/ca.crt`);
    expect(after.match(/BEGIN/g)).toHaveLength(1);
    expect(after).not.toBe(before);
    const digest = await pushThrough(at('node-1'), 'tls/rotated:1', 'rotated');
    expect(await pull('vm-1', 'tls/rotated:1')).toMatchObject({ ok: true, via: 'agent', digest });
  }, 600_000);

  test('and it goes back by one deploy, agents before load balancers take no TLS any more', async () => {
    writeEnv(lab);
    const run = await must(['deploy', '--yes'], { timeoutMs: 580_000 });
    expect(run.stdout).toMatch(/speak → bus → accept[\s\S]*before off follow 1 agent/);
    const digest = await pushThrough(at('node-1'), 'tls/back:1', 'back');
    expect(await pull('vm-1', 'tls/back:1')).toMatchObject({ ok: true, via: 'agent', digest });
    expect((await tryOnHost(at('vm-1'), ['test', '-e', `${agent}/gateway`])).code).toBe(1);
    for (const node of nodes) expect((await tryOnHost(at(node), ['test', '-e', authority])).code).toBe(1);
  }, 600_000);
}
