import type { Lab } from '../../src/lab/lab';
import { pushThrough, remains, status } from '../support/agents';
import { expectWhole } from '../support/end-state';
import { container, json, krakenctl, labName, must, temporalPort, until, writeEnv } from '../support/lab';
import { ArgvWatch, findLeaks, histories, hostFiles, inspections } from '../support/leaks';
import { isLong } from '../support/long';
import { onHost, tryOnHost } from '../support/observer';
import { standingCluster } from '../support/standing';

/** Logins at the load balancers and credentials of VMs, switched on for a cluster that runs. vm-1 and vm-2 carry agents. */

let lab: Lab;
let watch: ArgvWatch;
const secret = 'e2e-secret-of-this-run-alone';
const passwords: Record<string, string> = {};
const at = (name: string) => container(lab, name);
const address = (name: string) => lab.hosts.find((h) => h.name === name)!.address;
const nodes = ['node-1', 'node-2', 'node-3'];
const on = { ENABLE_AUTH: 'true', AUTH_SECRET: secret, AUTH_WITHOUT_TLS: 'i-know' };

beforeAll(async () => {
  lab = await standingCluster({ env: {}, vms: 2, agents: ['vm-1', 'vm-2'] });
  watch = new ArgvWatch();
}, 240_000);

afterAll(async () => {
  watch.stop();
  await Promise.all(nodes.map((node) => tryOnHost(at(node), ['rm', '-rf', '/root/.docker/config.json'])));
}, 30_000);

/** `target`: what the request line says, whatever the URL does. */
interface Asking {
  method?: string;
  login?: string;
  target?: string;
}

/** HTTP status of a request from one host of the lab; the login travels on stdin. */
async function ask(from: string, url: string, { method = 'GET', login, target }: Asking = {}): Promise<number> {
  const line = target ? ['--request-target', target] : [];
  const argv = ['curl', '-s', '-o', '/dev/null', '-m', '10', '-w', '%{http_code}', '-X', method, '-K', '-'];
  const { stdout } = await tryOnHost(at(from), [...argv, ...line, url], login ? `user = "${login}"\n` : '');
  return Number(stdout);
}

