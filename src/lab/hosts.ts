import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eachOf } from '../clients/each-of';
import { docker, dockerLines, tryDocker } from './docker';
import { containerOf, hostLabel, labFolder, labLabel, networkOf, volumeOf } from './names';
import { addressIn } from './network';
import type { Note } from './progress';

/** Hosts as containers that a plain Docker allows, without `--privileged`. */
export interface LabHost {
  /** `node-1` …, `vm-1` … */
  name: string;
  /** By which the other hosts, and this machine, reach it. */
  address: string;
  container: string;
  network: string;
}

export interface LabSsh {
  /** `root`; `ops` (sudo, no docker group) works with the same key. */
  user: string;
  keyPath: string;
  knownHostsPath: string;
}

export interface HostsRequest {
  lab: string;
  subnet: string;
  image: string;
  cgroupVersion: '1' | '2';
  nodes: number;
  vms: number;
}

const capabilities = [
  ...['SYS_ADMIN', 'NET_ADMIN', 'NET_RAW', 'SYS_PTRACE', 'SYS_CHROOT', 'MKNOD', 'DAC_READ_SEARCH', 'AUDIT_WRITE'],
  ...['AUDIT_CONTROL', 'SYSLOG', 'IPC_LOCK', 'SYS_NICE', 'LINUX_IMMUTABLE'],
];

const readyWithinMs = 90_000;
/** A start asks much of a small machine; more at once would only make each slower. */
const startedAtOnce = 8;

/**
 * Makes and starts what is missing, leaves running hosts alone, and waits until all answer. Hosts that were made before
 * stay, also beyond the numbers asked for.
 */
export async function ensureHosts(request: HostsRequest, note: Note): Promise<{ hosts: LabHost[]; made: number }> {
  const { lab, subnet } = request;
  const wanted = [...named('node', request.nodes), ...named('vm', request.vms)];
  const states = await hostStates(lab);
  const names = [...new Set([...wanted, ...states.keys()])].sort(byKindAndNumber);
  const hosts = names.map((name) => labHost(lab, subnet, name));
  const key = await ensureKey(lab, request.image);
  let made = 0;
  const waiting = new Set(names);
  const publicKeys = await eachOf(hosts, startedAtOnce, async (host) => {
    if (!states.has(host.name)) {
      made += 1;
      await createHost(host, request, key);
    }
    await wake(host, states.get(host.name));
    const publicKey = await waitForHost(host);
    waiting.delete(host.name);
    note(`waiting for ${[...waiting].join(' ')}`);
    return publicKey;
  });
  await writeKnownHosts(lab, hosts, publicKeys);
  return { hosts, made };
}

/** Docker's State.Status by host name. */
export async function hostStates(lab: string): Promise<Map<string, string>> {
  const format = `{{.Label "${hostLabel}"}} {{.State}}`;
  const filters = ['--filter', `label=${labLabel}=${lab}`, '--filter', `label=${hostLabel}`];
  const lines = await dockerLines(['ps', '-a', ...filters, '--format', format]);
  return new Map(lines.map((line) => line.split(' ') as [string, string]));
}

export function labHost(lab: string, subnet: string, name: string): LabHost {
  const number = Number.parseInt(name.replace(/^\D+/, ''), 10);
  const address = addressIn(subnet, name.startsWith('node-') ? 10 + number : 100 + number);
  return { name, address, container: containerOf(lab, name), network: networkOf(lab) };
}

export function labSsh(lab: string): LabSsh {
  const folder = labFolder(lab);
  return { user: 'root', keyPath: join(folder, 'id_ed25519'), knownHostsPath: join(folder, 'known_hosts') };
}

