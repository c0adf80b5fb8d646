import type { ClusterSpec } from '../cluster/spec';
import type { OpenedOperation } from '../contracts/activities';
import type { CrossedObserved } from '../contracts/crossed';
import type { DeployInput, TlsReport } from '../contracts/operation';
import { lookers, planners } from './activities';
import { final } from './operation-steps';

/** A history holds as many rollouts of so many nodes; a larger cluster goes one state further with each deploy. */
const mostNodesAllTheWay = 10;

/**
 * The states to go through, the first of them at once. None at all where nobody speaks of TLS: nothing is asked then that was not asked before there was
 * any.
 */
export async function tlsWay(
  { spec, renew }: DeployInput,
  observed: CrossedObserved,
  { lastGood }: OpenedOperation,
): Promise<{ specs: ClusterSpec[]; told?: TlsReport }> {
  const isOn = lastGood?.spec.tls !== undefined;
  if (!spec.tls && !isOn) return { specs: [] };
  if (!isOn && lastGood) await refuseAgents(spec);
  const { specs } = await planners.planTls({ spec, observed, ...(renew && { renew }) });
  const now = spec.nodes.length > mostNodesAllTheWay ? specs.slice(0, 1) : specs;
  const stages = now.map(stageOf);
  const left = specs.slice(now.length).map(stageOf);
  return { specs: now, told: { stages, left } };
}

/** Agents would go on without TLS and find nobody: told before anything is changed. */
async function refuseAgents(spec: ClusterSpec): Promise<void> {
  const { record, enrolled } = await lookers.readFleet({ spec, enrolled: 'addresses' });
  const known = Object.keys(record?.agents ?? {}).length;
  const installed = enrolled.length;
  if (known + installed === 0) return;
  const text = `ENABLE_TLS true: ${known} agents and ${installed} VMs that installed themselves know the load balancers without TLS, and agents with TLS are not built yet; expected a cluster without agents`;
  throw final('CHANGE_NOT_BUILT', `${text}; nothing was changed`, 'krakenctl agent remove --all, or ENABLE_TLS=false');
}

const stageOf = ({ tls }: ClusterSpec) => tls?.state?.stage ?? 'off';

export function tlsLabel(spec: ClusterSpec): { id: string; title: string } {
  const { series, signer, trusts } = spec.tls?.state ?? {};
  const name = stageOf(spec);
  return { id: `tls-${name}-${series?.number ?? 0}-${signer ?? ''}-${trusts?.length ?? 0}-`, title: `TLS ${name}: ` };
}
