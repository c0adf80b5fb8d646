import { FenceBusyError, FencedOffError } from '../../src/clients/errors';
import type { HostConnection, Hosts } from '../../src/clients/host';
import { createHosts } from '../../src/clients/hosts';
import type { Lab } from '../../src/lab/lab';
import { freshLab, until } from '../support/lab';
import { onHost } from '../support/observer';

/** The fence on a real host: two connections stand for two workers. */
const pools: Hosts[] = [];
let lab: Lab;
let cluster: string;

beforeAll(async () => {
  lab = await freshLab();
});
beforeEach(() => {
  cluster = `fence-${Math.random().toString(36).slice(2, 8)}`;
});
afterEach(async () => {
  await Promise.all(pools.splice(0).map((hosts) => hosts.close()));
});

async function worker(user = 'root'): Promise<HostConnection & { hosts: Hosts }> {
  const hosts = createHosts({ keyPath: lab.ssh.keyPath, knownHostsPath: lab.ssh.knownHostsPath });
  pools.push(hosts);
  const { address } = lab.hosts[0]!;
  const connection = await hosts.connect({ id: 'node-1', address, ssh: { address, port: 22, user } });
  return Object.assign(Object.create(connection) as HostConnection, { hosts });
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
