import { randomBytes } from 'node:crypto';
import { type AskedVm, type VmAddress, vmName, withKnownLogins } from '../cluster/agents/vm';
import type { ClusterSpec } from '../cluster/spec';
import { type AgentPull, type AgentRoster, agentsPerPage, asRecorded, type ListedAgent } from '../contracts/agents';
import { agentWorkflowId, parkedQuery, searchAttributes, taskQueues, workflowTypes } from '../contracts/queues';
import type { Temporal } from './connect';
import { CliFailure } from './failure';
import { describeUnseen } from './unseen-text';

/** What is seen on VMs, and done on many of them without an operation: in pages, since Temporal takes no answer about ten thousand at once. */

export interface ParkedAgent {
  vm: VmAddress;
  since: number;
  tries: number;
  why: string;
  nextTryAt: number;
}

export interface AgentRow extends ListedAgent {
  parked?: ParkedAgent;
  /** It is to lose its agent, and may still have it. */
  leaving?: true;
}

export interface AgentListing extends Omit<AgentRoster, 'vms' | 'next'> {
  agents: ListedAgent[];
}

/** What is seen on each VM now, and which of them are being tried again. */
export async function listAgents(
  temporal: Temporal,
  spec: ClusterSpec,
): Promise<{ agents: AgentRow[] } & Omit<AgentListing, 'agents'>> {
  const [listing, parked] = await Promise.all([lookAtAgents(temporal, spec), listParked(temporal, spec)]);
  const leaving = await lookAtEach(temporal, spec, { ...listing, vms: listing.leaving ?? [] });
  const rows = [...listing.agents, ...leaving.map((agent) => ({ ...agent, leaving: true as const }))];
  return { ...listing, agents: rows.map((agent) => ({ ...agent, parked: parked.get(vmName(agent.vm)) })) };
}

/** What was not said of a login is as the record has it; where no node, which keep it, could be seen, as the nodes have theirs. */
export async function recordedLogins(temporal: Temporal, spec: ClusterSpec, asked: AskedVm[]): Promise<VmAddress[]> {
  const isWhole = asked.every(({ target: { user, port } }) => user !== undefined && port !== undefined);
  const { vms, leaving = [] } = isWhole ? { vms: [] } : await readPage(temporal, spec);
  return withKnownLogins(asked, [...vms, ...leaving]);
}

/** One VM as it is now, whether the record has it or not. */
export async function showAgent(temporal: Temporal, spec: ClusterSpec, vm: VmAddress): Promise<AgentRow[]> {
  const [agents, parked] = await Promise.all([
    lookAtVms(temporal, spec, { vms: [vm] }),
    askParked(temporal, agentWorkflowId(spec.name, vm)),
  ]);
  return agents.map((agent) => ({ ...agent, parked }));
}

/** All that the record has, page by page. @throws {CliFailure} as {@link readRoster}. */
export async function lookAtAgents(temporal: Temporal, spec: ClusterSpec): Promise<AgentListing> {
  const { vms, ...roster } = await readRoster(temporal, spec);
  return { ...roster, agents: await lookAtEach(temporal, spec, { ...roster, vms }) };
}

/** Page by page. */
async function lookAtEach(
  temporal: Temporal,
  spec: ClusterSpec,
  { vms, digest, recorded }: Pick<AgentRoster, 'vms' | 'digest' | 'recorded'>,
): Promise<ListedAgent[]> {
  const agents: ListedAgent[] = [];
  for (const page of chunksOf(vms, agentsPerPage))
    agents.push(...(await lookAtVms(temporal, asRecorded(spec, { recorded }), { vms: page, digest })));
  return agents;
}

/**
 * Names alone; no VM is looked at. One that somebody logs in to is none of those that installed themselves.
 * @throws {CliFailure} HOST_UNREACHABLE where no node, which keep the list, could be seen.
 */
