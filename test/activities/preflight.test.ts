import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createActivities } from '../../src/activities';
import { RemoteCommandError } from '../../src/clients/errors';
import type { KnownImage } from '../../src/clients/image-archive';
import { recordFolder } from '../../src/cluster/names';
import type { ClusterSpec } from '../../src/cluster/spec';
import { exampleSpec } from '../support/cluster';
import { MemoryLab } from '../support/memory-hosts';

interface Asked {
  spec?: ClusterSpec;
  bystander?: true;
  listen?: boolean;
  image?: KnownImage;
}

const plain = exampleSpec();

async function bench(image?: KnownImage) {
  const lab = new MemoryLab();
  await Promise.all(plain.nodes.map((node) => lab.connect(node)));
  const archives = { identify: async () => image, open: async () => Promise.reject(new Error('no archive')) };
  return { lab, activities: createActivities({ hostsFor: () => lab, archives, ownerId: 'mine', now: Date.now }) };
}

async function check(
  prepare: (lab: MemoryLab) => void,
  { spec = plain, bystander, listen = false, image }: Asked = {},
) {
  const { lab, activities } = await bench(image);
  prepare(lab);
  const report = await activities.preflightCluster({ spec, listen, bystander });
  const found = report.findings.map(({ code, level, host }) => `${host ?? '-'} ${code} ${level}`);
  return { ...report, found };
}

const store = (lab: MemoryLab, host: string, name: string, value: unknown) =>
  lab.machine(host).stored.set(`${recordFolder(plain.name)}/${name}`, {
    contents: Buffer.from(JSON.stringify(value)),
    mode: 0o644,
    changedAt: 0,
  });

test('the worker knows a foreign owner; a process that is none says that it cannot know', async () => {
  const foreign = (lab: MemoryLab) =>
    void store(lab, 'node-2', 'owner.json', { id: 'of another', temporal: '10.0.0.5:7233', namespace: 'default' });
  expect((await check(foreign)).found).toEqual(['node-2 FOREIGN_OWNER failure']);
  expect((await check(foreign, { bystander: true })).found).toEqual(['node-2 OWNER_UNKNOWN warning']);
});

const series = { number: 1, from: '2026-01-01T00:00:00.000Z', until: '2036-01-01T00:00:00.000Z' };
const inTls: ClusterSpec = {
  ...plain,
  tls: { lifetimeSeconds: 86_400, state: { stage: 'require', signer: 'ca-1', trusts: ['ca-1'], series } },
};

/** As a person writes it: how far the cluster is stands in its record alone. */
const wanted: ClusterSpec = { ...plain, tls: { lifetimeSeconds: 86_400 } };

test('whoever has none of the keys of a cluster in TLS sees its hosts all the same', async () => {
  const { seen, certificates } = await check(
    (lab) => void store(lab, 'node-1', 'state.json', { generation: 3, spec: inTls }),
    { spec: wanted },
  );
  expect(seen).toEqual(['node-1', 'node-2', 'node-3']);
  expect(certificates).toBe(true);
});

test('who looks after a cluster in TLS is written by a worker that has none of its keys', async () => {
  const { lab, activities } = await bench();
  store(lab, 'node-1', 'state.json', { generation: 3, spec: inTls });
  const owner = { temporal: 't', namespace: 'n' };
  const taken = { spec: wanted, host: 'node-1', epoch: 7, owner, from: [] };
  expect(await activities.takeHost(taken)).toEqual({ changed: true });
  expect(await activities.claimHost({ spec: wanted, host: 'node-1', epoch: 8, owner })).toEqual({ changed: false });
  const measured = await activities.measureFolders({ spec: wanted, host: 'node-1' });
  expect(measured.host).toBe('node-1');
});

test('a host that cannot try ports hides nothing else', async () => {
  const { found, ways } = await check(
    (lab) => {
      lab.machine('node-1').preflight.reach = async () => {
        throw new RemoteCommandError("node-1: Can't locate IO/Socket/INET.pm", 'node-1', 2, '');
      };
      lab.machine('node-2').machine.memoryBytes = 2 ** 30;
    },
    { listen: true },
  );
  expect(found).toEqual(['node-2 MEMORY_SMALL failure']);
  // Its own ways to the two others; theirs were tried.
  expect(ways.untried).toBeGreaterThan(0);
  expect(ways.tried).toBe(ways.untried * 2);
});

test('an image of the worker that is for another machine is found, as one of a registry is', async () => {
  const spec = exampleSpec((it) => (it.images.source = 'load'));
  const image = { id: 'sha256:1', platform: 'linux/arm64' };
  const { findings } = await check(() => undefined, { spec, image });
  expect([...new Set(findings.map((f) => f.code))]).toEqual(['IMAGE_PLATFORM']);
  const { activities } = await bench(image);
  const hosts = [{ host: 'node-2', platform: 'linux/amd64' }];
  await expect(activities.resolveImages({ spec, known: {}, hosts })).rejects.toMatchObject({
    type: 'IMAGE_PLATFORM',
    message: expect.stringMatching(/is for linux\/arm64, node-2 is linux\/amd64/),
  });
});

test("a person's certificates are judged where they lie, which is at the worker", async () => {
  const missing = join(mkdtempSync(join(tmpdir(), 'krakenctl-given-')), 'server.crt');
  const spec = { ...plain, tls: { lifetimeSeconds: 86_400, given: { certificate: missing, key: missing } } };
  const { found, findings } = await check(() => undefined, { spec });
  expect(found).toEqual(['- TLS_GIVEN failure']);
  expect(findings[0]!.what).toMatch(/CERT_PATH \S+server\.crt: no such file on the machine of the worker/);
  expect((await check(() => undefined, { spec, bystander: true })).found).toEqual([]);
});
