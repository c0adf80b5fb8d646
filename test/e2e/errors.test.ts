import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Lab, powerCut, powerOn } from '../../src/lab/lab';
import { touchprint } from '../support/end-state';
import { container, freshLab, krakenctl, labName, must, temporalUp, until, workFolder, writeEnv } from '../support/lab';
import { isLong } from '../support/long';
import { onHost } from '../support/observer';

/** What goes wrong outside, on real hosts: one clear error, the right exit code, nothing changed, and soon. */
interface Fault {
  fault: string;
  /** Makes it so; resolves with changes of `.env`. */
  make: () => Promise<Record<string, string> | undefined>;
  undo?: () => Promise<unknown>;
  argv?: string[];
  code: string;
  exit: number;
  /** Where the error says it is; undefined: no host. */
  host?: string | RegExp;
  says: RegExp;
  withinMs: number;
}

let lab: Lab;
let hosts: Record<string, string>;
const node = (n: number) => hosts[`node-${n}`]!;
const labHost = (n: number) => lab.hosts.find((h) => h.name === `node-${n}`)!;

beforeAll(async () => {
  lab = await freshLab();
  hosts = Object.fromEntries(
    lab.hosts.filter((h) => h.name.startsWith('node-')).map((h) => [h.name, container(lab, h.name)]),
  );
});

function swapHostKeys(): Record<string, string> {
  const [one, three] = [labHost(1).address, labHost(3).address];
  const lines = readFileSync(lab.ssh.knownHostsPath, 'utf8').split('\n');
  const others = lines.filter((line) => !line.startsWith(`${three} `));
  const swapped = lines.filter((l) => l.startsWith(`${one} `)).map((l) => l.replace(one, three));
  const path = join(workFolder, 'swapped');
  writeFileSync(path, `${[...others, ...swapped].join('\n')}\n`);
  return { SSH_KNOWN_HOSTS: path };
}

/** Made on a host: this machine may have no ssh-keygen. */
async function otherKey(): Promise<Record<string, string>> {
  const make = 'rm -f /tmp/other*; ssh-keygen -q -t ed25519 -N "" -f /tmp/other && cat /tmp/other';
  const path = join(workFolder, 'other_key');
  writeFileSync(path, await onHost(node(1), ['sh', '-c', make]), { mode: 0o600 });
  return { SSH_KEY_PATH: path };
}

/** May log in, and nothing more. */
async function plainUser(): Promise<Record<string, string>> {
  const script =
    'id plain 2>/dev/null || useradd -m -s /bin/sh plain; mkdir -p /home/plain/.ssh; cp /root/.ssh/authorized_keys /home/plain/.ssh/; chown -R plain /home/plain/.ssh';
  for (const host of Object.values(hosts)) await onHost(host, ['sh', '-c', script]);
  return { SSH_USER: 'plain' };
}

const holder =
  'use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort => 8081, Listen => 1, ReuseAddr => 1); sleep 600';

const faults: Fault[] = [
  {
    fault: 'the host key is another',
    make: async () => swapHostKeys(),
    ...{
      code: 'HOST_KEY',
      exit: 1,
      host: 'node-3',
      says: /host key of .* is another than the one in/,
      withinMs: 20_000,
    },
  },
  {
    fault: 'the user does not exist',
    make: async () => ({ SSH_USER: 'nobodyhere' }),
    ...{ code: 'HOST_REFUSED', exit: 1, host: /^node-\d$/, says: /refuses our key for this user/, withinMs: 20_000 },
  },
  {
    fault: 'the key is not accepted',
    make: otherKey,
    ...{ code: 'HOST_REFUSED', exit: 1, host: /^node-\d$/, says: /refuses our key/, withinMs: 20_000 },
  },
  {
    fault: 'the user has no sudo',
    make: plainUser,
    ...{ code: 'RIGHTS_MISSING', exit: 1, host: /^node-\d$/, says: /sudo -n true/, withinMs: 20_000 },
  },
  {
    fault: 'the version does not exist',
    make: async () => ({ KRAKEN_VERSION: 'v9.9.9' }),
    ...{ code: 'IMAGE_MISSING', exit: 1, host: /^node-\d$/, says: /v9\.9\.9/, withinMs: 20_000 },
  },
  {
    fault: 'a container of our name is somebody else’s',
    make: async () => {
      const image = (await onHost(node(2), ['docker', 'images', '-q', '*/redis'])).split('\n')[0]!;
      await onHost(node(2), ['docker', 'create', '--name', `kraken-${labName}-node-2-proxy`, image]);
      return undefined;
    },
    undo: () => onHost(node(2), ['docker', 'rm', `kraken-${labName}-node-2-proxy`]),
    ...{ code: 'FOREIGN_RESOURCE', exit: 1, says: /node-2: kraken-.*-node-2-proxy: .*label/, withinMs: 20_000 },
  },
  {
    fault: 'a port is taken',
    make: async () => {
      await onHost(node(1), ['sh', '-c', `setsid -f perl -e '${holder}' > /dev/null 2>&1`]);
      await until('it listens', async () =>
        (await onHost(node(1), ['ss', '-Hltn'])).includes(':8081') ? true : undefined,
      );
      return undefined;
    },
    undo: () => onHost(node(1), ['pkill', 'perl']),
    ...{
      code: 'FOREIGN_RESOURCE',
      exit: 1,
      says: /node-1: port 8081, for tracker: perl \(pid \d+\) holds it/,
      withinMs: 20_000,
    },
  },
  {
    fault: 'the plan that was agreed to is not the plan of now',
    make: async () => undefined,
    argv: ['deploy', '--yes', '--plan', 'abcdef012345'],
    ...{ code: 'PLAN_CHANGED', exit: 3, says: /not abcdef012345/, withinMs: 20_000 },
  },
  {
    fault: 'a host is off',
    make: async () => {
      await powerCut(labHost(3));
      return undefined;
    },
    undo: () => powerOn(labHost(3)),
    ...{ code: 'HOST_UNREACHABLE', exit: 1, says: /node-3/, withinMs: 60_000 },
  },
  {
    fault: 'the host whose log is asked for is off',
    make: async () => {
      await powerCut(labHost(3));
      return undefined;
    },
    undo: () => powerOn(labHost(3)),
    argv: ['logs', 'node-3', 'origin'],
    ...{ code: 'HOST_UNREACHABLE', exit: 1, host: 'node-3', says: /^node-3: /, withinMs: 60_000 },
  },
  {
    fault: 'a host answers no packet',
    make: async () => {
      await onHost(node(2), ['iptables', '-I', 'INPUT', '-p', 'tcp', '--dport', '22', '-j', 'DROP']);
      return undefined;
    },
    undo: () => onHost(node(2), ['iptables', '-D', 'INPUT', '-p', 'tcp', '--dport', '22', '-j', 'DROP']),
    ...{ code: 'HOST_UNREACHABLE', exit: 1, says: /node-2/, withinMs: 60_000 },
  },
  {
    fault: 'no worker runs',
    make: async () => {
      await must(['worker', 'stop']);
      return undefined;
    },
    undo: () => must(['worker', 'start']),
    ...{ code: 'WORKER_MISSING', exit: 7, says: /no worker polls/, withinMs: 20_000 },
  },
  {
    fault: 'Temporal is down',
    make: async () => {
      await must(['worker', 'stop']);
      await must(['temporal', 'down']);
      return undefined;
    },
    undo: async () => {
      await temporalUp();
      await must(['worker', 'start']);
    },
    ...{ code: 'TEMPORAL_UNREACHABLE', exit: 7, says: /does not answer at/, withinMs: 20_000 },
  },
];