const images = (node: string) => `http://${address(node)}:5000`;
const agents = (node: string) => `http://${address(node)}:5003`;
const loginOf = (user: string) => `${user}:${passwords[user]}`;
/** What the gateway of a VM shows. */
async function loginOn(vm: string): Promise<string> {
  const file = await onHost(at(vm), ['cat', `/etc/kraken/${labName}/agent-login/login.conf`]);
  const [, encoded = ''] = /Basic ([^"]+)"/.exec(file) ?? [];
  return Buffer.from(encoded, 'base64').toString();
}

async function addUser(name: string, role: string): Promise<void> {
  const { data } = await json<{ password: string }>(['auth', 'users', 'add', name, '--role', role]);
  passwords[name] = data.password;
}

/** Asks again and again until it is stopped; every answer that is not the right one. */
const asking = new Set<() => void>();
afterEach(() => {
  for (const stop of asking) stop();
});

function keepAsking(look: () => Promise<number>) {
  const answers: number[] = [];
  let running = true;
  const stop = () => {
    running = false;
    asking.delete(stop);
  };
  asking.add(stop);
  const ended = (async () => {
    while (running) answers.push(await look());
  })();
  return async () => {
    stop();
    await ended;
    return { asked: answers.length, wrong: answers.filter((answer) => answer !== 200) };
  };
}

describe('logins, switched on for a cluster that runs', () => {
  test('are prepared by naming users, and asked for after the agents have theirs: nobody who has one fails', async () => {
    writeEnv(lab, { ...on, ENABLE_AUTH: undefined });
    await addUser('ci', 'push');
    await addUser('eva', 'pull');
    writeEnv(lab, on);
    const stop = keepAsking(() => ask('vm-1', `${images('node-2')}/v2/`, { login: loginOf('eva') }));
    const run = await must(['deploy', '--yes']);
    const { asked, wrong } = await stop();
    expect(run.stdout).toMatch(/2 users push or pull after docker login/);
    expect(run.stdout.indexOf('first 2 agents')).toBeLessThan(run.stdout.search(/deploy-\d/));
    expect(wrong).toEqual([]);
    expect(asked).toBeGreaterThan(10);
    await expectWhole(Object.fromEntries(nodes.map((node) => [node, at(node)])), labName);
    expect((await must(['deploy', '--yes'])).stdout).toMatch(/nothing to change/i);
  });

  test.each([
    ['GET', '/v2/', 401, 200, 200],
    ['GET', '/v2/e2e/none/manifests/x', 401, 404, 404],
    ['POST', '/v2/e2e/app/blobs/uploads/', 401, 401, 202],
    ['GET', '/health', 200, 200, 200],
    ['GET', '/readiness', 200, 200, 200],
    ['GET', '/install', 401, 401, 401],
    ['GET', '/install/release.tar', 401, 401, 401],
    ['PUT', '/install/enrol', 401, 401, 401],
    ['GET', '/install/whoami', 200, 200, 200],
    ['GET', '/.krakenctl/config', 404, 404, 404],
  ])(
    '%s %s is answered by %d to nobody, %d to a puller, %d to a pusher',
    async (method, path, nobody, puller, pusher) => {
      const url = `${images('node-1')}${path}`;
      const seen = [
        await ask('vm-2', url, { method }),
        await ask('vm-2', url, { method, login: loginOf('eva') }),
        await ask('vm-2', url, { method, login: loginOf('ci') }),
      ];
      expect(seen).toEqual([nobody, puller, pusher]);
    },
  );

  test.each([
    ['POST', '/announce/ad738bea51c90466765131b6cb6003b3b46b12c1', 401],
    ['GET', '/tags/e2e%2Fapp:1', 401],
    ['GET', '/namespace/e2e/blobs/sha256:0/metainfo', 401],
    ['GET', '/health', 200],
    ['GET', '/readiness', 200],
  ])('on the port of agents %s %s is answered by %d to whoever is no VM', async (method, path, expected) => {
    for (const login of [undefined, loginOf('ci')])
      expect(await ask('vm-2', `${agents('node-3')}${path}`, { method, login })).toBe(expected);
  });

  test('docker logs in, pushes and pulls; agents give back what was pushed, alone and through a load balancer', async () => {
    const docker = async (user: string, words: string[]) => {
      await onHost(
        at('node-1'),
        ['docker', 'login', '-u', user, '--password-stdin', '127.0.0.1:5000'],
        passwords[user],
      );
      return tryOnHost(at('node-1'), ['docker', ...words]);
    };
    await onHost(at('node-1'), ['docker', 'login', '-u', 'ci', '--password-stdin', '127.0.0.1:5000'], passwords.ci);
    const digest = await pushThrough(at('node-1'), 'e2e/app:1', 'with a login');
    expect((await docker('eva', ['push', '127.0.0.1:5000/e2e/app:1'])).code).not.toBe(0);
    expect((await docker('eva', ['pull', '127.0.0.1:5000/e2e/app:1'])).code).toBe(0);
    for (const vm of ['vm-1', 'vm-2'])
      expect(JSON.parse(await onHost(at(vm), ['kraken-pull', '--json', 'e2e/app:1']))).toMatchObject({
        digest,
        via: 'agent',
      });
    await onHost(at('vm-2'), ['systemctl', 'stop', 'kraken-agent']);
    try {
      await onHost(at('vm-2'), ['docker', 'rmi', 'e2e/app:1']);
      const answer = JSON.parse(await onHost(at('vm-2'), ['kraken-pull', '--json', 'e2e/app:1']));
      expect(answer).toMatchObject({ ok: true, digest, via: 'load-balancer' });
    } finally {
      await onHost(at('vm-2'), ['systemctl', 'start', 'kraken-agent']);
    }
  });

  test.each([
    ['GET', '/tags/e2e%2Fapp:1', 200],
    ['PUT', '/tags/e2e%2Fapp:1/digest/sha256:0', 403],
    ['POST', '/remotes/tags/e2e%2Fapp:1', 403],
    ['DELETE', '/namespace/e2e/blobs/sha256:0', 403],
  ])(
    'a VM reads there and changes nothing: %s %s is answered by %d, from afar and through its gateway',
    async (method, path, expected) => {
      const login = await loginOn('vm-1');
      expect(await ask('vm-2', `${agents('node-1')}${path}`, { method, login })).toBe(expected);
      // Behind those for images, one for each load balancer.
      expect(await ask('vm-1', `http://127.0.0.1:${8095 + nodes.length}${path}`, { method })).toBe(expected);
    },
  );

  test.each([
    ['/namespace/..%2freadiness%23x/blobs/sha256:0/metainfo', 401],
    ['/namespace/..%2freadiness/blobs/sha256:0/metainfo', 401],
    // NGINX takes this for /readiness, so that is what is asked for: nothing of that namespace, which would be 404.
    ['/namespace/..%2freadiness#x/blobs/sha256:0/metainfo', 200],
  ])('nothing but /readiness is open there, however it is written: %s is answered by %d', async (target, expected) => {
    expect(await ask('vm-2', `${agents('node-1')}/`, { target })).toBe(expected);
  });

  test('wrong ones wait for their turn and are in the log; right ones do not wait', async () => {
    const url = `${images('node-1')}/v2/`;
    const since = Date.now();
    const wrong = await Promise.all(Array.from({ length: 8 }, () => ask('vm-2', url, { login: 'eva:guess' })));
    const took = Date.now() - since;
    expect(new Set(wrong)).toEqual(new Set([401]));
    expect(took).toBeGreaterThan(2_500);
    const before = Date.now();
    expect(await ask('vm-2', url, { login: loginOf('eva') })).toBe(200);
    expect(Date.now() - before).toBeLessThan(1_500);
    const { stdout } = await must(['logs', 'node-1', 'nginx', '--tail', '200']);
    expect(stdout).toMatch(/user "eva": password mismatch, client: [\d.]+/);
    expect(stdout).not.toContain('guess');
  });

  test('a VM that is revoked is refused everywhere within ten seconds, also with what it has; by name it is let in again', async () => {
    const login = await loginOn('vm-1');
    passwords['vm-1'] = login.slice(login.indexOf(':') + 1);
    expect(await ask('vm-2', `${agents('node-1')}/tags/e2e%2Fapp:1`, { login })).toBe(200);
    const since = Date.now();
    await must(['agent', 'revoke', address('vm-1'), '--yes']);
    for (const node of nodes) {
      expect(await ask('vm-2', `${agents(node)}/tags/e2e%2Fapp:1`, { login })).toBe(401);
      expect(await ask('vm-2', `${images(node)}/v2/`, { login })).toBe(401);
    }
    expect(Date.now() - since).toBeLessThan(10_000);
    expect(await ask('vm-1', 'http://127.0.0.1:8095/v2/')).toBe(401);
    const { data } = await json<{ revoked: string[] }>(['auth', 'users', 'list']);
    expect(data.revoked).toEqual([address('vm-1')]);
    await must(['agent', 'deploy', address('vm-1')]);
    expect(await ask('vm-1', 'http://127.0.0.1:8095/v2/')).toBe(200);
    expect(await ask('vm-2', `${images('node-1')}/v2/`, { login })).toBe(401);
  });

  test('a user who is removed, or has a new password, is out at once', async () => {
    const before = loginOf('eva');
    const { data } = await json<{ password: string }>(['auth', 'users', 'passwd', 'eva']);
    passwords.eva = data.password;
    for (const node of nodes) {
      expect(await ask('vm-2', `${images(node)}/v2/`, { login: before })).toBe(401);
      expect(await ask('vm-2', `${images(node)}/v2/`, { login: loginOf('eva') })).toBe(200);
    }
    await must(['auth', 'users', 'remove', 'ci', '--yes']);
    for (const node of nodes) expect(await ask('vm-2', `${images(node)}/v2/`, { login: loginOf('ci') })).toBe(401);
  });

  // In memory: test/workflows/auth.test.ts.
  if (isLong) {
    test('another secret takes the place of the first: users and agents go on meanwhile, what was derived from the first is refused after it', async () => {
      const before = await loginOn('vm-2');
      writeEnv(lab, { ...on, AUTH_SECRET: `${secret}-next` });
      expect((await krakenctl(['deploy', '--yes'])).code).toBe(2);
      const stops = [
        keepAsking(() => ask('vm-1', `${images('node-2')}/v2/`, { login: loginOf('eva') })),
        keepAsking(() => ask('vm-2', 'http://127.0.0.1:8095/v2/')),
      ];
      await must(['auth', 'rotate', '--yes']);
      for (const { asked, wrong } of await Promise.all(stops.map((stop) => stop()))) {
        expect(wrong).toEqual([]);
        expect(asked).toBeGreaterThan(10);
      }
      expect(await ask('vm-1', `${images('node-1')}/v2/`, { login: before })).toBe(401);
      expect(await ask('vm-1', `${images('node-1')}/v2/`, { login: await loginOn('vm-2') })).toBe(200);
      expect((await must(['deploy', '--yes'])).stdout).toMatch(/nothing to change/i);
    });
  }

  test('a VM that nobody logs in to enrols with a token, which then lets in nobody else', async () => {
    await must(['agent', 'remove', address('vm-2'), '--yes']);
    const { data } = await json<{ token: string; line: string; command: string }>(['agent', 'token', 'create']);
    passwords.token = /:([^":]+)"$/.exec(data.line)![1]!;
    await onHost(at('vm-2'), ['sh', '-c', 'umask 077; cat > /root/token'], `${data.line}\n`);
    await onHost(at('vm-2'), ['sh', '-c', `cd /root && ${data.command}`]);
    expect(await status(at('vm-2'), 'http://127.0.0.1:8091/readiness')).toBe(200);
    expect(JSON.parse(await onHost(at('vm-2'), ['kraken-pull', '--json', 'e2e/app:1']))).toMatchObject({
      via: 'agent',
    });
    const listed = await json<{ enrolled: { address: string; verified?: boolean }[] }>(['agent', 'list']);
    expect(listed.data.enrolled).toMatchObject([{ address: address('vm-2'), verified: true }]);
    const [, user = ''] = /"([^"]+)"/.exec(data.line) ?? [];
    await until('the token is used up', async () =>
      (await ask('vm-1', `${images('node-1')}/install`, { login: user })) === 401 ? true : undefined,
    );
    await onHost(at('vm-2'), ['sh', '-c', 'curl -fsS http://127.0.0.1:8095/install | sh -s -- --uninstall']);
    expect(await remains(at('vm-2'))).toEqual([]);
    expect((await json<{ enrolled: unknown[] }>(['agent', 'list'])).data.enrolled).toEqual([]);
  });

  test('no password is in a history, an argv, an environment, a log or a file that others may read', async () => {
    const temporal = `127.0.0.1:${temporalPort}`;
    const places = [
      ...(await histories(temporal)),
      ...watch.places(),
      ...(await Promise.all(nodes.map((node) => inspections(at(node))))).flat(),
      ...(
        await Promise.all(nodes.map((node) => hostFiles(at(node), ['/etc/kraken', '/var/lib/krakenctl', '/tmp'])))
      ).flat(),
    ];
    expect(places.length).toBeGreaterThan(20);
    expect(findLeaks(places, { AUTH_SECRET: secret, ...passwords })).toEqual([]);
  });

  // In memory: test/workflows/auth.test.ts.
  if (isLong) {
    test('off again, nobody is asked, and agents keep nothing', async () => {
      writeEnv(lab);
      await must(['deploy', '--yes']);
      expect(await ask('vm-2', `${images('node-1')}/v2/`)).toBe(200);
      const { code } = await tryOnHost(at('vm-1'), ['test', '-e', `/etc/kraken/${labName}/agent-login`]);
      expect(code).not.toBe(0);
      await until('the agent serves', async () =>
        (await status(at('vm-1'), 'http://127.0.0.1:8091/readiness')) === 200 ? true : undefined,
      );
      expect((await krakenctl(['deploy', '--yes'])).stdout).toMatch(/nothing to change/i);
    });
  }
});
