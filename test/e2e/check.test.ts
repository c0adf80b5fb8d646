import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../../src/lab/lab';
import { touchprint } from '../support/end-state';
import { container, freshLab, json, krakenctl, labName, must, until, workFolder, writeEnv } from '../support/lab';
import { onHost, tryOnHost } from '../support/observer';

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

interface Prepared {
  /** As `found` gives them. */
  codes: string[];
  host: string;
  make: string;
  undo: string;
  /** Holds once it is so. */
  holds?: string;
}

const listener =
  'use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort => 8081, Listen => 1, ReuseAddr => 1); sleep 600';
const sshdAnew = 'systemctl reload ssh && { pkill -f "^sshd: .*@notty" || :; }';
const proxyName = `kraken-${labName}-node-1-proxy`;

/** What hosts have against a deploy, all at once: each is made by a script on its host, in this order, and taken back in the other. */
const onThreeHosts = (): Prepared[] => {
  const dropped = `INPUT -s ${address('node-1')} -p tcp --dport 8082 -j DROP`;
  return [
    {
      codes: ['node-1 PORT_TAKEN'],
      host: 'node-1',
      make: `setsid -f perl -e '${listener}' > /dev/null 2>&1`,
      holds: 'ss -Hltn | grep -q :8081',
      undo: 'pkill perl',
    },
    {
      codes: ['node-1 FOREIGN_CONTAINER'],
      host: 'node-1',
      make: `docker create --name ${proxyName} $(docker images -q '*/redis' | head -n 1)`,
      undo: `docker rm ${proxyName}`,
    },
    {
      codes: ['node-1 FORWARDING_OFF'],
      host: 'node-1',
      // Who is logged in already keeps what was allowed then.
      make: `echo AllowStreamLocalForwarding no > /etc/ssh/sshd_config.d/none.conf && ${sshdAnew}`,
      holds: 'sshd -T | grep -qi "^allowstreamlocalforwarding no"',
      undo: `rm /etc/ssh/sshd_config.d/none.conf && ${sshdAnew}`,
    },
    {
      codes: ['node-1 PORT_BLOCKED'],
      host: 'node-2',
      make: `iptables -I ${dropped}`,
      undo: `iptables -D ${dropped}`,
    },
    {
      codes: ['node-2 DISK_FULL'],
      host: 'node-2',
      make: 'mkdir -p /var/lib/kraken && mount -t tmpfs -o size=1m none /var/lib/kraken',
      undo: 'umount /var/lib/kraken',
    },
    {
      codes: ['node-2 INODES_FULL'],
      host: 'node-2',
      make: 'mkdir -p /var/lib/krakenctl && mount -t tmpfs -o size=4g,nr_inodes=21 none /var/lib/krakenctl && touch $(seq -f /var/lib/krakenctl/%g 20)',
      undo: 'umount /var/lib/krakenctl',
    },
    {
      codes: ['node-2 KERNEL_SETTING'],
      host: 'node-2',
      make: 'sysctl -q -w net.core.somaxconn=128',
      undo: 'sysctl -q -w net.core.somaxconn=4096',
    },
    {
      codes: ['node-2 PROGRAM_MISSING'],
      host: 'node-2',
      make: 'mount --bind /etc/hostname /usr/bin/flock',
      holds: '! command -v flock',
      undo: 'umount /usr/bin/flock',
    },
    {
      // A container has its machine's clock; what tells the time goes two minutes ahead.
      codes: ['node-2 CLOCK_SKEW'],
      host: 'node-2',
      make: `cp /usr/bin/date /usr/bin/date.own && printf '#!/bin/sh\nexec date.own -d "2 minutes" "$@"\n' > /tmp/date && chmod 755 /tmp/date && mount --bind /tmp/date /usr/bin/date`,
      undo: 'umount /usr/bin/date && rm /usr/bin/date.own /tmp/date',
    },
    {
      codes: ['node-2 FOREIGN_FILES'],
      host: 'node-2',
      make: `mkdir -p /etc/kraken/${labName} && touch /etc/kraken/${labName}/notes`,
      undo: 'rm -r /etc/kraken',
    },
  ];
};

const onTwoHosts = (): Prepared[] => [
  {
    codes: ['node-1 STORAGE_DRIVER'],
    host: 'node-1',
    make: 'sed -i s/overlay2/vfs/ /etc/docker/daemon.json && systemctl restart docker',
    holds: 'docker info -f {{.Driver}} | grep -qx vfs',
    undo: 'sed -i s/vfs/overlay2/ /etc/docker/daemon.json && systemctl restart docker',
  },
  {
    codes: ['node-2 ENGINE_DOWN'],
    host: 'node-2',
    make: 'systemctl stop docker.socket docker.service',
    undo: 'systemctl start docker.socket docker.service',
  },
  {
    codes: ['node-3 HOST_UNREACHABLE'],
    host: 'node-3',
    make: 'iptables -I INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset',
    undo: 'iptables -D INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset',
  },
];

const sh = (host: string, script: string) => onHost(hosts[host]!, ['sh', '-c', script]);

