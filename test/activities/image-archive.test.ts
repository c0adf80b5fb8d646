import { Readable } from 'node:stream';
import { bringAgentImage } from '../../src/activities/agents';
import type { ActivityDependencies } from '../../src/activities/dependencies';
import { imageActivities } from '../../src/activities/images';
import { HostUnreachableError } from '../../src/clients/errors';
import type { StepInput } from '../../src/contracts/activities';
import { exampleSpec } from '../support/cluster';
import { MemoryLab } from '../support/memory-hosts';

/** A host that goes off while it is given an image: whoever keeps the archive waits until its last reader has gone. */
const spec = exampleSpec((s) => void Object.assign(s.images, { source: 'load' }));
let archive: Readable;
let deps: ActivityDependencies;
let lab: MemoryLab;

beforeEach(async () => {
  archive = Readable.from([Buffer.from('half'), Buffer.from('of it')]);
  lab = new MemoryLab();
  deps = {
    hostsFor: () => lab,
    archives: { identify: async () => undefined, open: async () => ({ stream: archive, bytes: 9 }) },
    ownerId: 'owner-1',
    now: Date.now,
  };
  const host = await lab.connect(spec.nodes[0]!);
  host.engine.load = async (stream) => {
    await new Promise((resolve) => stream.once('data', resolve));
    throw new HostUnreachableError('the connection was lost', host.host.id);
  };
});

test.each<[string, () => Promise<unknown>]>([
  [
    'a part of the cluster',
    () => {
      const step = { id: 'i', host: 'node-1', kind: 'image', target: 'redis:7', expect: 'sha256:a', summary: 'image' };
      return imageActivities(deps).ensureImage({ spec, epoch: 1, step } as unknown as StepInput);
    },
  ],
  ['an agent', async () => bringAgentImage(deps, await lab.connect(spec.nodes[0]!), { spec, digest: 'sha256:a' })],
])('the archive of %s is let go of', async (_, bring) => {
  await expect(bring()).rejects.toThrow('the connection was lost');
  expect(archive.destroyed).toBe(true);
});