export async function readRoster(temporal: Temporal, spec: ClusterSpec): Promise<Omit<AgentRoster, 'next'>> {
  const { next: after, ...roster } = await readPage(temporal, spec);
  if (roster.unseen.length >= spec.nodes.length) throw noneSeen(roster);
  const enrolled = [...roster.enrolled];
  for (let next = after; next !== undefined; ) {
    const page = await readPage(temporal, spec, next);
    enrolled.push(...page.enrolled);
    next = page.next;
  }
  const known = new Set([...roster.vms, ...(roster.leaving ?? [])].map(vmName));
  return { ...roster, enrolled: enrolled.filter(({ address }) => !known.has(address)) };
}

function noneSeen({ unseen }: Pick<AgentRoster, 'unseen'>): CliFailure {
  const missing = unseen.map(describeUnseen);
  const text = `no node, which keep the list of agents, could be seen\n${missing.join('\n')}`;
  return new CliFailure('HOST_UNREACHABLE', text, { retryable: true, hint: 'krakenctl status', data: { missing } });
}

function readPage(temporal: Temporal, spec: ClusterSpec, after?: string): Promise<AgentRoster> {
  const summary = `who has an agent of ${spec.name}`;
  return inspect(temporal, spec, { type: workflowTypes.agentRoster, input: { spec, after }, summary });
}

async function lookAtVms(
  temporal: Temporal,
  spec: ClusterSpec,
  page: { vms: VmAddress[]; digest?: string },
): Promise<ListedAgent[]> {
  const look = {
    type: workflowTypes.listAgents,
    input: { spec, ...page },
    summary: `look at the agents of ${spec.name}`,
  };
  return (await inspect<{ agents: ListedAgent[] }>(temporal, spec, look)).agents;
}

function inspect<T>(
  { client }: Temporal,
  { name }: ClusterSpec,
  { type, input, summary }: { type: string; input: object; summary: string },
): Promise<T> {
  return client.workflow.execute(type, {
    taskQueue: taskQueues.main,
    workflowId: `kraken-${name}-inspect-${randomBytes(4).toString('hex')}`,
    args: [input],
    workflowExecutionTimeout: '30m',
    staticSummary: summary,
  });
}

function chunksOf<T>(items: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

async function listParked(temporal: Temporal, spec: ClusterSpec): Promise<Map<string, ParkedAgent>> {
  const query = `${searchAttributes.cluster} = '${spec.name}' AND WorkflowType = '${workflowTypes.keepAgent}' AND ExecutionStatus = 'Running'`;
  const ids: string[] = [];
  for await (const { workflowId } of temporal.client.workflow.list({ query })) ids.push(workflowId);
  const parked = new Map<string, ParkedAgent>();
  for (const some of chunksOf(ids, questionsAtOnce)) {
    const states = await Promise.all(some.map((id) => askParked(temporal, id)));
    for (const state of states) if (state) parked.set(vmName(state.vm), state);
  }
  return parked;
}

/** Undefined where it is not tried again any more. */
function askParked({ client }: Temporal, workflowId: string): Promise<ParkedAgent | undefined> {
  return client.workflow
    .getHandle(workflowId)
    .query<ParkedAgent>(parkedQuery)
    .catch(() => undefined);
}

const questionsAtOnce = 16;

/** The next page begins when the last VM of the one before has answered. */
export async function pullOnVms(
  temporal: Temporal,
  spec: ClusterSpec,
  { vms, image }: { vms: VmAddress[]; image: string },
): Promise<AgentPull[]> {
  const pulls: AgentPull[] = [];
  for (const page of chunksOf(vms, agentsPerPage))
    pulls.push(...(await pullOnPage(temporal, spec, { vms: page, image })));
  return pulls;
}

function pullOnPage(
  { client }: Temporal,
  spec: ClusterSpec,
  work: { vms: VmAddress[]; image: string },
): Promise<AgentPull[]> {
  return client.workflow.execute(workflowTypes.pullOnVms, {
    taskQueue: taskQueues.main,
    workflowId: `kraken-${spec.name}-pull-${randomBytes(4).toString('hex')}`,
    args: [{ spec, ...work }],
    staticSummary: `pull ${work.image} on ${work.vms.length} VMs`,
  });
}
