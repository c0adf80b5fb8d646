import { isCancellation } from '@temporalio/workflow';
import type { EnrolledVm } from '../cluster/agents/install-source';
import type { ClusterSpec } from '../cluster/spec';
import type { AgentPull, BalancerInstall, ListedAgent } from '../contracts/agents';
import { agentLookers, lookers, pulls } from './activities';
import { describeFailure } from './describe-failure';

export interface AgentListing {
  agents: ListedAgent[];
  /** Image of the record; undefined where no operation brought agents yet. */
  digest?: string;
  /** VMs that installed themselves and are not in the record. */
  enrolled: EnrolledVm[];
  /** What the load balancers that could be seen serve to them. */
  installs: BalancerInstall[];
  unseen: { host: string; error: string }[];
}

/** Every agent of the record, or the VMs that are named, as they are now. */
export async function listAgents({ spec, vms }: { spec: ClusterSpec; vms?: string[] }): Promise<AgentListing> {
  const { record, unseen, enrolled, installs } = await lookers.readFleet({ spec });
  const wanted = vms && vms.length > 0 ? vms : (record?.agents ?? []);
  const digest = record?.digest;
  const agents = wanted.length > 0 ? await agentLookers.listAgents({ spec, vms: wanted, digest }) : [];
  const known = new Set(wanted.map((vm) => vm.slice(vm.indexOf('@') + 1, vm.lastIndexOf(':'))));
  return { agents, digest, unseen, installs, enrolled: enrolled.filter(({ address }) => !known.has(address)) };
}

/** A pull on many VMs at once; each answer stands for itself. */
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
      return { vm, ok: false, error: message, hint };
    }
  };
  const lane = async () => {
    for (let vm = waiting.shift(); vm !== undefined; vm = waiting.shift()) answers.push(await pull(vm));
  };
  await Promise.all(Array.from({ length: Math.min(spec.concurrency, vms.length) }, lane));
  return answers;
}
