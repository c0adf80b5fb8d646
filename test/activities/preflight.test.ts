import { createActivities } from '../../src/activities';
import { exampleSpec } from '../support/cluster';
import { MemoryLab } from '../support/memory-hosts';

const spec = exampleSpec();

async function check(bystander?: true) {
  const lab = new MemoryLab();
  await Promise.all(spec.nodes.map((node) => lab.connect(node)));
  const owner = { id: 'of another', temporal: '10.0.0.5:7233', namespace: 'default' };
  const contents = Buffer.from(JSON.stringify(owner));
  lab.machine('node-2').stored.set('/var/lib/krakenctl/cluster/owner.json', { contents, mode: 0o644, changedAt: 0 });
  const archives = { identify: async () => undefined, open: async () => Promise.reject(new Error('no archive')) };
  const activities = createActivities({ hostsFor: () => lab, archives, ownerId: 'mine', now: Date.now });
  const { findings } = await activities.preflightCluster({ spec, listen: false, bystander });
  return findings.map(({ code, level, host }) => `${host} ${code} ${level}`);
}

test('the worker knows a foreign owner; a process that is none says that it cannot know', async () => {
  expect(await check()).toEqual(['node-2 FOREIGN_OWNER failure']);
  expect(await check(true)).toEqual(['node-2 OWNER_UNKNOWN warning']);
});
