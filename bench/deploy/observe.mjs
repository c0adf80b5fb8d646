// What is on a lab host, by the docker CLI; the same eyes for every peer, none of them krakenctl's.
import { execFileSync } from 'node:child_process';

export const parts = [
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

export function on(container, argv, options = {}) {
  const flags = options.input === undefined ? [] : ['-i'];
  return execFileSync('docker', ['exec', ...flags, container, ...argv], {
    maxBuffer: 1e9,
    stdio: ['pipe', 'pipe', 'pipe'],
    ...options,
  });
}

/** Everything that makes a node's containers and files, in start order, without anybody's labels. */
export function describe({ name, address, container }) {
  const ids = on(container, ['docker', 'ps', '-aq', '--no-trunc']).toString().split('\n').filter(Boolean);
  const inspected = ids.length > 0 ? JSON.parse(on(container, ['docker', 'inspect', ...ids])) : [];
  const order = (c) => parts.findIndex((part) => c.Name === `/kraken-bench-${name}-${part}`);
  const containers = inspected
    .sort((a, b) => order(a) - order(b))
    .map((c) => {
      const { NetworkMode, Binds, Tmpfs, Memory, MemorySwap, NanoCpus, CapDrop, CapAdd, RestartPolicy, LogConfig } =
        c.HostConfig;
      const { SecurityOpt, ReadonlyRootfs, PidsLimit } = c.HostConfig;
      const caps = (list) => (list ?? []).map((cap) => cap.replace(/^CAP_/, '').toUpperCase()).sort();
      const HostConfig = {
        NetworkMode,
        Binds: (Binds ?? []).map((bind) => bind.replace(/:rw$/, '')).sort(),
        Tmpfs: Tmpfs ?? {},
        Memory,
        MemorySwap,
        NanoCpus,
        CapDrop: caps(CapDrop),
        CapAdd: caps(CapAdd),
        SecurityOpt,
        ReadonlyRootfs,
        PidsLimit,
        RestartPolicy: { Name: RestartPolicy.Name },
        LogConfig,
      };
      return {
        create: { name: c.Name.slice(1), Image: c.Config.Image, Cmd: c.Config.Cmd, HostConfig },
        state: c.State.Status,
      };
    });
  const sums = on(container, [
    'sh',
    '-c',
    'find /etc/kraken -type f -exec sha256sum {} + 2>/dev/null | sort -k2 || true',
  ]).toString();
  return { name, address, containers, sums };
}

/** Ids and starts: equal before and after means that nothing was touched. */
export function touchprint(hosts) {
  return JSON.stringify(
    hosts.map(({ container }) =>
      on(container, [
        'sh',
        '-c',
        "docker inspect -f '{{.Id}} {{.State.StartedAt}}' $(docker ps -aq) | sort",
      ]).toString(),
    ),
  );
}

/** Roles as each instance itself says: `master 1 replica`, `replica of ADDRESS up`. */
export function redisRoles(hosts) {
  return hosts.flatMap(({ name, container }) =>
    [
      ['redis', 6379],
      ['redis-replica', 6380],
    ].map(([part, port]) => {
      const info = on(container, [
        'docker',
        'exec',
        `kraken-bench-${name}-${part}`,
        'redis-cli',
        '-p',
        String(port),
        'info',
        'replication',
      ]).toString();
      const value = (key) => new RegExp(`^${key}:(.*?)\\r?$`, 'm').exec(info)?.[1];
      return value('role') === 'master'
        ? `master ${value('connected_slaves')}`
        : `replica of ${value('master_host')} ${value('master_link_status')}`;
    }),
  );
}