/** All of them while `use` runs. What was made is taken back, also where making the next one fails. */
async function whilePrepared(faults: Prepared[], use: () => Promise<void>): Promise<void> {
  const made: Prepared[] = [];
  try {
    for (const fault of faults) {
      await sh(fault.host, fault.make);
      made.unshift(fault);
      const { holds } = fault;
      if (!holds) continue;
      const isSo = async () => (await tryOnHost(hosts[fault.host]!, ['sh', '-c', holds])).code === 0 || undefined;
      await until(fault.codes.join(), isSo);
    }
    await use();
  } finally {
    for (const { host, undo } of made) await sh(host, undo);
    writeEnv(lab);
  }
}

/** The key of node-1 stands for node-3: somebody sits in between. */
function swappedKnownHosts(): string {
  const path = join(workFolder, 'swapped_known_hosts');
  const lines = readFileSync(lab.ssh.knownHostsPath, 'utf8').split('\n');
  const others = lines.filter((line) => !line.startsWith(`${address('node-3')} `));
  const swapped = lines
    .filter((l) => l.startsWith(`${address('node-1')} `))
    .map((l) => l.replace(address('node-1'), address('node-3')));
  writeFileSync(path, `${[...others, ...swapped].join('\n')}\n`);
  return path;
}

const summary = ({ findings, tookMs }: Checked) => `${findings.length} findings on three hosts in ${tookMs} ms`;

test('faults of several hosts are all found in one run, and nothing is changed', async () => {
  const faults = onThreeHosts();
  await whilePrepared(faults, async () => {
    writeEnv(lab, {
      ...{ KRAKEN_VERSION: 'v9.9.9', LB_NODES: 'node-1', SSH_KNOWN_HOSTS: swappedKnownHosts() },
      ORIGIN_MEMORY_LIMIT: '512g',
    });
    const before = await touchprint(hosts, labName);
    const { code, data, error } = await json<Checked>(['check']);
    console.log(summary(data));
    expect(code).toBe(4);
    expect(error?.code).toBe('PREFLIGHT_FAILED');
    expect([...new Set(found(data))].sort()).toEqual(
      [
        ...faults.flatMap(({ codes }) => codes),
        ...['- CONFIG_WARNING', 'node-1 IMAGE_MISSING', 'node-1 LB_SINGLE', 'node-1 MEMORY_PROMISED'],
        ...['node-2 IMAGE_MISSING', 'node-2 MEMORY_PROMISED', 'node-3 HOST_KEY'],
      ].sort(),
    );
    const what = data.findings.map((f) => f.what).join('\n');
    expect(what).toContain('port 8081, for tracker, is held by perl');
    expect(what).toContain('node-1 gets no answer (a firewall drops it) at node-2, port 8082');
    expect(what).toMatch(/its clock is 1(19|20)\.\d s ahead/);
    expect(data.findings.every((f) => f.why !== '' && f.mend !== '')).toBe(true);
    const text = await krakenctl(['check']);
    expect(text.code).toBe(4);
    expect(text.stderr).toMatch(/nothing was changed/);
    expect(text.stdout + text.stderr).not.toMatch(/\n\s+at /);
    expect(await touchprint(hosts, labName)).toBe(before);
    expect((await sh('node-2', 'sysctl -n net.core.somaxconn')).trim()).toBe('128');
  });
});

test('an Engine that is down, one that copies layers, and a host that refuses: the others are looked at all the same', async () => {
  const faults = onTwoHosts();
  await whilePrepared(faults, async () => {
    const { code, data } = await json<Checked>(['check']);
    console.log(summary(data));
    expect(code).toBe(4);
    expect([...new Set(found(data))].sort()).toEqual(faults.flatMap(({ codes }) => codes).sort());
    expect(data.findings.every((f) => f.why !== '' && f.mend !== '')).toBe(true);
  });
});

test('who may not log in, and who may and may do nothing, are told apart', async () => {
  await sh(
    'node-2',
    'useradd -m -s /bin/sh plain; mkdir -p /home/plain/.ssh; cp /etc/ssh/lab_authorized_keys /home/plain/.ssh/authorized_keys; chown -R plain /home/plain/.ssh',
  );
  const logins = { CLUSTER_NODE_1: `nobodyhere@${address('node-1')}`, CLUSTER_NODE_2: `plain@${address('node-2')}` };
  writeEnv(lab, logins);
  try {
    const { code, data } = await json<Checked>(['check']);
    expect(code).toBe(4);
    expect(found(data).sort()).toEqual(['node-1 HOST_REFUSED', 'node-2 RIGHTS_MISSING']);
    expect(data.findings.map((f) => f.mend).join()).toMatch(/SSH_USER and SSH_KEY_PATH/);
  } finally {
    writeEnv(lab);
    await sh('node-2', 'userdel -r plain 2> /dev/null || userdel plain');
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
    expect(code).toBe(4);
    expect(data.through).toBe('this process');
    expect(data.findings.filter((f) => f.level === 'failure').map((f) => f.code)).toEqual(['WORKER_MISSING']);
    expect(await krakenctl(['check', '--apply'])).toMatchObject({ code: 7 });
  } finally {
    await must(['worker', 'start']);
  }
});
