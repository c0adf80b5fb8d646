import { type ClusterSpec, partNames } from '../spec';
import type { DiskFacts, EngineFacts, HostFacts, MachineFacts } from './facts';
import type { Finding } from './findings';

type Seen = Extract<HostFacts, { reachable: true }>;

/** Skew at which times in logs stop being comparable, and at which leases and certificates begin to fail. */
export const skewWarnMs = 2_000;
const skewFailMs = 30_000;
const gib = 2 ** 30;
const smallestMemory = 1.5 * gib;
const smallestDisk = 2 * gib;
/** First Engine API with all that is used here: Docker 20.10. */
const oldestApi = [1, 41];
const goodDrivers = ['overlay2', 'overlayfs', 'fuse-overlayfs', 'btrfs', 'zfs'];

export const transparentHugePages = 'transparent_hugepage';

/** Settings that Redis and NGINX ask for; `check --apply` sets them and keeps them over a restart of the host. */
export const kernelSettings: { name: string; isGood: (value: string) => boolean; want: string; why: string }[] = [
  {
    name: 'vm.overcommit_memory',
    isGood: (value) => value === '1',
    want: '1',
    why: 'Redis forks to save; without it the fork fails when memory is half full, and writes stop',
  },
  {
    name: 'net.core.somaxconn',
    isGood: (value) => Number(value) >= 1024,
    want: '4096',
    why: 'bursts of image pulls are refused when the queue of new connections is short',
  },
  {
    name: transparentHugePages,
    isGood: (value) => !value.includes('[always]'),
    want: 'madvise',
    why: 'huge pages make Redis slow and double its memory while it saves',
  },
];

export function judgeMachine(spec: ClusterSpec, { host, machine, engine, engineError, forwards }: Seen): Finding[] {
  const findings = [
    ...judgeClock(machine),
    ...judgeMemory(spec, host, machine),
    ...judgeDisks(machine),
    ...judgeKernel(machine),
    ...(engine ? judgeEngine(engine) : []),
    ...machine.missingPrograms.map(
      (program): Finding => ({
        code: 'PROGRAM_MISSING',
        level: program === 'perl' ? 'warning' : 'failure',
        what: `${program} is not installed`,
        why:
          program === 'perl'
            ? 'it is used to try the ports between the hosts, which were not tried from here'
            : 'every change on the host goes through it',
        mend: `install ${packages[program] ?? program} on the host`,
      }),
    ),
  ];
  if (engineError !== undefined) {
    findings.push({
      code: 'ENGINE_DOWN',
      level: 'failure',
      what: engineError,
      why: 'without it there are no containers; images and names were not looked at, nor whose containers hold ports',
      mend: 'systemctl status docker on the host',
    });
  }
  if (!forwards) {
    findings.push({
      code: 'FORWARDING_OFF',
      level: 'warning',
      what: 'sshd does not forward sockets to this user; docker system dial-stdio is used instead',
      why: 'it is slower, and takes sessions of which sshd allows ten',
      mend: 'AllowStreamLocalForwarding yes in sshd_config, and the user in the docker group',
    });
  }
  return findings.map((finding) => ({ ...finding, host }));
}

const packages: Record<string, string> = { ss: 'iproute2', flock: 'util-linux' };

function judgeClock({ clockOffsetMs }: MachineFacts): Finding[] {
  const off = Math.abs(clockOffsetMs);
  // A clock that cannot be read in milliseconds is not judged.
  if (!(off > skewWarnMs)) return [];
  return [
    {
      code: 'CLOCK_SKEW',
      level: off > skewFailMs ? 'failure' : 'warning',
      what: `its clock is ${(off / 1000).toFixed(1)} s ${clockOffsetMs > 0 ? 'ahead' : 'behind'}`,
      why: 'logs of several hosts cannot be put in order, and what expires does so at the wrong time',
      mend: 'let chrony or systemd-timesyncd run: timedatectl set-ntp true',
    },
  ];
}