async function createHost(host: LabHost, request: HostsRequest, authorizedKey: string): Promise<void> {
  const { lab, subnet, image, cgroupVersion } = request;
  const label = ['--label', `${labLabel}=${lab}`];
  const volumes = { docker: '/var/lib/docker', containerd: '/var/lib/containerd' };
  // overlay2 cannot sit on overlay: the engine's folders are volumes. A half-made host may have left its own.
  const mounts: string[] = [];
  for (const [use, path] of Object.entries(volumes) as ['docker' | 'containerd', string][]) {
    const volume = volumeOf(lab, host.name, use);
    await docker(['volume', 'create', ...label, volume]);
    mounts.push('-v', `${volume}:${path}`);
  }
  const cgroup =
    cgroupVersion === '1'
      ? ['--cgroupns', 'host', '-v', '/sys/fs/cgroup:/sys/fs/cgroup:rw']
      : ['--cgroupns', 'private'];
  await docker([
    ...['create', '--name', host.container, '--hostname', host.name, ...label, '--label', `${hostLabel}=${host.name}`],
    ...capabilities.flatMap((capability) => ['--cap-add', capability]),
    ...['seccomp', 'apparmor', 'systempaths'].flatMap((option) => ['--security-opt', `${option}=unconfined`]),
    ...[...cgroup, '--tmpfs', '/run', '--tmpfs', '/run/lock', ...mounts],
    ...['--network', host.network, '--ip', host.address, '--restart', 'no'],
    ...['-e', `LAB_AUTHORIZED_KEY=${authorizedKey}`, '-e', `LAB_SUBNET=${subnet}`],
    image,
  ]);
}

/** Brings a host back from whatever was done to it: frozen, without network, switched off. */
export async function wake(host: LabHost, state: string | undefined): Promise<void> {
  if (state === 'paused') await docker(['unpause', host.container]);
  if (state !== undefined) await ensureConnected(host);
  if (state !== 'running' && state !== 'paused') await docker(['start', host.container]);
}

/** Connects a host that was cut off, under its own address. */
export async function ensureConnected({ container, network, address }: LabHost): Promise<void> {
  const format = '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}';
  const connected = (await docker(['container', 'inspect', '--format', format, container])).split(' ');
  if (!connected.includes(network)) await docker(['network', 'connect', '--ip', address, network, container]);
}

/** Resolves with the host's public key once sshd and the engine answer. @throws {Error} with the end of its journal. */
export async function waitForHost(host: LabHost): Promise<string> {
  const ready = await tryDocker(['exec', host.container, 'lab-ready'], { timeoutMs: readyWithinMs });
  if (ready.code === 0) return ready.stdout.trim();
  const journal = ['journalctl', '--no-pager', '-p', 'warning', '-n', '15'];
  const tail = await tryDocker(['exec', host.container, ...journal], { timeoutMs: 5_000 });
  throw new Error(`${host.name} did not come up: ${ready.stderr.trim()}\n${tail.stdout}${tail.stderr}`);
}

/** The lab's own key pair; made inside the host image, since this machine may have no ssh-keygen. */
async function ensureKey(lab: string, image: string): Promise<string> {
  const { keyPath } = labSsh(lab);
  const existing = await readFile(`${keyPath}.pub`, 'utf8').catch(() => undefined);
  if (existing) return existing.trim();
  const keygen = 'ssh-keygen -q -t ed25519 -N "" -C krakenctl-lab -f /tmp/key && cat /tmp/key /tmp/key.pub';
  const label = ['--label', `${labLabel}=${lab}`];
  const text = await docker(['run', '--rm', ...label, '--network', 'none', image, 'sh', '-c', keygen]);
  const end = '-----END OPENSSH PRIVATE KEY-----\n';
  const at = text.indexOf(end) + end.length;
  await mkdir(labFolder(lab), { recursive: true, mode: 0o700 });
  await writeFile(keyPath, text.slice(0, at), { mode: 0o600 });
  // The public half comes last: it is what says that both are whole.
  await writeFile(`${keyPath}.pub`, `${text.slice(at).trim()}\n`);
  return text.slice(at).trim();
}

async function writeKnownHosts(lab: string, hosts: LabHost[], publicKeys: string[]): Promise<void> {
  const { knownHostsPath } = labSsh(lab);
  const lines = hosts.map(({ address }, i) => `${address} ${(publicKeys[i] ?? '').split(' ').slice(0, 2).join(' ')}\n`);
  await writeFile(knownHostsPath, lines.join(''));
}

function named(kind: 'node' | 'vm', count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${kind}-${i + 1}`);
}

function byKindAndNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
