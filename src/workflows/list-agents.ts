import { isCancellation } from '@temporalio/workflow';
import type { ClusterSpec } from '../cluster/spec';
import { type AgentPull, type AgentRoster, asRecorded, enrolledPerPage, type ListedAgent } from '../contracts/agents';
import { agentListers, lookers, pulls } from './activities';
import { describeFailure } from './describe-failure';

/** Who there is: asked first, so that VMs are looked at in pages. */
export async function rosterOfAgents({ spec, after }: { spec: ClusterSpec; after?: string }): Promise<AgentRoster> {
  const page = { size: enrolledPerPage, ...(after !== undefined && { after }) };
  const { record, enrolled, next, installs, unseen, recorded } = await lookers.readFleet({ spec, enrolled: page });
  const { agents = [], leaving, digest } = record ?? {};
  return { vms: agents, ...(leaving && { leaving }), digest, enrolled, next, installs, unseen, recorded };
}

/** The VMs that are named, or every agent of the record, as they are now; at most `agentsPerPage` of them. */
export async function listAgents({ spec, vms, digest }: ListAgentsInput): Promise<{ agents: ListedAgent[] }> {
  const view = digest === undefined ? await lookers.readFleet({ spec, enrolled: { size: 0 } }) : undefined;
  const wanted = vms && vms.length > 0 ? vms : (view?.record?.agents ?? []);
  const look = { spec: view ? asRecorded(spec, view) : spec, vms: wanted, digest: digest ?? view?.record?.digest };
  return { agents: wanted.length > 0 ? await agentListers.listAgents(look) : [] };
}

export interface ListAgentsInput {
  /** Where the digest is known: with the TLS of the cluster's record. */
  spec: ClusterSpec;
  vms?: string[];
  /** Image of the record, where it is known. */
  digest?: string;
}

/** Of what a VM says, in an answer that is told with hundreds of others. */
const longestWord = 600;

/** A pull on many VMs at once, at most `agentsPerPage`; each answer stands for itself. */
export async function pullOnVms(input: { spec: ClusterSpec; vms: string[]; image: string }): Promise<AgentPull[]> {
  const { spec, vms, image } = input;
  const answers: AgentPull[] = [];
  const waiting = [...vms];
  const pull = async (vm: string): Promise<AgentPull> => {
    try {
      return await pulls.pullOnVm.executeWithOptions({ summary: `${vm}: pull ${image}` }, [{ spec, vm, image }]);
    } catch (error) {
      if (isCancellation(error)) throw error;
      const { message, hint } = describeFailure(error);
      return { vm, ok: false, error: message.slice(0, longestWord), hint };
    }
  };
  const lane = async () => {
    for (let vm = waiting.shift(); vm !== undefined; vm = waiting.shift()) answers.push(await pull(vm));
  };
  await Promise.all(Array.from({ length: Math.min(spec.concurrency, vms.length) }, lane));
  return answers;
}
