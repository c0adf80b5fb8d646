import { requiredImages } from '../../src/cluster/desired-state';
import { portsOf } from '../../src/cluster/port-conflicts';
import { judgePreflight, sharedPortsOf } from '../../src/cluster/preflight/cluster';
import type { HostFacts, PreflightFacts, Reach } from '../../src/cluster/preflight/facts';
import { exampleSpec } from '../support/cluster';

type Seen = Extract<HostFacts, { reachable: true }>;

const spec = exampleSpec();

/** A host against which nothing speaks. */
function goodHost(host: string): Seen {
  return {
    host,
    reachable: true,
    machine: {
      clockOffsetMs: 3,
      memoryBytes: 16e9,
      cpus: 4,
      disks: [{ folder: '/var/lib/docker', availableBytes: 1e11, usedPercent: 20, inodesUsedPercent: 3 }],
      settings: {
        'vm.overcommit_memory': '1',
        'net.core.somaxconn': '4096',
        transparent_hugepage: 'always [madvise] never',
      },
      missingPrograms: [],
      listeners: [],
      hasFiles: false,
      hasFirewall: false,
      hasRecord: false,
    },
    engine: {
      version: '20.10.24',
      apiVersion: '1.41',
      platform: 'linux/amd64',
      storageDriver: 'overlay2',
      root: '/var/lib/docker',
    },
    forwards: true,
    containers: [],
    images: requiredImages(spec).map((reference) => ({ reference, platforms: ['linux/amd64'] })),
    tookMs: 10,
  };
}

function goodFacts(): PreflightFacts & { hosts: Seen[] } {
  return { hosts: spec.nodes.map((n) => goodHost(n.id)), reaches: [], ownerId: 'mine' };
}

/** `node-1 CODE level` of everything found after one change. */
function found(change: (facts: PreflightFacts & { hosts: Seen[] }) => void, of = spec): string[] {
  const facts = goodFacts();
  change(facts);
  return judgePreflight(of, facts).map((f) => `${f.host ?? '-'} ${f.code} ${f.level}`);
}

const reach = (result: Reach['result'], port = 8080): Reach => ({ from: 'node-1', to: 'node-2', port, result });
const name = 'kraken-cluster-node-1-origin';
const ours = { id: 'c1', name, cluster: 'cluster' };

test('nothing is found on good hosts', () => {
  expect(found(() => undefined)).toEqual([]);
});

