import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { FenceBusyError, FencedOffError } from '../../src/clients/errors';
import { holdProgram } from '../../src/clients/fence-program';
import { asProgram } from '../../src/clients/files';
import type { HostConnection, Hosts } from '../../src/clients/host';
import { createHosts } from '../../src/clients/hosts';
import { SshConnection } from '../../src/clients/ssh';
import { type Lab, labEnv } from '../../src/lab/lab';
import { freshLab, until } from '../support/lab';
import { observeContainers, onHost } from '../support/observer';

/** The fence on a real host: two connections stand for two workers. */
const pools: Hosts[] = [];
let lab: Lab;
let cluster: string;
/** On the hosts already: what is created of it by a late hand would really be there. */
let image: string;

beforeAll(async () => {
  lab = await freshLab();
  image = labEnv(lab).REDIS_IMAGE!;
  orphaned = waitForOrphan();
  orphaned.catch(() => undefined);
});
beforeEach(() => {
  cluster = `fence-${Math.random().toString(36).slice(2, 8)}`;
});
afterEach(async () => {
  await Promise.all(pools.splice(0).map((hosts) => hosts.close()));
});

async function worker(user = 'root'): Promise<HostConnection & { hosts: Hosts }> {
  const connection = await connect(user, 0);
  pools.push(connection.hosts);
  return connection;
}

async function connect(user: string, host: number): Promise<HostConnection & { hosts: Hosts }> {
  const hosts = createHosts({ keyPath: lab.ssh.keyPath, knownHostsPath: lab.ssh.knownHostsPath });
  const { address } = lab.hosts[host]!;
  const connection = await hosts.connect({ id: 'node-1', address, ssh: { address, port: 22, user } });
  return Object.assign(Object.create(connection) as HostConnection, { hosts });
}

/** The Engine keeps a stop that waits for its minute after the client is gone: a connection that nobody owns, for as long as that minute lasts. */
async function leaveOrphan(index = 0): Promise<AsyncDisposable> {
  const host = lab.hosts[index]!.container;
  const name = `unstoppable-${cluster}`;
  // As its container's first process, sleep gets no SIGTERM.
  await onHost(host, ['docker', 'run', '-d', '--rm', '--name', name, '--entrypoint', 'sleep', image, '300']);
  const before = await orphans(index);
  await onHost(host, ['sh', '-c', `timeout -s KILL 0.5 docker stop -t 60 ${name} || true`]);
  await until('the Engine has a connection without an owner', async () =>
    (await orphans(index)).some((inode) => !before.includes(inode)) ? true : undefined,
  );
  return { [Symbol.asyncDispose]: async () => void (await onHost(host, ['docker', 'rm', '-f', name])) };
}

async function orphans(index: number): Promise<string[]> {
  const list = await onHost(lab.hosts[index]!.container, ['ss', '-xHan', 'src', '*/docker.sock']);
  const rows = list.split('\n').filter((line) => / ESTAB .* \* 0\s*$/.test(line));
  return rows.map((row) => row.trim().split(/\s+/)[5]!);
}

/** Half a minute, on a host of its own beside the other tests; resolves with the milliseconds that the next holder waited. */
let orphaned: Promise<number>;

async function waitForOrphan(): Promise<number> {
  const name = { cluster: 'fence-orphan', epoch: 1 };
  const [one, two] = await Promise.all([connect('root', 1), connect('root', 1)]);
  try {
    await one.fence(name);
    await using _ = await leaveOrphan(1);
    await one.hosts.close();
    const since = Date.now();
    const lease = await until('the other gets it', () => two.fence(name), 60_000);
    const waited = Date.now() - since;
    await lease.release();
    return waited;
  } finally {
    await two.hosts.close();
  }
}

