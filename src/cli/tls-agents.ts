import type { ClusterSpec } from '../cluster/spec';
import type { DeployReport } from '../contracts/operation';
import { readPolicy, startFleet } from './agents';
import type { Temporal } from './connect';
import type { Context } from './context';
import { type ExitCode, exitCodes } from './exit-codes';
import { CliFailure } from './failure';
import { nameWaited } from './tls-waited';

export interface Waiting {
  spec: ClusterSpec;
  options: { maxFailures?: string; agents?: boolean; timeout?: number };
  report: DeployReport;
}

/**
 * Between two states of TLS: agents come to the one that is recorded, in which everybody is understood, so that the next one cuts nobody off.
 *
 * @returns the exit code where the deploy must not go on
 * @throws {CliFailure} of the operation on agents, where it stopped
 */
export async function bringAgentsToTls(
  context: Context,
  temporal: Temporal,
  { spec, options, report }: Waiting,
): Promise<ExitCode | undefined> {
  const { output } = context;
  const { agents, left } = report.tls!;
  if (options.agents === false) {
    output.line(` TLS goes on to ${left[0]} with the next krakenctl deploy without --no-agents`);
    return exitCodes.done;
  }
  output.line();
  output.line(`before ${left[0]} follow ${nameWaited(agents!)}`);
  const stays = () =>
    output.line(
      ` TLS does not go on to ${left[0]}, and stays as it is, where everybody is understood; krakenctl deploy goes on from there. --max-failures leaves some VMs behind, krakenctl agent remove takes one out`,
    );
  try {
    const policy = readPolicy(spec, { maxFailures: options.maxFailures });
    const start = { verb: 'upgrade' as const, spec, vms: [], policy, options: { timeout: options.timeout } };
    const code = await startFleet(context, temporal, start);
    if (code === exitCodes.done || code === exitCodes.partial) return undefined;
    stays();
    return code;
  } catch (error) {
    // In part, as a program is told: what is left was allowed to be.
    if (error instanceof CliFailure && error.code === 'LEFT_TO_DO') return undefined;
    stays();
    throw error;
  }
}
