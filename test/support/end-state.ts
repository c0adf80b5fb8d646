import { httpStatus, observeContainers, observeFiles, observeRecord, observeRedis } from './observer';

/** What the observer must see of a whole, serving cluster; imports nothing of src. */

export const partsOfNode = [
  'redis',
  'redis-replica',
  'redis-router',
  'testfs',
  'origin',
  'tracker',
  'build-index',
  'proxy',
  'nginx',
];

/** Containers by id and start, files by sum: equal before and after means that nothing was touched. */
export async function touchprint(hosts: Record<string, string>, cluster: string): Promise<string> {
  const perHost = await Promise.all(
    Object.entries(hosts).map(async ([id, host]) => {
      const containers = Object.values(await observeContainers(host)).map((c) => [c.name, c.id, c.startedAt, c.state]);
      const record = await observeRecord(host, cluster);
      return [id, containers, await observeFiles(host), record];
    }),
  );
  return JSON.stringify(perHost);
}

/** What every host carries, whoever made it and when: equal before and after means that all of it is as it was. */
export async function stateprint(hosts: Record<string, string>): Promise<Record<string, unknown>> {
  const perHost = await Promise.all(
    Object.entries(hosts).map(async ([id, host]) => {
      const containers = Object.values(await observeContainers(host)).map((c) => [
        c.name,
        c.labels['io.krakenctl.fingerprint'],
        c.imageId,
        c.state,
        c.memoryBytes,
        c.nanoCpus,
      ]);
      return [id, { containers, files: await observeFiles(host) }];
    }),
  );
  return Object.fromEntries(perHost);
}

/** Ids of all containers by name: an equal id is a container that nobody replaced. */
export async function idsOf(hosts: Record<string, string>): Promise<Record<string, string>> {
  const all = await Promise.all(Object.values(hosts).map((host) => observeContainers(host)));
  return Object.fromEntries(all.flatMap((found) => Object.values(found).map((c) => [c.name, c.id])));
}

/** Fails with the first thing that is not as it must be. All hosts, and all of a host, are looked at side by side. */
export async function expectWhole(hosts: Record<string, string>, cluster: string): Promise<void> {
  await Promise.all(Object.entries(hosts).map(([id, host]) => expectHostWhole({ id, host, cluster })));
}

interface NodeOf {
  id: string;
  host: string;
  cluster: string;
}

const probes: [number, string][] = [
  [5000, 'health'],
  [5003, 'health'],
  [8080, 'readiness'],
  [8081, 'readiness'],
  [8082, 'readiness'],
];

async function expectHostWhole({ id, host, cluster }: NodeOf): Promise<void> {
  const names = partsOfNode.map((part) => `kraken-${cluster}-${id}-${part}`).sort();
  const [containers, record, ...statuses] = await Promise.all([
    observeContainers(host),
    observeRecord(host, cluster),
    ...probes.map(([port, path]) => httpStatus(host, `http://127.0.0.1:${port}/${path}`)),
  ]);
  expect(Object.keys(containers).sort()).toEqual(names);
  for (const c of Object.values(containers)) {
    expect([c.name, c.state, c.networkMode, c.restartPolicy]).toEqual([c.name, 'running', 'host', 'unless-stopped']);
    expect(c.memoryBytes).toBeGreaterThan(0);
  }
  const answers = probes.map((probe, at) => [id, ...probe, statuses[at]]);
  expect(answers.filter((answer) => answer[3] !== 200)).toEqual([]);
  await expectRedisWhole({ id, host, cluster });
  expect(JSON.parse(record['state.json']!)).toMatchObject({ cluster });
}

/** One master and one replica on the host, each where it belongs, with its link up; every slot served once. */
async function expectRedisWhole({ id, host, cluster }: NodeOf): Promise<void> {
  const [master, replica] = await Promise.all([
    observeRedis(host, `kraken-${cluster}-${id}-redis`, 6379),
    observeRedis(host, `kraken-${cluster}-${id}-redis-replica`, 6380),
  ]);
  expect(master.cluster).toMatchObject({
    cluster_state: 'ok',
    cluster_slots_ok: '16384',
    cluster_known_nodes: '6',
    cluster_size: '3',
  });
  expect(master.replication).toMatchObject({ role: 'master', connected_slaves: '1' });
  expect(replica.replication).toMatchObject({ role: 'slave', master_link_status: 'up', master_port: '6379' });
  const own = replica.nodes.find((n) => n.flags.includes('myself'))!;
  expect(replica.replication.master_host).not.toBe(own.address.split(':')[0]);
}
