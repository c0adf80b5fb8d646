import fc from 'fast-check';
import { fullFolders } from '../../src/cluster/full-disks';
import { isSeen, type Observed, type SeenHost } from '../../src/cluster/observed';
import type { Step } from '../../src/cluster/plan';
import { newestRecord } from '../../src/cluster/record';
import type { ClusterSpec } from '../../src/cluster/spec';
import { exampleImages, exampleSpec, observedAs, planFor, seenHost } from '../support/cluster';

const spec = exampleSpec();
const images = exampleImages(spec);
const steps = (observed: Observed, s = spec, i = images): Step[] =>
  planFor(s, i, observed).stages.flatMap((st) => st.steps);
const container = (host: SeenHost, part: string) => host.containers.find((c) => c.part === part)!;

function bare(): Observed {
  const observed = observedAs(spec, images);
  for (const host of observed.hosts) {
    if (!host.reachable) continue;
    const redis = host.redis.map(({ host: id, part }) => ({
      host: id,
      part,
      reachable: false as const,
      error: 'refused',
    }));
    Object.assign(host, {
      containers: [],
      files: [],
      images: [],
      redis,
      record: undefined,
      nginx: {},
      epoch: 0,
      owner: undefined,
    });
  }
  return observed;
}

describe('the deploy plan', () => {
  test('a cluster that is as desired has nothing to change', () => {
    const plan = planFor(spec, images, observedAs(spec, images));
    expect(plan).toMatchObject({ empty: true, rolling: false, unseen: [], conflicts: [] });
    expect(plan.stages).toEqual([]);
  });

  test('a bare cluster gets 27 containers, each after its image and its files, Redis formed, and a record', () => {
    const plan = planFor(spec, images, bare());
    const all = plan.stages.flatMap((s) => s.steps);
    expect(all.filter((s) => s.kind === 'container' && s.action === 'create')).toHaveLength(27);
    expect(all.filter((s) => s.kind === 'image')).toHaveLength(24);
    expect(plan.stages.map((s) => s.id)).toEqual(['images', 'files', 'foundation', 'parts', 'record']);
    expect(all.find((s) => s.kind === 'redis')?.summary).toBe('form the Redis Cluster: 3 masters, 3 replicas');
    expect(plan.rolling).toBe(false);
  });

  test('the same input gives the same plan, byte for byte', () => {
    expect(JSON.stringify(planFor(spec, images, bare()))).toBe(JSON.stringify(planFor(spec, images, bare())));
  });

  test('a plan stays far below the 200 KB that a history can bear', () => {
    expect(JSON.stringify(planFor(spec, images, bare())).length).toBeLessThan(100_000);
  });

  test('a disk in which nothing can be written is in the way of what would write, and of nothing else', () => {
    const fill = (observed: Observed) => {
      const figures = { availableBytes: 2 ** 30, usedPercent: 99, inodesUsedPercent: 100, inodesFree: 90_000 };
      const disks = [
        { ...figures, folder: '/etc/kraken', availableBytes: 4096 },
        { ...figures, folder: '/var/lib/kraken', availableBytes: 4096 },
        { ...figures, folder: '/var/lib/docker', availableBytes: Number.NaN },
        { ...figures, folder: '/var/lib/krakenctl', inodesFree: 0 },
      ];
      Object.assign(seenHost(observed, 'node-2'), { full: fullFolders(disks) });
      return observed;
    };
    const full = { host: 'node-2', full: true };
    const noInode = { ...full, what: '/var/lib/krakenctl', why: 'no inode is left: make room there' };
    expect(planFor(spec, images, fill(bare())).conflicts).toEqual([
      { ...full, what: '/etc/kraken, /var/lib/kraken', why: '4 KiB are left: make room there' },
      noInode,
    ]);
    expect(planFor(spec, images, fill(observedAs(spec, images))).conflicts).toEqual([]);
    // What only another host is given is recorded on all, and nothing else is written there.
    const elsewhere = fill(observedAs(spec, images));
    const one = seenHost(elsewhere, 'node-1');
    one.containers = one.containers.filter((c) => c.part !== 'proxy');
    expect(planFor(spec, images, elsewhere).conflicts).toEqual([noInode]);
  });

  test('every step has a reason', () => {
    for (const step of steps(bare())) expect(step.because.length).toBeGreaterThan(0);
  });

  test('a removed container, a changed file and a failed-over master are named exactly, each with its because', () => {
    const observed = observedAs(spec, images);
    const one = seenHost(observed, 'node-1');
    one.containers = one.containers.filter((c) => c.part !== 'proxy');
    const two = seenHost(observed, 'node-2');
    const file = two.files.find((f) => f.path.endsWith('/tracker/production.yaml'))!;
    Object.assign(file, { sha256: 'f'.repeat(64), changedAt: 1_700_000_000 });
    for (const host of observed.hosts as SeenHost[]) {
      for (const r of host.redis) {
        if (!r.reachable) continue;
        const swap = (id: string) => (id === 'id-node-1-redis' ? 'id-node-2-redis-replica' : id);
        for (const v of r.view) {
          if (v.id === 'id-node-1-redis')
            Object.assign(v, {
              flags: v.flags.map((f) => (f === 'master' ? 'slave' : f)),
              masterId: 'id-node-2-redis-replica',
              slots: [],
            });
          else if (v.id === 'id-node-2-redis-replica')
            Object.assign(v, {
              flags: v.flags.map((f) => (f === 'slave' ? 'master' : f)),
              masterId: undefined,
              slots: [[0, 5460]],
            });
        }
        if (r.id === 'id-node-1-redis')
          Object.assign(r, { role: 'replica', masterId: swap('id-node-1-redis'), linkUp: true });
        else if (r.id === 'id-node-2-redis-replica') Object.assign(r, { role: 'master', masterId: undefined });
      }
    }
    const found = steps(observed).filter((s) => s.kind !== 'record');
    expect(found.map((s) => `${s.host} ${s.kind} ${s.action}`).sort()).toEqual([
      'node-1 container create',
      'node-1 redis change',
      'node-2 file change',
    ]);
    expect(found.find((s) => s.kind === 'container')?.because).toEqual(['the container is missing on the host']);
    expect(found.find((s) => s.kind === 'file')?.because).toEqual([
      'drift: changed on the host at 2023-11-14T22:13:20.000Z, not by us',
    ]);
    expect(found.find((s) => s.kind === 'redis')?.because).toEqual([
      'hand the master back to node-1/redis (now node-2/redis-replica)',
    ]);
  });

  test('a changed version replaces the Kraken parts alone, because of the setting and its line', () => {
    const next = exampleSpec((s) => {
      s.images.version = 'v0.1.28';
    });
    const nextImages = {
      ...exampleImages(next, 'b'),
      'redis:7.2': images['redis:7.2']!,
      'nginx:1.27': images['nginx:1.27']!,
      'envoyproxy/envoy:v1.34.1': images['envoyproxy/envoy:v1.34.1']!,
    };
    const plan = planFor(next, nextImages, observedAs(spec, images));
    const replaced = plan.stages.flatMap((s) => s.steps).filter((s) => s.action === 'replace');
    expect([...new Set(replaced.map((s) => s.part))].sort()).toEqual([
      'build-index',
      'origin',
      'proxy',
      'testfs',
      'tracker',
    ]);
    expect(replaced[0]?.because).toEqual(['KRAKEN_VERSION v0.1.27 → v0.1.28 (.env:14)']);
    expect(replaced[0]?.changes.map((c) => c.field)).toContain('image');
  });

  test('when running parts are replaced, hosts go one after the other, each with its gates', () => {
    const next = exampleSpec((s) => {
      s.images.version = 'v0.1.28';
    });
    const plan = planFor(next, exampleImages(next, 'b'), observedAs(spec, images));
    expect(plan.rolling).toBe(true);
    expect([...new Set(plan.stages.map((s) => s.node ?? s.id))]).toEqual([
      'images',
      'node-1',
      'node-2',
      'node-3',
      'record',
    ]);
    const gates = plan.stages.find((s) => s.id === 'node-1')?.gates;
    expect(gates).toContainEqual({ kind: 'ready', host: 'node-1', part: 'origin' });
  });

  test('a stopped container is started, not made anew', () => {
    const observed = observedAs(spec, images);
    Object.assign(container(seenHost(observed, 'node-3'), 'origin'), { state: 'exited', exitCode: 137 });
    const [step] = steps(observed).filter((s) => s.kind !== 'record');
    expect(step).toMatchObject({
      action: 'change',
      summary: 'node-3: start origin',
      because: ['the container is exited (exit code 137)'],
    });
  });

  test('a part that was started after its file had drifted is made anew, since it runs the drifted text', () => {
    const observed = observedAs(spec, images);
    const host = seenHost(observed, 'node-1');
    Object.assign(host.files.find((f) => f.path.endsWith('/origin/production.yaml'))!, {
      sha256: 'e'.repeat(64),
      changedAt: 1500,
    });
    expect(steps(observed).filter((s) => s.kind === 'container')).toMatchObject([
      { action: 'replace', part: 'origin' },
    ]);
    Object.assign(container(host, 'origin'), { startedAt: 1400 });
    expect(steps(observed).filter((s) => s.kind === 'container')).toEqual([]);
  });

  test('an NGINX that runs another configuration than its file is reloaded', () => {
    const observed = observedAs(spec, images);
    seenHost(observed, 'node-2').nginx = { runningConfig: '0'.repeat(64) };
    expect(steps(observed).filter((s) => s.kind !== 'record')).toMatchObject([{ kind: 'reload', host: 'node-2' }]);
  });

  test('a container of our name without our label is a conflict and is never touched', () => {
    const observed = observedAs(spec, images);
    Object.assign(container(seenHost(observed, 'node-1'), 'redis'), {
      cluster: undefined,
      part: undefined,
      fingerprint: undefined,
    });
    const plan = planFor(spec, images, observed);
    expect(plan.conflicts).toMatchObject([{ host: 'node-1', what: 'kraken-cluster-node-1-redis' }]);
    expect(plan.stages.flatMap((s) => s.steps).filter((s) => s.target === 'kraken-cluster-node-1-redis')).toEqual([]);
  });

  test('what carries our label and is not asked for any more is removed, by the id that was seen', () => {
    const observed = observedAs(spec, images);
    const host = seenHost(observed, 'node-1');
    host.containers.push({ ...container(host, 'origin'), id: 'cid-old', name: 'kraken-cluster-node-9-origin' });
    expect(steps(observed).filter((s) => s.kind === 'remove')).toMatchObject([{ seen: 'cid-old', host: 'node-1' }]);
  });

  test('a host we cannot reach is never replaced', () => {
    const observed = observedAs(spec, images);
    observed.hosts[1] = { host: 'node-2', reachable: false, error: 'timed out' };
    const plan = planFor(spec, images, observed);
    expect(plan.unseen).toEqual([{ host: 'node-2', error: 'timed out' }]);
    expect(plan.stages.flatMap((s) => s.steps).filter((s) => s.host === 'node-2' && s.kind !== 'record')).toEqual([]);
  });

  test.each<[string, (s: ClusterSpec) => void, RegExp]>([
    ['another port of Redis', (s) => Object.assign(s.ports, { redis: 6390 }), /REDIS_PORT 6379 → 6390.*put 6379 back/],
    [
      'another port of its replicas',
      (s) => Object.assign(s.ports, { redisReplica: 6390 }),
      /REDIS_REPLICA_PORT 6380 → 6390/,
    ],
    ['a node more', (s) => s.nodes.push({ ...s.nodes[0]!, id: 'node-4', address: '10.0.1.13' }), /node-4 would join/],
  ])('%s is refused for a running cluster before anything is changed', (_, change, says) => {
    const other = exampleSpec(change);
    const { conflicts } = planFor(other, images, observedAs(spec, images));
    expect(conflicts.map(({ what, why }) => `${what}: ${why}`)).toEqual([expect.stringMatching(says)]);
    expect(conflicts[0]).toMatchObject({ host: 'cluster', notBuilt: true });
  });

  test('a record that one node misses is written again, and nothing else is done', () => {
    const observed = observedAs(spec, images);
    seenHost(observed, 'node-3').record = undefined;
    expect(planFor(spec, images, observed)).toMatchObject({ empty: false, recordOnly: true });
  });

  test('a generation that only a minority holds does not count', () => {
    const observed = observedAs(spec, images);
    const host = seenHost(observed, 'node-1');
    host.record = { ...host.record!, generation: 9 };
    expect(planFor(spec, images, observed)).toMatchObject({ recordOnly: true, recordStale: true });
    const generation = () => newestRecord(observed.hosts.filter(isSeen), 3)?.generation;
    expect(generation()).toBe(3);
    seenHost(observed, 'node-2').record = host.record;
    expect(generation()).toBe(9);
  });

  test('where no generation is on a majority, since a node lost its disk while another missed the last one, the highest counts', () => {
    const observed = observedAs(spec, images);
    seenHost(observed, 'node-1').record = undefined;
    const last = seenHost(observed, 'node-2').record!;
    seenHost(observed, 'node-3').record = { ...last, generation: last.generation - 1 };
    expect(newestRecord(observed.hosts.filter(isSeen), 3)?.generation).toBe(last.generation);
    // Of seven nodes, three say nothing for the others.
    expect(newestRecord(observed.hosts.filter(isSeen), 7)).toBeUndefined();
  });

  test('any set of faults is planned as exactly these faults', () => {
    const parts = [
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
    const fault = fc.record({
      node: fc.integer({ min: 1, max: 3 }),
      part: fc.constantFrom(...parts),
      kind: fc.constantFrom('gone', 'stopped', 'other'),
    });
    fc.assert(
      fc.property(fc.uniqueArray(fault, { maxLength: 8, selector: (f) => `${f.node}${f.part}` }), (faults) => {
        const observed = observedAs(spec, images);
        for (const { node, part, kind } of faults) {
          const host = seenHost(observed, `node-${node}`);
          if (kind === 'gone') host.containers = host.containers.filter((c) => c.part !== part);
          else if (kind === 'stopped') container(host, part).state = 'exited';
          else container(host, part).fingerprint = 'other';
        }
        const named = steps(observed)
          .filter((s) => s.kind === 'container')
          .map((s) => `${s.host} ${s.part} ${s.action}`)
          .sort();
        const action = { gone: 'create', stopped: 'change', other: 'replace' };
        expect(named).toEqual(
          faults.map((f) => `node-${f.node} ${f.part} ${action[f.kind as keyof typeof action]}`).sort(),
        );
      }),
      { numRuns: 40 },
    );
  });
});

describe('ports that are taken', () => {
  const holder = { port: 8081, pid: 7, program: 'java' };
  const planWith = (change: (host: ReturnType<typeof seenHost>) => void) => {
    const observed = observedAs(spec, images);
    change(seenHost(observed, 'node-1'));
    return planFor(spec, images, observed).conflicts.map((c) => `${c.host} ${c.what}: ${c.why}`);
  };
  const withoutTracker = (host: ReturnType<typeof seenHost>) => {
    host.containers = host.containers.filter((c) => c.part !== 'tracker');
  };

  test('a part that would start on another program’s port is a conflict', () => {
    const conflicts = planWith((host) => {
      withoutTracker(host);
      host.listeners = [holder];
    });
    expect(conflicts).toEqual([expect.stringContaining('node-1 port 8081, for tracker: java (pid 7) holds it')]);
  });

  test('so is one onto which a part would move', () => {
    const moved = exampleSpec((s) => {
      s.ports.tracker = 18081;
    });
    const observed = observedAs(spec, images);
    const conflictsOf = () => planFor(moved, images, observed).conflicts.map((c) => `${c.host} ${c.what}: ${c.why}`);
    seenHost(observed, 'node-1').listeners = [{ port: 8081 }, { port: 8080 }];
    expect(conflictsOf()).toEqual([]);
    seenHost(observed, 'node-1').listeners = [{ ...holder, port: 18081 }];
    expect(conflictsOf()).toEqual([expect.stringContaining('node-1 port 18081, for tracker: java (pid 7) holds it')]);
  });

  test.each<[string, (host: ReturnType<typeof seenHost>) => void]>([
    [
      'a running part that holds its own port',
      (host) => {
        host.listeners = [{ port: 8081, containerId: `cid-kraken-cluster-node-1-tracker` }];
      },
    ],
    [
      'a running part, whoever holds the port',
      (host) => {
        host.listeners = [holder];
      },
    ],
    [
      'a part to be made, where another part of ours holds the port',
      (host) => {
        withoutTracker(host);
        host.listeners = [{ port: 8081, containerId: 'cid-kraken-cluster-node-1-origin' }];
      },
    ],
    [
      'a host where nobody looked',
      (host) => {
        withoutTracker(host);
        host.listeners = undefined;
      },
    ],
  ])('%s is none', (_, change) => {
    expect(planWith(change)).toEqual([]);
  });
});
