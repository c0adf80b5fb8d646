import type { ClusterSpec } from '../cluster/spec';
import type { TlsPlan } from './activities';
import type { FleetView } from './agents';
import type { TlsReport, WaitedForAgents } from './operation';

/** How far a cluster goes on its way to other TLS, for workflows and for looks alike. */

export const stageOf = ({ tls }: ClusterSpec) => tls?.state?.stage ?? 'off';

/** Agents go through all of these states as they are. */
export function isForAgents({ forAgents }: Pick<TlsPlan, 'forAgents'>, specs: ClusterSpec[]): boolean {
  return forAgents === undefined || forAgents >= specs.length;
}

/** Undefined where there is none. */
export function countAgents({ record, enrolled }: FleetView): WaitedForAgents | undefined {
  const agents = record?.agents ?? [];
  const isKnown = (address: string) => agents.some((vm) => vm.includes(`@${address}:`));
  const [known, installed] = [agents.length, enrolled.filter((vm) => !isKnown(vm.address)).length];
  return known + installed > 0 ? { known, installed } : undefined;
}

/** Why it is not known who has to follow: who is not known would be cut off. Undefined where all nodes were seen. */
export function whyUncounted({ unseen }: Pick<FleetView, 'unseen'>): string | undefined {
  const [first] = unseen;
  return (
    first &&
    `${first.host}: ${first.error}; which agents have to follow to another state of TLS is not known without it`
  );
}

export interface TlsCourse {
  /** Never empty: the recorded state is one to stay in. */
  specs: ClusterSpec[];
  told: TlsReport;
}

/** @param now as many of the plan's states, from the first on, as are gone through at once */
export function courseOf(plan: TlsPlan, now: ClusterSpec[], agents?: WaitedForAgents): TlsCourse {
  const through = agents ? now.slice(0, plan.forAgents) : now;
  const told = { stages: through.map(stageOf), left: plan.specs.slice(through.length).map(stageOf) };
  return { specs: through.length > 0 ? through : [plan.stay], told: { ...told, ...(agents && { agents }) } };
}
