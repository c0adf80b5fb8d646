import { patched } from '@temporalio/workflow';
import type { ClusterSpec } from '../cluster/spec';
import type { OpenedOperation } from '../contracts/activities';
import type { CrossedObserved } from '../contracts/crossed';
import type { DeployInput, TlsReport, WaitedForAgents } from '../contracts/operation';
import { countAgents, courseOf, isForAgents, stageOf, whyUncounted } from '../contracts/tls-course';
import { lookers, planners } from './activities';
import { final } from './operation-steps';

/** A history holds as many rollouts of so many nodes; a larger cluster goes one state further with each deploy. */
const mostNodesAllTheWay = 10;

/**
 * The states to go through, the first of them at once. None at all where nobody speaks of TLS: nothing is asked then that was not asked before there was
 * any.
 */
export async function tlsWay(
  input: DeployInput,
  observed: CrossedObserved,
  { lastGood }: OpenedOperation,
): Promise<{ specs: ClusterSpec[]; told?: TlsReport }> {
  const { spec, renew, agentsAt } = input;
  const isOn = lastGood?.spec.tls !== undefined;
  if (!spec.tls && !isOn) return { specs: [] };
  const canFollow = patched('agents-follow-tls');
  if (!canFollow && !isOn && lastGood) await refuseAgents(spec);
  const asked = { spec, observed, ...(renew && { renew }), ...(agentsAt !== undefined && { agentsAt }) };
  const plan = await planners.planTls(asked);
  const { specs } = plan;
  const now = spec.nodes.length > mostNodesAllTheWay ? specs.slice(0, 1) : specs;
  const agents = !canFollow || isForAgents(plan, now) ? undefined : await agentsOf(spec);
  if (agents) refuseUndo(input, agents);
  return courseOf(plan, now, agents);
}

async function agentsOf(spec: ClusterSpec): Promise<WaitedForAgents | undefined> {
  const fleet = await lookers.readFleet({ spec, enrolled: 'addresses' });
  const why = whyUncounted(fleet);
  if (why) throw final('HOST_UNREACHABLE', `${why}; nothing was changed`, 'krakenctl deploy');
  return countAgents(fleet);
}

/** An undo that stopped half way would be gone on with by nobody: .env says the contrary. */
function refuseUndo({ undo }: DeployInput, { known, installed }: WaitedForAgents): void {
  if (!undo) return;
  const text = `${undo.operation} changed how the load balancers are asked, and ${known} agents and ${installed} VMs that installed themselves have to follow half way; nothing was changed`;
  throw final('UNDO_REFUSED', text, 'put the former ENABLE_TLS back into .env, then: krakenctl deploy');
}

/** Of operations that began before agents could follow: they would go on without TLS and find nobody. */
async function refuseAgents(spec: ClusterSpec): Promise<void> {
  const agents = await agentsOf(spec);
  if (!agents) return;
  const text = `ENABLE_TLS true: ${agents.known} agents and ${agents.installed} VMs that installed themselves know the load balancers without TLS`;
  throw final('CHANGE_NOT_BUILT', `${text}; nothing was changed`, 'krakenctl deploy');
}

export function tlsLabel(spec: ClusterSpec): { id: string; title: string } {
  const { series, signer, trusts } = spec.tls?.state ?? {};
  const name = stageOf(spec);
  return { id: `tls-${name}-${series?.number ?? 0}-${signer ?? ''}-${trusts?.length ?? 0}-`, title: `TLS ${name}: ` };
}