function judgeMemory(spec: ClusterSpec, host: string, { memoryBytes }: MachineFacts): Finding[] {
  const parts = partNames.filter((part) => part !== 'nginx' || spec.loadBalancers.includes(host));
  const limits = parts.reduce((sum, part) => sum + (spec.limits[part]?.memoryBytes ?? 0), 0);
  const has = `${(memoryBytes / gib).toFixed(1)} GiB`;
  if (memoryBytes < smallestMemory) {
    return [
      {
        code: 'MEMORY_SMALL',
        level: 'failure',
        what: `it has ${has} of memory, a node needs ${smallestMemory / gib} GiB`,
        why: 'the kernel would kill parts under load',
        mend: 'give the host more memory',
      },
    ];
  }
  if (limits <= memoryBytes) return [];
  return [
    {
      code: 'MEMORY_PROMISED',
      level: 'warning',
      what: `the parts' limits add up to ${(limits / gib).toFixed(1)} GiB, it has ${has}`,
      why: 'when all parts use what they may, the kernel kills one of them',
      mend: 'lower the *_MEMORY_LIMIT keys, or give the host more memory',
    },
  ];
}

function judgeDisks({ disks }: MachineFacts): Finding[] {
  return [...fileSystems(disks)].flatMap(([folders, disk]): Finding[] => {
    const room = `${(disk.availableBytes / gib).toFixed(1)} GiB free, ${disk.usedPercent}% used`;
    const why = 'a full disk stops Redis, the origins and the Engine itself';
    const mend = `make room in ${folders}, or mount a larger disk there`;
    if (disk.inodesUsedPercent >= 95) {
      const what = `${folders}: ${disk.inodesUsedPercent}% of the inodes are used`;
      return [{ code: 'INODES_FULL', level: 'failure', what, why: 'no file can be made any more', mend }];
    }
    if (disk.availableBytes < smallestDisk || disk.usedPercent >= 95) {
      return [{ code: 'DISK_FULL', level: 'failure', what: `${folders}: ${room}`, why, mend }];
    }
    if (disk.usedPercent < 85) return [];
    return [{ code: 'DISK_NEARLY_FULL', level: 'warning', what: `${folders}: ${room}`, why, mend }];
  });
}

/** Folders with the very same figures lie on one file system, and are one finding. */
function fileSystems(disks: DiskFacts[]): Map<string, DiskFacts> {
  const groups = new Map<string, { folders: string[]; disk: DiskFacts }>();
  for (const disk of disks) {
    const { folder, ...figures } = disk;
    const key = JSON.stringify(figures);
    const group = groups.get(key) ?? { folders: [], disk };
    group.folders.push(folder);
    groups.set(key, group);
  }
  return new Map([...groups.values()].map(({ folders, disk }) => [folders.join(', '), disk]));
}

function judgeKernel({ settings }: MachineFacts): Finding[] {
  return kernelSettings.flatMap(({ name, isGood, want, why }): Finding[] => {
    const value = settings[name];
    if (value === undefined || isGood(value)) return [];
    return [
      {
        code: 'KERNEL_SETTING',
        level: 'warning',
        what: `${name} is ${value}, expected ${want}`,
        why,
        mend: 'krakenctl check --apply',
        apply: { setting: name, value: want },
      },
    ];
  });
}

function judgeEngine({ version, apiVersion, storageDriver }: EngineFacts): Finding[] {
  const [major = 0, minor = 0] = apiVersion.split('.').map(Number);
  const findings: Finding[] = [];
  if (major < oldestApi[0]! || (major === oldestApi[0] && minor < oldestApi[1]!)) {
    findings.push({
      code: 'ENGINE_OLD',
      level: 'failure',
      what: `Docker ${version} speaks API ${apiVersion}, expected ${oldestApi.join('.')} or newer`,
      why: 'host networking, limits and labels are set through that API',
      mend: 'upgrade the Docker engine to 20.10 or newer',
    });
  }
  if (!goodDrivers.includes(storageDriver)) {
    findings.push({
      code: 'STORAGE_DRIVER',
      level: 'warning',
      what: `the Engine stores layers with ${storageDriver}`,
      why: 'it copies whole layers: containers start slowly and fill the disk',
      mend: 'use overlay2 (needs a file system with d_type, such as ext4 or xfs with ftype=1)',
    });
  }
  return findings;
}
