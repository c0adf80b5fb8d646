import { randomBytes } from 'node:crypto';
import type { EnrolledVm } from '../cluster/agents/install-source';
import { type VmAddress, vmName } from '../cluster/agents/vm';
import type { ClusterSpec } from '../cluster/spec';
import type { ListedAgent } from '../contracts/agents';
import { parkedQuery, searchAttributes, taskQueues, workflowTypes } from '../contracts/queues';
import type { Temporal } from './connect';
import { CliFailure } from './failure';
import { describeUnseen } from './unseen-text';

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

/** @throws {CliFailure} HOST_UNREACHABLE where all agents are asked for and no node, which keep the list, could be seen. */
export async function lookAtAgents(temporal: Temporal, spec: ClusterSpec, vms?: VmAddress[]): Promise<AgentListing> {
  const listing = (await temporal.client.workflow.execute(workflowTypes.listAgents, {
    taskQueue: taskQueues.main,
    workflowId: `kraken-${spec.name}-inspect-${randomBytes(4).toString('hex')}`,
    args: [{ spec, vms }],
    workflowExecutionTimeout: '5m',
    staticSummary: `look at the agents of ${spec.name}`,
  })) as AgentListing;
  const { unseen } = listing;
  if (vms?.length || unseen.length < spec.nodes.length) return listing;
  const missing = unseen.map(describeUnseen);
  throw new CliFailure(
    'HOST_UNREACHABLE',
    `no node, which keep the list of agents, could be seen\n${missing.join('\n')}`,
    {
      retryable: true,
      hint: 'krakenctl status',
      data: { missing },
    },
  );
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
