import type { ActivityDependencies } from '../../src/activities/dependencies';
import { gateActivities } from '../../src/activities/gates';
import { exampleSpec } from '../support/cluster';
import { MemoryLab } from '../support/memory-hosts';

const { proxy, tracker, buildIndex } = exampleSpec().ports;

test('parts that move are quiet when nobody is connected to where they were, nor to where they will be', async () => {
  const spec = exampleSpec((s) => {
    s.ports.proxy = 18083;
  });
  const lab = new MemoryLab();
  const asked = new Set<number>();
  for (const node of spec.nodes) {
    const { traffic } = await lab.connect(node);
    traffic.towards = async (targets) => {
      for (const { address, port } of targets) if (address === spec.nodes[0]!.address) asked.add(port);
      return 0;
    };
  }
  const deps = { hostsFor: () => lab, now: Date.now } as unknown as ActivityDependencies;
  const gate = { kind: 'quiet' as const, host: 'node-1', earlier: { proxy, tracker, buildIndex } };
  expect(await gateActivities(deps).awaitQuiet({ spec, gate, timeoutMs: 0 })).toEqual({ quiet: true });
  expect([...asked].sort((a, b) => a - b)).toEqual([8081, 8082, 8083, 18083]);
});
