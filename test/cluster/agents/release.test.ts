import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { chooseP2p, linkClasses, sizeClasses } from '../../../src/cluster/agents/p2p';
import { agentRelease } from '../../../src/cluster/agents/release';
import type { ClusterSpec } from '../../../src/cluster/spec';
import { exampleSpec } from '../../support/cluster';

const digest = `sha256:${'a'.repeat(64)}`;
const release = (change?: (spec: ClusterSpec) => void) => agentRelease(exampleSpec(change), digest, { owner: 'owner' });
const file = (path: string, change?: (spec: ClusterSpec) => void) =>
  release(change).files.find((f) => f.path === path)!.contents;

test('the same spec gives the same release, and whatever changes a file another', () => {
  expect(release().id).toBe(release().id);
  const others = [
    release((s) => void Object.assign(s.agents.ports, { registry: 8088 })),
    release((s) => void Object.assign(s.agents.limit, { memoryBytes: 2 ** 30 })),
    release((s) => void Object.assign(s.ports, { lbTracker: 5004 })),
    release((s) => void Object.assign(s, { loadBalancers: ['node-1'] })),
    agentRelease(exampleSpec(), `sha256:${'b'.repeat(64)}`, { owner: 'owner' }),
    agentRelease(exampleSpec(), digest, { owner: 'another' }),
  ];
  expect(new Set([release().id, ...others.map((o) => o.id)]).size).toBe(7);
});

test('what a VM does not use changes nothing: origins may move without a roll-out of agents', () => {
  expect(release((s) => void Object.assign(s.limits.origin, { memoryBytes: 2 ** 31 })).id).toBe(release().id);
});

test('every program is sh, and its sums are those of its files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'krakenctl-release-'));
  try {
    const { files, sums } = release();
    for (const { path, contents } of files) {
      execFileSync('mkdir', ['-p', join(folder, path, '..')]);
      writeFileSync(join(folder, path), contents);
    }
    for (const { path } of files.filter((f) => f.mode === 0o755)) execFileSync('sh', ['-n', join(folder, path)]);
    writeFileSync(join(folder, 'sums'), sums);
    execFileSync('sha256sum', ['--quiet', '--check', 'sums'], { cwd: folder });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('an agent runs without any right but, where its port is below 1024, that to listen there', () => {
  const flags = (change?: (spec: ClusterSpec) => void) =>
    release(change)
      .files.find(({ contents }) => contents.includes('exec docker run'))!
      .contents.match(/--cap-\S+ \S+|--security-opt \S+/g);
  expect(flags()).toEqual(['--cap-drop ALL', '--security-opt no-new-privileges']);
  expect(flags((s) => void Object.assign(s.agents.ports, { registry: 80 }))).toContain('--cap-add NET_BIND_SERVICE');
});

test('an agent knows the cluster by its load balancers alone', () => {
  const tree = parse(file('config/agent.yaml')) as Record<string, { hosts: { static: string[] } }>;
  const addresses = ['10.0.1.10:5003', '10.0.1.11:5003', '10.0.1.12:5003'];
  expect([tree.tracker!.hosts.static, tree.build_index!.hosts.static]).toEqual([addresses, addresses]);
  const settings = file('kraken-pull.conf', (s) => void Object.assign(s, { loadBalancers: ['node-2'] }));
  expect(settings).toContain('LOAD_BALANCERS=10.0.1.11:5000\nRELAYS=127.0.0.1:8095\n');
});

test('peers are asked before origins, which serve every VM; a class changes nothing of that', () => {
  const common = parse(file('config/agent.yaml'));
  expect(common).toMatchObject({
    scheduler: { dispatch: { origin_pipeline_limit: 1, piece_request_policy: 'default' } },
  });
  expect(file('config/small-10g.yaml')).not.toContain('dispatch');
});

test('every class has its text, which extends the common one', () => {
  for (const size of sizeClasses) {
    for (const link of linkClasses) {
      const tree = parse(file(`config/${size.name}-${link.name}.yaml`));
      expect(tree).toMatchObject({
        extends: '/etc/krakenctl/agent.yaml',
        scheduler: { connstate: { max_open_conn: size.connections } },
      });
    }
  }
});

/** The launcher with the machine's own answers replaced, and docker by a program that tells its arguments. */
function launch({ cores, memory, speed }: { cores: number; memory: number; speed: string }): string {
  const folder = mkdtempSync(join(tmpdir(), 'krakenctl-launch-'));
  const program = (name: string, text: string) => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  try {
    program('docker', 'case "$1" in run) echo "$@" ;; esac');
    program('getent', 'echo 10.0.1.10 STREAM');
    program('ip', 'echo "10.0.1.10 dev eth9 src 10.0.2.7 uid 0"');
    program('nproc', `echo ${cores}`);
    writeFileSync(join(folder, 'meminfo'), `MemTotal: ${memory * 1024} kB\n`);
    writeFileSync(join(folder, 'speed'), `${speed}\n`);
    const text = file('run')
      .replaceAll('/proc/meminfo', join(folder, 'meminfo'))
      .replaceAll('"/sys/class/net/$device/speed"', join(folder, 'speed'))
      .replaceAll('/var/lib/kraken/cluster/agent', folder);
    program('run', text);
    const { stdout, stderr } = spawnSync('sh', [join(folder, 'run')], {
      env: { PATH: `${folder}:${process.env.PATH}` },
    });
    if (stderr.length > 0) throw new Error(stderr.toString());
    return stdout.toString();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test.each([
  [2, 4000, '-1'],
  [4, 8000, '1000'],
  [4, 7000, '100'],
  [16, 64000, '10000'],
  [64, 200000, '2500'],
  [8, 16000, '10'],
])('the launcher chooses as the core does: %i cores, %i MiB, link %s', (cores, memory, speed) => {
  const linkMbit = Number(speed) > 0 ? Number(speed) : undefined;
  const { className } = chooseP2p({ cores, memoryMebibytes: memory, linkMbit });
  const argv = launch({ cores, memory, speed });
  expect(argv).toContain(`--config=/etc/krakenctl/${className}.yaml`);
  expect(argv).toContain('--peer-ip 10.0.2.7 ');
  expect(argv).toContain(`images.example/kraken-agent@${digest}`);
});

test('a full log is copied, emptied where it lies, and no more files are kept than were asked for', () => {
  const folder = mkdtempSync(join(tmpdir(), 'krakenctl-log-'));
  const log = join(folder, 'agent.log');
  const change = (s: ClusterSpec) => void Object.assign(s.logs, { maxSizeBytes: 100, maxFiles: 2 });
  try {
    writeFileSync(join(folder, 'rotate'), file('rotate-log', change).replaceAll('/var/log/kraken/agent.log', log));
    const rotate = () => execFileSync('sh', [join(folder, 'rotate')]);
    const inode = () => statSync(log).ino;
    writeFileSync(log, 'small');
    rotate();
    expect(readFileSync(log, 'utf8')).toBe('small');
    const before = inode();
    for (const letter of ['a', 'b', 'c']) {
      writeFileSync(log, letter.repeat(101));
      rotate();
    }
    expect([readFileSync(log, 'utf8'), inode()]).toEqual(['', before]);
    const kept = [1, 2].map((n) => readFileSync(`${log}.${n}`, 'utf8')[0]);
    expect([kept, existsSync(`${log}.3`)]).toEqual([['c', 'b'], false]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