test.each<[string, (facts: PreflightFacts & { hosts: Seen[] }) => void, string[]]>([
  [
    'a host that cannot be logged in to, with its own code',
    (f) => {
      f.hosts[1] = { host: 'node-2', reachable: false, code: 'HOST_KEY', error: 'changed' } as never;
    },
    ['node-2 HOST_KEY failure'],
  ],
  ['a clock 5 s ahead', (f) => (f.hosts[0]!.machine.clockOffsetMs = 5_000), ['node-1 CLOCK_SKEW warning']],
  ['a clock a minute behind', (f) => (f.hosts[0]!.machine.clockOffsetMs = -60_000), ['node-1 CLOCK_SKEW failure']],
  [
    'two clocks that are near to ours and far from each other',
    (f) => {
      f.hosts[0]!.machine.clockOffsetMs = -1_900;
      f.hosts[1]!.machine.clockOffsetMs = 1_900;
    },
    ['node-1 CLOCK_SKEW warning'],
  ],
  [
    'a clock that tells no milliseconds',
    (f) => void Object.assign(f.hosts[0]!.machine, { clockOffsetMs: Number.NaN }),
    [],
  ],
  [
    'one file system that is full, under several folders',
    (f) => {
      const full = { availableBytes: 1e6, usedPercent: 99, inodesUsedPercent: 3 };
      f.hosts[0]!.machine.disks = ['/etc', '/var/log'].map((folder) => ({ folder, ...full }));
    },
    ['node-1 DISK_FULL failure'],
  ],
  [
    'an engine that is down, and what else is wrong with its host',
    (f) => {
      Object.assign(f.hosts[0]!, { engine: undefined, engineError: 'docker version: connection refused', images: [] });
      f.hosts[0]!.machine.disks[0]!.usedPercent = 99;
    },
    ['node-1 DISK_FULL failure', 'node-1 ENGINE_DOWN failure'],
  ],
  [
    'parts that run on while their engine does not answer: whose they are nobody says',
    (f) => {
      Object.assign(f.hosts[0]!, { engine: undefined, engineError: 'docker version: timed out', images: [] });
      f.hosts[0]!.machine.listeners.push({ port: 8080, pid: 7, containerId: 'c1' });
      f.hosts[0]!.machine.listeners.push({ port: 8081, pid: 8, program: 'java' });
    },
    ['node-1 ENGINE_DOWN failure', 'node-1 PORT_TAKEN failure'],
  ],
  ['one GiB of memory', (f) => (f.hosts[0]!.machine.memoryBytes = 2 ** 30), ['node-1 MEMORY_SMALL failure']],
  [
    'limits above the memory',
    (f) => (f.hosts[0]!.machine.memoryBytes = 2 * 2 ** 30),
    ['node-1 MEMORY_PROMISED warning'],
  ],
  ['a disk at 96%', (f) => (f.hosts[0]!.machine.disks[0]!.usedPercent = 96), ['node-1 DISK_FULL failure']],
  ['less than 2 GiB free', (f) => (f.hosts[0]!.machine.disks[0]!.availableBytes = 1e9), ['node-1 DISK_FULL failure']],
  ['a disk at 86%', (f) => (f.hosts[0]!.machine.disks[0]!.usedPercent = 86), ['node-1 DISK_NEARLY_FULL warning']],
  ['no inodes', (f) => (f.hosts[0]!.machine.disks[0]!.inodesUsedPercent = 100), ['node-1 INODES_FULL failure']],
  [
    'overcommit off',
    (f) => (f.hosts[0]!.machine.settings['vm.overcommit_memory'] = '0'),
    ['node-1 KERNEL_SETTING warning'],
  ],
  [
    'huge pages always',
    (f) => (f.hosts[0]!.machine.settings.transparent_hugepage = '[always] madvise never'),
    ['node-1 KERNEL_SETTING warning'],
  ],
  ['a kernel without huge pages', (f) => (f.hosts[0]!.machine.settings.transparent_hugepage = undefined), []],
  ['an old engine', (f) => (f.hosts[0]!.engine!.apiVersion = '1.40'), ['node-1 ENGINE_OLD failure']],
  ['a newer engine', (f) => (f.hosts[0]!.engine!.apiVersion = '1.51'), []],
  ['layers that are copied', (f) => (f.hosts[0]!.engine!.storageDriver = 'vfs'), ['node-1 STORAGE_DRIVER warning']],
  ['no flock', (f) => f.hosts[0]!.machine.missingPrograms.push('flock'), ['node-1 PROGRAM_MISSING failure']],
  ['no perl', (f) => f.hosts[0]!.machine.missingPrograms.push('perl'), ['node-1 PROGRAM_MISSING warning']],
  ['no forwarding', (f) => (f.hosts[0]!.forwards = false), ['node-1 FORWARDING_OFF warning']],
  [
    'a port held by another program',
    (f) => f.hosts[0]!.machine.listeners.push({ port: 8080, pid: 7, program: 'java' }),
    ['node-1 PORT_TAKEN failure'],
  ],
  [
    'a port held by the very part that will use it',
    (f) => {
      f.hosts[0]!.containers.push(ours);
      f.hosts[0]!.machine.listeners.push({ port: 8080, pid: 7, containerId: 'c1' });
    },
    [],
  ],
  [
    'a port held by another part of ours',
    (f) => {
      f.hosts[0]!.containers.push(ours);
      f.hosts[0]!.machine.listeners.push({ port: 8081, pid: 7, containerId: 'c1' });
    },
    ['node-1 PORT_TAKEN failure'],
  ],
  [
    'a foreign container of our name',
    (f) => f.hosts[0]!.containers.push({ id: 'x', name }),
    ['node-1 FOREIGN_CONTAINER failure'],
  ],
  ['files without a record', (f) => (f.hosts[0]!.machine.hasFiles = true), ['node-1 FOREIGN_FILES warning']],
  [
    'files with a record',
    (f) => {
      f.hosts[0]!.machine.hasFiles = true;
      f.hosts[0]!.machine.hasRecord = true;
    },
    [],
  ],
  [
    'an image that cannot be had',
    (f) => (f.hosts[0]!.images[0]!.error = 'manifest unknown'),
    ['node-1 IMAGE_MISSING failure'],
  ],
  [
    'an image for another platform',
    (f) => (f.hosts[0]!.images[0]!.platforms = ['linux/arm64']),
    ['node-1 IMAGE_PLATFORM failure'],
  ],
  ['an image for several platforms', (f) => (f.hosts[0]!.images[0]!.platforms = ['linux/arm64', 'linux/amd64']), []],
  ['a registry that does not say', (f) => (f.hosts[0]!.images[0]!.platforms = []), []],
  [
    'an owner that is not us',
    (f) => (f.hosts[0]!.owner = { id: 'x', temporal: 't', namespace: 'n' }),
    ['node-1 FOREIGN_OWNER failure'],
  ],
  ['ourselves as the owner', (f) => (f.hosts[0]!.owner = { id: 'mine', temporal: 't', namespace: 'n' }), []],
  ['a way that drops', (f) => f.reaches.push(reach('silent'), reach('silent', 8081)), ['node-1 PORT_BLOCKED failure']],
  ['a way that rejects', (f) => f.reaches.push(reach('refused')), ['node-1 PORT_BLOCKED failure']],
  ['a way to somebody else', (f) => f.reaches.push(reach('another')), ['node-1 PORT_BLOCKED failure']],
  ['ways that are open or could not be tried', (f) => f.reaches.push(reach('open'), reach('untested')), []],
])('%s', (_, change, wanted) => {
  expect(found(change)).toEqual(wanted);
});

