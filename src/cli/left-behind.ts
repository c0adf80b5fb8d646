import type { VmAddress } from '../cluster/agents/vm';
import type { ClusterSpec } from '../cluster/spec';
import type { FleetReport } from '../contracts/agents';
import type { FailureDetails } from '../contracts/failures';
import { fleetWorkflowId } from '../contracts/queues';
import type { Temporal } from './connect';
import { CliFailure } from './failure';
import { findOperation, listRuns } from './operation-list';

/** VMs that an earlier operation left. @throws {CliFailure} where there was none such, or it left nothing. */
export async function leftBehind(temporal: Temporal, spec: ClusterSpec, wanted: string): Promise<VmAddress[]> {
  const runs = await listRuns(temporal, spec.name, 50);
  const run = await findOperation(temporal, spec.name, { runs: runs.filter((r) => r.verb === 'agents'), wanted });
  if (!run?.runId) {
    throw new CliFailure('NO_OPERATION', `no operation of agents "${wanted}"`, { hint: 'krakenctl op list' });
  }
  const handle = temporal.client.workflow.getHandle(fleetWorkflowId(spec.name), run.runId);
  const left = await leftOf(handle.result() as Promise<FleetReport>);
  if (!left) throw new CliFailure('NO_OPERATION', `${wanted} does not say what it left: it is ${run.result}`);
  if (left.length === 0) throw new CliFailure('USAGE', `${wanted} left no VM behind`);
  return left;
}

/** Of its report; of its failure where it was stopped, since more were left than may be. */
export async function leftOf(ended: Promise<FleetReport>): Promise<VmAddress[] | undefined> {
  try {
    return (await ended).left.map(({ vm }) => vm);
  } catch (error) {
    for (let at: unknown = error; at instanceof Error; at = at.cause) {
      const [details] = ((at as { details?: unknown[] }).details ?? []) as FailureDetails[];
      if (details?.left) return details.left;
    }
    return undefined;
  }
}
