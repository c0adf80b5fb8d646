import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../../src/lab/lab';
import { touchprint } from '../support/end-state';
import { container, freshLab, json, krakenctl, labName, must, until, workFolder, writeEnv } from '../support/lab';
import { onHost } from '../support/observer';

interface Checked {
  findings: { code: string; level: string; host?: string; what: string; why: string; mend: string }[];
  checklist: { title: string; state: string }[];
  through: string;
  tookMs: number;
}

let lab: Lab;
let hosts: Record<string, string>;
const address = (name: string) => lab.hosts.find((h) => h.name === name)!.address;

beforeAll(async () => {
  lab = await freshLab();
  hosts = Object.fromEntries(
    lab.hosts.filter((h) => h.name.startsWith('node-')).map((h) => [h.name, container(lab, h.name)]),
  );
});

const found = ({ findings }: Checked) => findings.map((f) => `${f.host ?? '-'} ${f.code}`);

test('bare hosts pass; each port between them was tried, and the ten lines of the checklist are there', async () => {
  const before = await touchprint(hosts, labName);
  const { code, data } = await json<Checked>(['check']);
  expect(data.findings.filter((f) => f.level === 'failure')).toEqual([]);
  expect(code).toBe(0);
  expect(data.through).toBe('the worker');
  expect(data.checklist).toHaveLength(10);
  expect(data.checklist.find((l) => l.title === 'Validate network connectivity')?.state).toBe('done');
  expect(await touchprint(hosts, labName)).toBe(before);
});

test('faults of several hosts are all found in one run, and nothing is changed', async () => {
  const [one, two] = [hosts['node-1']!, hosts['node-2']!];
  const holder =
    'use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort => 8081, Listen => 1, ReuseAddr => 1); sleep 600';
  await onHost(one, ['sh', '-c', `setsid -f perl -e '${holder}' > /dev/null 2>&1`]);
  await until('the port is taken', async () =>
    (await onHost(one, ['ss', '-Hltn'])).includes(':8081') ? true : undefined,
  );
  const image = (await onHost(one, ['docker', 'images', '-q', '*/redis'])).split('\n')[0]!;
  await onHost(one, ['docker', 'create', '--name', `kraken-${labName}-node-1-proxy`, image]);
  await onHost(two, ['iptables', '-I', 'INPUT', '-s', address('node-1'), '-p', 'tcp', '--dport', '8082', '-j', 'DROP']);
  await onHost(two, ['mkdir', '-p', '/var/lib/kraken']);
  await onHost(two, ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'none', '/var/lib/kraken']);
  await onHost(two, ['sysctl', '-q', '-w', 'net.core.somaxconn=128']);
  const knownHosts = join(workFolder, 'swapped_known_hosts');
  // The key of node-1 stands for node-3: somebody sits in between.
  const lines = readFileSync(lab.ssh.knownHostsPath, 'utf8').split('\n');
  const others = lines.filter((line) => !line.startsWith(`${address('node-3')} `));
  const swapped = lines
    .filter((l) => l.startsWith(`${address('node-1')} `))
    .map((l) => l.replace(address('node-1'), address('node-3')));
  writeFileSync(knownHosts, `${[...others, ...swapped].join('\n')}\n`);
  writeEnv(lab, { KRAKEN_VERSION: 'v9.9.9', LB_NODES: 'node-1', SSH_KNOWN_HOSTS: knownHosts });
  try {
    const before = await touchprint(hosts, labName);
    const { code, data, error } = await json<Checked>(['check']);
    console.log(`${data.findings.length} findings on three hosts in ${data.tookMs} ms`);
    expect(code).toBe(4);
    expect(error?.code).toBe('PREFLIGHT_FAILED');
    expect(found(data)).toEqual(
      expect.arrayContaining([
        'node-1 PORT_TAKEN',
        'node-1 FOREIGN_CONTAINER',
        'node-1 IMAGE_MISSING',
        'node-1 PORT_BLOCKED',
        'node-1 LB_SINGLE',
        'node-2 DISK_FULL',
        'node-2 IMAGE_MISSING',
        'node-2 KERNEL_SETTING',
        'node-3 HOST_KEY',
      ]),
    );
    const what = data.findings.map((f) => f.what).join('\n');
    expect(what).toContain('port 8081, for tracker, is held by perl');
    expect(what).toContain('node-1 gets no answer (a firewall drops it) at node-2, port 8082');
    expect(data.findings.every((f) => f.why !== '' && f.mend !== '')).toBe(true);
    const text = await krakenctl(['check']);
    expect(text.code).toBe(4);
    expect(text.stderr).toMatch(/nothing was changed/);
    expect(text.stdout + text.stderr).not.toMatch(/\n\s+at /);
    expect(await touchprint(hosts, labName)).toBe(before);
    expect((await onHost(two, ['sysctl', '-n', 'net.core.somaxconn'])).trim()).toBe('128');
  } finally {
    await onHost(one, ['pkill', 'perl']);
    await onHost(one, ['docker', 'rm', `kraken-${labName}-node-1-proxy`]);
    await onHost(two, [
      'iptables',
      '-D',
      'INPUT',
      '-s',
      address('node-1'),
      '-p',
      'tcp',
      '--dport',
      '8082',
      '-j',
      'DROP',
    ]);
    await onHost(two, ['umount', '/var/lib/kraken']);
    writeEnv(lab);
  }
});

test('--apply mends what is safe, keeps it for the next start, and shows what is there afterwards', async () => {
  const two = hosts['node-2']!;
  const read = async () => Number(await onHost(two, ['sysctl', '-n', 'net.core.somaxconn']));
  await onHost(two, ['sysctl', '-q', '-w', 'net.core.somaxconn=128']);
  expect((await json<Checked>(['check'])).data.findings.map((f) => f.what)).toContain(
    'net.core.somaxconn is 128, expected 4096',
  );
  const { code, data } = await json<Checked>(['check', '--apply']);
  expect(code).toBe(0);
  expect(found(data)).not.toContain('node-2 KERNEL_SETTING');
  expect(await read()).toBe(4096);
  expect(await onHost(two, ['cat', '/etc/sysctl.d/60-krakenctl-net.core.somaxconn.conf'])).toBe(
    'net.core.somaxconn = 4096\n',
  );
});

test('without a worker it looks from here and says so; --apply is refused then', async () => {
  await krakenctl(['worker', 'stop']);
  try {
    const { code, data } = await json<Checked>(['check']);
    expect(code).toBe(0);
    expect(data.through).toBe('this process');
    expect(found(data)).toContain('- WORKER_MISSING');
    expect(await krakenctl(['check', '--apply'])).toMatchObject({ code: 7 });
  } finally {
    await must(['worker', 'start']);
  }
});