describe('the fence', () => {
  test('of two workers one holds the host, the other waits and then says that it is busy', async () => {
    const [one, two] = [await worker(), await worker()];
    const lease = await one.fence({ cluster, epoch: 1 });
    await expect(two.fence({ cluster, epoch: 1 })).rejects.toBeInstanceOf(FenceBusyError);
    await lease.release();
    const second = await two.fence({ cluster, epoch: 1 });
    await second.release();
  });

  test('frees itself when the connection of its holder is gone', async () => {
    const [one, two] = [await worker(), await worker()];
    await one.fence({ cluster, epoch: 1 });
    await one.hosts.close();
    const lease = await until('the other gets it', () => two.fence({ cluster, epoch: 1 }), 10_000);
    await lease.release();
  });

  test('is not held up by connections that the Engine forgot before the broken holder began', async () => {
    await using _ = await leaveOrphan();
    const [one, two] = [await worker(), await worker()];
    await one.fence({ cluster, epoch: 1 });
    await one.hosts.close();
    const lease = await until('the other gets it', () => two.fence({ cluster, epoch: 1 }), 10_000);
    await lease.release();
  });

  test('refuses an epoch lower than the highest that the host has seen, and says which that was', async () => {
    const one = await worker();
    await (await one.fence({ cluster, epoch: 7 })).release();
    await one.hosts.close();
    const stale = await worker();
    const failure = await until('a stale worker gets its answer', () =>
      stale.fence({ cluster, epoch: 6 }).then(
        () => new Error('it was let in'),
        (error: Error) => (error instanceof FenceBusyError ? undefined : error),
      ),
    );
    expect(failure).toBeInstanceOf(FencedOffError);
    expect(failure).toMatchObject({ epochSeen: 7 });
    expect((await onHost(lab.hosts[0]!.container, ['cat', `/var/lib/krakenctl/${cluster}/epoch`])).trim()).toBe('7');
  });

  test('leases of one worker for one epoch share it', async () => {
    const one = await worker('ops');
    const leases = await Promise.all([1, 2, 3].map(() => one.fence({ cluster, epoch: 1 })));
    await Promise.all(leases.map((lease) => lease.release()));
  });
});

/** Another worker, in a process of its own, so that it can be frozen. */
class Zombie {
  private constructor(
    private readonly child: ChildProcess,
    readonly says: string[],
  ) {}

