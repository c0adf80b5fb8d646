import { createActivities } from '../../src/activities';
import type { FleetRecord } from '../../src/cluster/agents/fleet-record';
import { recordFolder } from '../../src/cluster/names';
import { exampleSpec } from '../support/cluster';
import { MemoryLab } from '../support/memory-hosts';

const spec = exampleSpec();
const path = `${recordFolder(spec.name)}/agents.json`;
const vms = Array.from({ length: 8 }, (_, n) => `root@10.0.2.${10 + n}:22` as FleetRecord['agents'][number]);

async function bench() {
  const lab = new MemoryLab();
  await Promise.all(spec.nodes.map((node) => lab.connect(node)));
  const archives = { identify: async () => undefined, open: async () => Promise.reject(new Error('no archive')) };
  const activities = createActivities({ hostsFor: () => lab, archives, ownerId: 'mine', now: Date.now });
  const write = (record: FleetRecord) =>
    lab.machine('node-1').stored.set(path, {
      contents: Buffer.from(JSON.stringify(record)),
      mode: 0o644,
      changedAt: 0,
    });
  const read = () => JSON.parse(lab.machine('node-1').stored.get(path)!.contents.toString()) as FleetRecord;
  return { activities, write, read };
}

const operation = { id: 'o', name: 'remove-1', actor: 'ana', at: '2026-12-01T00:00:00.000Z' };

test('VMs that are gone at the same moment are all struck out', async () => {
  const { activities, write, read } = await bench();
  write({ format: 1, generation: 4, agents: [], leaving: vms, counts: {}, operation });
  const strike = (vm: (typeof vms)[number]) => activities.forgetRemoved({ spec, host: 'node-1', epoch: 5, vms: [vm] });
  await Promise.all(vms.map(strike));
  expect(read().leaving ?? []).toEqual([]);
  expect(read().generation).toBe(4);
});
