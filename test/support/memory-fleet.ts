import { vmHost } from '../../src/cluster/agents/vm';
import type { ClusterSpec } from '../../src/cluster/spec';
import type { MemoryHost, MemoryLab } from './memory-hosts';

/** Agents that run and are recorded on every node, as a fleet's operation leaves them. */
export async function bringAgents(lab: MemoryLab, spec: ClusterSpec, vms: string[]): Promise<MemoryHost[]> {
  const record = { format: 1, generation: 1, agents: vms, counts: {}, operation: { id: 'o', name: 'agents-1' } };
  for (const node of spec.nodes) {
    await lab.connect(node);
    const contents = Buffer.from(JSON.stringify(record));
    lab
      .machine(node.id)
      .stored.set(`/var/lib/krakenctl/${spec.name}/agents.json`, { contents, mode: 0o644, changedAt: 0 });
  }
  return Promise.all(
    vms.map(async (vm) => {
      const host = vmHost(vm);
      await lab.connect(host);
      const machine = lab.machine(host.id);
      machine.agentState.running = 'release';
      return machine;
    }),
  );
}
