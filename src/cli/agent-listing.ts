import { randomBytes } from 'node:crypto';
import type { EnrolledVm } from '../cluster/agents/install-source';
import { type VmAddress, vmName } from '../cluster/agents/vm';
import type { ClusterSpec } from '../cluster/spec';
import type { ListedAgent } from '../contracts/agents';
import { parkedQuery, searchAttributes, taskQueues, workflowTypes } from '../contracts/queues';
import type { Temporal } from './connect';

export interface ParkedAgent {
  vm: VmAddress;
  since: number;
  tries: number;
  why: string;
  nextTryAt: number;
}

export interface AgentRow extends ListedAgent {
  parked?: ParkedAgent;
}

export interface AgentListing {
  agents: ListedAgent[];
  digest?: string;
  enrolled: EnrolledVm[];
  unseen: { host: string; error: string }[];
}

/** What is seen on each VM now, and which of them are being tried again. */
export async function listAgents(
  temporal: Temporal,
  spec: ClusterSpec,
  vms?: VmAddress[],
): Promise<{ agents: AgentRow[] } & Pick<AgentListing, 'unseen' | 'enrolled'>> {
  const [listing, parked] = await Promise.all([lookAtAgents(temporal, spec, vms), listParked(temporal, spec)]);
  const agents = listing.agents.map((agent) => ({ ...agent, parked: parked.get(vmName(agent.vm)) }));
  return { agents, unseen: listing.unseen, enrolled: listing.enrolled };
}

export function lookAtAgents(temporal: Temporal, spec: ClusterSpec, vms?: VmAddress[]): Promise<AgentListing> {
  return temporal.client.workflow.execute(workflowTypes.listAgents, {
    taskQueue: taskQueues.main,
    workflowId: `kraken-${spec.name}-inspect-${randomBytes(4).toString('hex')}`,
    args: [{ spec, vms }],
    workflowExecutionTimeout: '5m',
    staticSummary: `look at the agents of ${spec.name}`,
  });
}

async function listParked(temporal: Temporal, spec: ClusterSpec): Promise<Map<string, ParkedAgent>> {
  const query = `${searchAttributes.cluster} = '${spec.name}' AND WorkflowType = '${workflowTypes.keepAgent}' AND ExecutionStatus = 'Running'`;
  const parked = new Map<string, ParkedAgent>();
  for await (const { workflowId } of temporal.client.workflow.list({ query })) {
    const handle = temporal.client.workflow.getHandle(workflowId);
    const state = await handle.query<ParkedAgent>(parkedQuery).catch(() => undefined);
    if (state) parked.set(vmName(state.vm), state);
  }
  return parked;
}
