import type { Lab } from '../../src/lab/lab';
import { EitherClient } from '../support/either-language';
import { expectWhole } from '../support/end-state';
import { freshLab, json, labName, must, writeEnv } from '../support/lab';
import { isLong } from '../support/long';
import { observeFiles, onHost, pullTiny, pushTiny, readText, tryOnHost } from '../support/observer';
import { leaveStanding } from '../support/standing';

/** A running cluster goes to TLS and back while it is used; what each port then takes from whom is asked by curl and redis-cli. */

let lab: Lab;
let hosts: Record<string, string>;
let addresses: Record<string, string>;
const folder = `/etc/kraken/${labName}`;
const ports = { origin: 8080, tracker: 8081, 'build-index': 8082, proxy: 8083 };

beforeAll(async () => {
  lab = await freshLab();
  const nodes = lab.hosts.filter((h) => h.name.startsWith('node-'));
  hosts = Object.fromEntries(nodes.map((h) => [h.name, h.container]));
  addresses = Object.fromEntries(nodes.map((h) => [h.name, h.address]));
  if (isLong) await must(['deploy', '--yes']);
});

/** While the work is done, somebody pushes and pulls through all load balancers, in the language that is understood. */
async function used<T>(work: () => Promise<T>): Promise<{ client: EitherClient; result: T }> {
  const client = new EitherClient(Object.values(addresses).map((address) => `${address}:5000`));
  client.trusted = await trustedOn('node-1');
  const over = new AbortController();
  const running = client.run(over.signal);
  const believing = setInterval(() => {
    void trustedOn('node-1').then((trusted) => {
      client.trusted = trusted;
    });
  }, 500);
  try {
    const result = await work();
    return { client, result };
  } finally {
    clearInterval(believing);
    over.abort();
    await running;
  }
}

async function trustedOn(node: string): Promise<string | undefined> {
  const read = await tryOnHost(hosts[node]!, ['cat', `${folder}/nginx/ca.crt`]);
  return read.code === 0 && read.stdout !== '' ? read.stdout : undefined;
}

interface Deployed {
  changed: boolean;
  tls?: { stages: string[]; left: string[] };
}

async function deploy(): Promise<Deployed> {
  const run = await json<Deployed>(['deploy', '--yes']);
  if (run.code !== 0) throw new Error(JSON.stringify(run.error));
  return run.data;
}

/** As curl on one node sees a port of another: the status, or curl's own exit code. */
async function seen(from: string, to: string, port: number, args: string[], scheme = 'https'): Promise<string> {
  const name = scheme === 'https' ? 'kraken' : addresses[to]!;
  const there = scheme === 'https' ? ['--connect-to', `kraken:${port}:${addresses[to]}:${port}`] : [];
  const argv = ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '10', ...there, ...args];
  const { code, stdout } = await tryOnHost(hosts[from]!, [...argv, `${scheme}://${name}:${port}/health`]);
  return code === 0 ? stdout : `curl ${code}`;
}

const believed = ['--cacert', `${folder}/nginx/ca.crt`];
const shown = (part: string) => ['--cert', `${folder}/${part}/tls.crt`, '--key', `${folder}/${part}/tls.key`];
const writing = ['-X', 'POST', '-d', ''];

function redisCli(node: string, part: string, args: string[]) {
  return tryOnHost(hosts[node]!, ['docker', 'exec', `kraken-${labName}-${node}-${part}`, 'redis-cli', ...args]);
}

const inTls = [
  '--tls',
  '--cacert',
  '/etc/krakenctl/ca.crt',
  '--cert',
  '/etc/krakenctl/tls.crt',
  '--key',
  '/etc/krakenctl/tls.key',
];

/** Seven rollouts there and back: in memory they are walked by test/workflows/tls.test.ts. */
if (isLong) {
  test('a running cluster goes to TLS by one deploy, and of those who push and pull meanwhile nobody is refused', async () => {
    const before = await pushTiny(hosts['node-1']!, '127.0.0.1:5000/tls/before:1', 'pushed without TLS');
    writeEnv(lab, { ENABLE_TLS: 'true' });
    const plan = await must(['plan']).catch((error: Error) => ({ stdout: error.message }));
    expect(plan.stdout).toMatch(/TLS: this leads to accept; bus, speak, require follow/);
    const { client, result } = await used(deploy);
    expect(result).toMatchObject({ changed: true, tls: { stages: ['accept', 'bus', 'speak', 'require'], left: [] } });
    console.log(`on: ${client.operations} pushes and pulls, ${JSON.stringify(client.spoken)}`);
    expect(client.failed).toEqual([]);
    expect(client.operations).toBeGreaterThan(20);
    expect(client.spoken.plain).toBeGreaterThan(0);
    expect(client.spoken.tls).toBeGreaterThan(0);
    // Docker takes a registry on loopback in either language.
    expect(await pullTiny(hosts['node-2']!, '127.0.0.1:5000/tls/before', before)).toBe('pushed without TLS');
    expect(await deploy()).toMatchObject({ changed: false });
  }, 240_000);
} else {
  test('a new cluster speaks TLS from its first deploy on, and the second changes nothing', async () => {
    writeEnv(lab, { ENABLE_TLS: 'true' });
    expect(await deploy()).toMatchObject({ changed: true, tls: { stages: ['require'], left: [] } });
    const digest = await pushTiny(hosts['node-1']!, '127.0.0.1:5000/tls/first:1', 'pushed in TLS');
    expect(await pullTiny(hosts['node-2']!, '127.0.0.1:5000/tls/first', digest)).toBe('pushed in TLS');
    expect(await deploy()).toMatchObject({ changed: false });
  }, 120_000);
}