test('one load balancer alone is warned of', () => {
  const single = exampleSpec((s) => {
    s.loadBalancers = ['node-2'];
  });
  expect(found(() => undefined, single)).toEqual(['node-2 LB_SINGLE warning']);
});

test.each([
  [31, undefined],
  [30, 'CERTIFICATES_DUE'],
  [0, 'CERTIFICATES_ENDED'],
])('certificates that end in %i days: %s', (days, code) => {
  const at = (n: number) => new Date(Date.parse('2026-11-30T00:00:00Z') + n * 86_400_000).toISOString();
  const series = { number: 1, from: at(days - 90), until: at(days) };
  const state = { stage: 'require' as const, signer: 'ca-1', trusts: ['ca-1'], series };
  const warned = found((facts) => {
    facts.nowMs = Date.parse(at(0));
    // An older record says something else.
    facts.hosts[0]!.tls = {
      generation: 1,
      tls: { lifetimeSeconds: 1, state: { ...state, series: { ...series, until: at(-1) } } },
    };
    facts.hosts[1]!.tls = { generation: 2, tls: { lifetimeSeconds: 1, state } };
  });
  expect(warned).toEqual(code ? [`- ${code} warning`] : []);
});

test('failures stand before warnings, and each says why and how to mend it', () => {
  const facts = goodFacts();
  facts.hosts[0]!.forwards = false;
  facts.hosts[2]!.machine.disks[0]!.usedPercent = 99;
  const findings = judgePreflight(spec, facts);
  expect(findings.map((f) => f.level)).toEqual(['failure', 'warning']);
  for (const { what, why, mend } of findings) expect([what, why, mend].every((text) => text.length > 5)).toBe(true);
});

test('all ports of a node are looked at; the routers, which serve their own host, are not tried from others', () => {
  const node = spec.nodes[0]!;
  const all = portsOf(spec, node).map(({ port }) => port);
  expect(all).toEqual(
    expect.arrayContaining([5000, 5003, 6379, 16379, 6380, 16380, 6390, 6391, 7000, 8080, 8081, 8082, 8083, 8090]),
  );
  expect(sharedPortsOf(spec, node)).not.toContain(6390);
});

describe('whose the cluster is, as told by a process that is not its worker', () => {
  const owner = (id: string) => ({ id, temporal: '10.0.0.5:7233', namespace: 'default' });
  const asked = (id: string) =>
    found((f) => {
      f.hosts[0]!.owner = owner(id);
      f.bystander = true;
    });

  test('another id is no finding of a foreign owner: the worker may have that very one', () => {
    expect(asked('of the worker, or of another')).toEqual(['node-1 OWNER_UNKNOWN warning']);
  });

  test('our own id, and no owner, say nothing', () => {
    expect(asked('mine')).toEqual([]);
    expect(found((f) => Object.assign(f, { bystander: true }))).toEqual([]);
  });
});
