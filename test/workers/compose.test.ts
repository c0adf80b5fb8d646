import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostSpec } from '../../src/cluster/spec';
import { bounds, type Composition, composeActivities } from '../../src/workers/compose';
import { exampleSpec } from '../support/cluster';
import { startSshd, type TestSshd } from '../support/ssh-server';

/** How the worker reaches nodes and VMs: over the product's own composition, to servers of this process. */
let folder: string;
let sshd: TestSshd;
let silent: Server;
let composition: Composition;
/** Connections on which nothing is ever said, as from hosts whose packets are dropped on their way back. */
const dialled = new Set<Socket>();

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-compose-'));
  process.env.KRAKENCTL_STATE_DIR = folder;
  // What a host answers to the look at a login's rights: not root, no Engine's socket of its own, sudo.
  sshd = await startSshd((channel) => {
    channel.write('1000\nclosed\nsudo\n');
    channel.exit(0);
    channel.end();
  });
  silent = createServer((socket) => {
    dialled.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  composition = composeActivities({});
});
afterEach(async () => {
  delete process.env.KRAKENCTL_STATE_DIR;
  for (const socket of dialled) socket.destroy();
  dialled.clear();
  silent.close();
  await composition.close();
  sshd.close();
  rmSync(folder, { recursive: true });
});

const spec = () =>
  exampleSpec((s) => void Object.assign(s, { ssh: { keyPath: sshd.keyPath, knownHostsPath: sshd.knownHosts } }));
const hostAt = (id: string, port: number): HostSpec => ({
  id,
  address: '127.0.0.1',
  ssh: { address: '127.0.0.1', port, user: 'root' },
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
}

test('VMs that do not answer take no more than their own dials, and none of those to nodes', async () => {
  const { port } = silent.address() as AddressInfo;
  const vms = composition.hostsFor(spec(), 'vm');
  const looks = Array.from({ length: bounds.vm.maxConnecting! + 10 }, (_, i) =>
    vms.use(hostAt(`vm-${i}`, port), async () => 'seen').catch((error: Error) => error),
  );
  await until(() => dialled.size === bounds.vm.maxConnecting);
  const nodes = Array.from({ length: 30 }, (_, i) => hostAt(`node-${i}`, sshd.port));
  const seen = await Promise.all(nodes.map((node) => composition.hostsFor(spec()).connect(node)));
  expect(seen.map(({ host }) => host.id)).toEqual(nodes.map(({ id }) => id));
  expect(dialled.size).toBe(bounds.vm.maxConnecting);
  for (const socket of dialled) socket.destroy();
  silent.on('connection', (socket) => socket.destroy());
  expect((await Promise.all(looks)).every((answer) => answer instanceof Error)).toBe(true);
});

test('of VMs that nobody uses only so many connections are kept, the last used; those in use stay', async () => {
  const vms = composition.hostsFor(spec(), 'vm');
  const open: { id: string; isOpen: boolean }[] = [];
  const use = (id: string, work = async () => {}) =>
    vms.use(hostAt(id, sshd.port), async (connection) => {
      open.push(connection as unknown as { id: string; isOpen: boolean });
      await work();
    });
  let letGo = () => {};
  const held = use('held', () => new Promise<void>((resolve) => (letGo = resolve)));
  await until(() => open.length === 1);
  const extra = 3;
  for (let i = 0; i < bounds.vm.maxIdle! + extra; i += 1) await use(`vm-${i}`);
  const kept = () => open.map(({ isOpen }) => isOpen);
  await until(() => kept().filter((isOpen) => !isOpen).length >= extra);
  expect(kept()).toEqual([true, ...Array(extra).fill(false), ...Array(bounds.vm.maxIdle!).fill(true)]);
  const before = sshd.tried.length;
  await use(`vm-${extra}`);
  expect(sshd.tried.length).toBe(before);
  await use('vm-0');
  expect(sshd.tried.length).toBeGreaterThan(before);
  letGo();
  await held;
});