test('every port of Kraken takes TLS alone: reading from anybody, writing from those who show a certificate of the cluster', async () => {
  const rows: Record<string, string[]> = {};
  for (const [part, port] of Object.entries(ports)) {
    const ask = (args: string[], scheme?: string) => seen('node-1', 'node-2', port, args, scheme);
    rows[part] = [await ask([], 'http'), await ask([]), await ask(believed), await ask([...believed, ...writing])];
  }
  for (const [part, row] of Object.entries(rows)) {
    const [plain, unbelieving, reading, writingBare] = row;
    // 400: plain HTTP on a port of HTTPS. curl 60: its certificate is not one of those that the host believes by itself.
    expect([part, plain, unbelieving, reading, writingBare]).toEqual([part, '400', 'curl 60', '200', '403']);
    // What POST /health is answered is the part's own matter: it got through.
    const taken = await seen('node-1', 'node-2', ports[part as keyof typeof ports], [
      ...believed,
      ...writing,
      ...shown('proxy'),
    ]);
    expect([part, ['400', '403'].includes(taken) || taken.startsWith('curl')]).toEqual([part, false]);
  }
}, 60_000);

test('load balancers answer HTTPS alone, by a name or an address of theirs', async () => {
  for (const port of [5000, 5003]) {
    expect(await seen('node-1', 'node-3', port, [], 'http')).toBe('400');
    expect(await seen('node-1', 'node-3', port, believed)).toBe('200');
    const direct = [
      'curl',
      '-s',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      ...believed,
      `https://${addresses['node-3']}:${port}/health`,
    ];
    expect(await onHost(hosts['node-1']!, direct)).toBe('200');
  }
});

test('Redis is closed without TLS, and to who shows no certificate; its bus and its replication are in TLS', async () => {
  for (const [part, port] of [
    ['redis', 6379],
    ['redis-replica', 6380],
  ] as const) {
    expect((await redisCli('node-2', part, ['-p', `${port}`, 'ping'])).stdout).not.toContain('PONG');
    const bare = ['-p', `${port + 1000}`, '--tls', '--cacert', '/etc/krakenctl/ca.crt', 'ping'];
    expect((await redisCli('node-2', part, bare)).stdout).not.toContain('PONG');
    const said = await redisCli('node-2', part, ['-p', `${port + 1000}`, ...inTls, 'cluster', 'info']);
    expect(said.stdout).toMatch(/cluster_state:ok/);
    const settings = await redisCli('node-2', part, ['-p', `${port + 1000}`, ...inTls, 'config', 'get', 'tls-*']);
    expect(settings.stdout).toMatch(/tls-replication\s+yes/);
    expect(settings.stdout).toMatch(/tls-cluster\s+yes/);
  }
});

test('keys are read by nobody else on a host, and status says that the cluster serves', async () => {
  const stat = ['stat', '-c', '%a %U', folder, `${folder}/origin/tls.key`, `${folder}/nginx/tls.key`];
  expect((await onHost(hosts['node-1']!, stat)).trim().split('\n')).toEqual(['700 root', '600 root', '600 root']);
  expect((await must(['status'])).code).toBe(0);
  expect((await must(['test', 'smoke'])).code).toBe(0);
});

interface Scheduled {
  steward: { state: string; last?: { state: string; report?: { did: string } } };
}

test('the certificate steward is there, and a turn of it finds nothing to do', async () => {
  const show = async () => (await json<Scheduled>(['tls', 'schedule', 'show'])).data.steward;
  expect(await show()).toMatchObject({ state: 'works' });
  await must(['tls', 'schedule', 'trigger']);
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; ) {
    if ((await show()).last?.state === 'done') break;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  expect(await show()).toMatchObject({ last: { state: 'done', report: { did: 'nothing' } } });
}, 60_000);

if (isLong) {
  test('and it goes back by one deploy, as it was before', async () => {
    const during = await pushTiny(hosts['node-2']!, '127.0.0.1:5000/tls/during:1', 'pushed in TLS');
    writeEnv(lab);
    const { client, result } = await used(deploy);
    expect(result).toMatchObject({ changed: true, tls: { stages: ['speak', 'bus', 'accept', 'off'], left: [] } });
    console.log(`off: ${client.operations} pushes and pulls, ${JSON.stringify(client.spoken)}`);
    expect(client.failed).toEqual([]);
    await expectWhole(hosts, labName);
    for (const host of Object.values(hosts)) {
      const left = Object.keys(await observeFiles(host, folder)).filter((path) =>
        /tls\.|ca\.crt|passphrase|nginx\.tmpl/.test(path),
      );
      expect(left).toEqual([]);
    }
    expect(await pullTiny(hosts['node-3']!, '127.0.0.1:5000/tls/during', during)).toBe('pushed in TLS');
    expect(await readText(hosts['node-1']!, `${folder}/redis/redis.conf`)).not.toContain('tls-');
  }, 240_000);
} else {
  afterAll(() => leaveStanding({ env: { ENABLE_TLS: 'true' }, vms: 0, agents: [] }));
}