  static async holding(user: string, epoch: number): Promise<Zombie> {
    const says: string[] = [];
    const child = fork(join(__dirname, '..', 'support', 'fence-holder.cjs'), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    child.on('message', (word) => says.push(String(word)));
    const { address } = lab.hosts[0]!;
    const { keyPath, knownHostsPath } = lab.ssh;
    child.send({ keyPath, knownHostsPath, address, user, cluster, epoch, image });
    const zombie = new Zombie(child, says);
    zombies.push(zombie);
    await zombie.until('held');
    return zombie;
  }

  until(word: string): Promise<string> {
    return until(`the zombie says ${word}`, async () => this.says.find((said) => said.startsWith(word)), 20_000);
  }

  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  /** Says what to do while it sleeps: it reads that when it wakes. */
  thawTo(what: 'create' | 'write' | 'lease'): void {
    this.child.send(what);
    this.child.kill('SIGCONT');
  }

  end(): void {
    this.child.kill('SIGKILL');
  }
}

const zombies: Zombie[] = [];
afterEach(() => {
  for (const zombie of zombies.splice(0)) zombie.end();
});

describe.each(['root', 'ops'])('a frozen worker that logs in as %s', (user) => {
  test('is ended by the host itself, and what it sends when it wakes does not arrive', async () => {
    const zombie = await Zombie.holding(user, 1);
    zombie.freeze();
    const next = await worker(user);
    const lease = await until('the next worker holds the host', () =>
      next.fence({ cluster, epoch: 1 }).catch((error) => {
        if (error instanceof FenceBusyError) return undefined;
        throw error;
      }),
    );
    zombie.thawTo('create');
    expect(await zombie.until('failed')).not.toContain('no such image');
    expect(Object.keys(await observeContainers(lab.hosts[0]!.container))).not.toContain(`zombie-${cluster}`);
    await lease.release();
  });

  test('is ended at once by a newer operation, and writes nothing when it wakes', async () => {
    const zombie = await Zombie.holding(user, 1);
    zombie.freeze();
    const next = await worker(user);
    const before = Date.now();
    const lease = await next.fence({ cluster, epoch: 2 });
    expect(Date.now() - before).toBeLessThan(2500);
    zombie.thawTo('write');
    await zombie.until('failed');
    const listing = await onHost(lab.hosts[0]!.container, ['find', '/tmp', '-name', `zombie-${cluster}`]);
    expect(listing).toBe('');
    await lease.release();
  });

  test('is refused when it asks again with its old epoch', async () => {
    const zombie = await Zombie.holding(user, 1);
    const lease = await (await worker(user)).fence({ cluster, epoch: 2 });
    zombie.thawTo('lease');
    expect(await zombie.until('failed')).toContain('FencedOffError');
    await lease.release();
  });
});

test('after a broken connection the Engine is waited for: a request that it has not answered yet keeps the next holder out', async () => {
  const host = lab.hosts[0]!.container;
  const one = await worker();
  await one.fence({ cluster, epoch: 1 });
  await onHost(host, ['sh', '-c', 'kill -STOP $(cat /var/run/docker.pid)']);
  try {
    const create = one.engine.create(tinyContainer(`zombie-${cluster}`)).catch(() => undefined);
    await until('the request is in the socket of the Engine', async () => {
      const rows = await onHost(host, ['ss', '-xHan', 'src', '*/docker.sock']);
      return /ESTAB\s+[1-9]/.test(rows) || /LISTEN\s+[1-9]/.test(rows) ? true : undefined;
    });
    await one.hosts.close();
    await create;
    const two = await worker();
    await expect(two.fence({ cluster, epoch: 1 })).rejects.toBeInstanceOf(FenceBusyError);
  } finally {
    await onHost(host, ['sh', '-c', 'kill -CONT $(cat /var/run/docker.pid)']);
  }
  const two = await worker();
  const lease = await until('the next one holds it once the Engine is done', () =>
    two.fence({ cluster, epoch: 1 }).catch(() => undefined),
  );
  await lease.release();
  await onHost(host, ['docker', 'rm', '-f', `zombie-${cluster}`]);
});

test('whoever freezes before it holds does not keep the host from the next one', async () => {
  const one = await worker();
  await one.fence({ cluster, epoch: 1 });
  await one.hosts.close();
  const { address } = lab.hosts[0]!;
  const target = { address, port: 22, user: 'root' };
  const ssh = await SshConnection.open({
    host: 'node-1',
    target,
    keyPath: lab.ssh.keyPath,
    knownHostsPath: lab.ssh.knownHostsPath,
  });
  try {
    let said = '';
    // Asked for its proof, it says nothing, and keeps its connection.
    await ssh.session(asProgram('', holdProgram), (channel) => {
      channel.on('data', (text: Buffer) => {
        said += text.toString();
      });
      channel.on('error', () => undefined);
      channel.write(`${cluster}\n\n1\n4\n`);
    });
    await until('it is asked', async () => (said.includes('PROVE') ? true : undefined));
    const two = await worker();
    const lease = await until(
      'the next one holds the host',
      () => two.fence({ cluster, epoch: 1 }).catch(() => undefined),
      20_000,
    );
    await lease.release();
    expect(said).not.toContain('READY');
  } finally {
    ssh.close();
  }
});

function tinyContainer(name: string) {
  return {
    name,
    image,
    command: ['true'],
    labels: {},
    mounts: [],
    tmpfs: [],
    memoryBytes: 0,
    nanoCpus: 0,
    capAdd: [],
    readOnlyRoot: false,
    pidsLimit: 64,
    logMaxSizeBytes: 1_000_000,
    logMaxFiles: 1,
  };
}

test('the fence waits for connections that came while the broken holder had the host, and no longer than an effect may last', async () => {
  expect(await orphaned).toBeGreaterThan(20_000);
});