/** Shown as text too where time is short: a host's own, one of its containers, and one of ours. */
const shown = new Set(['HOST_KEY', 'FOREIGN_RESOURCE', 'WORKER_MISSING']);

/** Hosts that can be asked; one that is off is compared when it is back. */
async function prints(): Promise<string> {
  return touchprint(hosts, labName);
}

test.each(faults)(
  '$fault: $code, exit $exit, nothing changed',
  async ({ make, undo, argv, code, exit, host, says, withinMs }) => {
    const before = await prints();
    let text: Awaited<ReturnType<typeof krakenctl>> | undefined;
    let asJson: Awaited<ReturnType<typeof krakenctl>>;
    try {
      // What happens to a host is done to it before; a container that is in our way is part of what must stay.
      writeEnv(lab, await make());
      asJson = await krakenctl([...(argv ?? ['deploy', '--yes']), '--json']);
      if (isLong || shown.has(code)) text = await krakenctl(argv ?? ['deploy', '--yes']);
    } finally {
      await undo?.();
      writeEnv(lab);
    }
    const { ok, error } = JSON.parse(asJson.stdout) as {
      ok: boolean;
      error: { code: string; message: string; host: string | null; hint: string };
    };
    expect({ ok, code: error.code, exit: asJson.code }).toEqual({ ok: false, code, exit });
    expect(error.message).toMatch(says);
    if (host instanceof RegExp) expect(error.host).toMatch(host);
    else expect(error.host ?? undefined).toBe(host);
    expect(error.hint ?? '').not.toBe('');
    expect(asJson.stdout + asJson.stderr).not.toMatch(/^\s+at .*:\d+|\\n\s+at /m);
    if (text) {
      expect([text.code, text.stderr]).toEqual([exit, expect.stringContaining(code)]);
      expect(text.stdout + text.stderr).not.toMatch(/^\s+at .*:\d+/m);
    }
    expect(asJson.ms).toBeLessThan(withinMs);
    expect(await prints()).toBe(before);
  },
);

test.each([
  ['no byte', 'size=4k'],
  ['no inode', 'size=1m,nr_inodes=1'],
])('a disk with %s left ends the deploy by name before anything is changed', async (_what, options) => {
  await onHost(node(2), ['mkdir', '-p', '/etc/kraken']);
  await onHost(node(2), ['mount', '-t', 'tmpfs', '-o', options, 'none', '/etc/kraken']);
  try {
    const before = await touchprint(hosts, labName);
    const run = await krakenctl(['deploy', '--yes', '--json']);
    const { error } = JSON.parse(run.stdout) as { error: { code: string; host: string; hint: string } };
    expect({ exit: run.code, code: error.code, host: error.host }).toEqual({
      exit: 1,
      code: 'HOST_FULL',
      host: 'node-2',
    });
    expect(run.ms).toBeLessThan(30_000);
    expect(await touchprint(hosts, labName)).toBe(before);
  } finally {
    await onHost(node(2), ['umount', '/etc/kraken']);
  }
});

test('an sshd that forbids forwarding is worked with all the same', async () => {
  const config = '/etc/ssh/sshd_config.d/forbid.conf';
  await onHost(node(1), ['sh', '-c', `echo 'AllowStreamLocalForwarding no' > ${config}; systemctl reload ssh`]);
  try {
    writeEnv(lab, { SSH_USER: 'ops' });
    const run = await krakenctl(['plan', '--json']);
    const { data } = JSON.parse(run.stdout) as { data: { plan: { unseen: unknown[]; counts: { create: number } } } };
    expect({ exit: run.code, unseen: data.plan.unseen }).toEqual({ exit: 3, unseen: [] });
  } finally {
    await onHost(node(1), ['sh', '-c', `rm ${config}; systemctl reload ssh`]);
    writeEnv(lab);
  }
});
