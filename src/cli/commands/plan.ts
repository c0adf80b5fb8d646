import type { Command } from 'commander';
import { type Configuration, readConfiguration } from '../configuration';
import type { Context, Wire } from '../context';
import { exitCodes } from '../exit-codes';
import { CliFailure } from '../failure';
import { lookAtCluster } from '../inspect';
import { planToken, renderPlan } from '../plan-text';
import { type RolloutOptions, readRolloutPolicy } from '../rollout-policy';

export function addPlanCommand(program: Command, wire: Wire): void {
  program
    .command('plan')
    .description('what a deploy would do, and why; changes nothing (exit 3: changes pending)')
    .action(wire(async (context) => showPlan(context, await readConfiguration(context))));
}

/** What of a deploy's options makes another plan. */
export type PlannedWith = Pick<RolloutOptions, 'batch' | 'bake' | 'approveEachNode'> & { toVersion?: string };

export async function showPlan(
  context: Context,
  configuration: Configuration,
  planned: PlannedWith = {},
): Promise<number> {
  const { output } = context;
  const asked = { probe: false, pace: readRolloutPolicy(planned, configuration) };
  const { observed, plan, planFailure, tookMs, through } = await lookAtCluster(context, configuration, asked);
  if (!plan) {
    const { code = 'INTERNAL', message = 'no plan could be made', ...details } = planFailure ?? {};
    throw new CliFailure(code, message, { ...details, data: { observed } });
  }
  const token = planToken(plan);
  output.result({ plan, token, through, tookMs, pending: !plan.empty });
  const { colors, verbose, streams } = output;
  const options = typedOptions(planned);
  output.lines(
    renderPlan(plan, { colors, verbose, tookMs, columns: streams.columns, hosts: observed.hosts.length, options }),
  );
  return plan.empty && plan.unseen.length === 0 ? exitCodes.done : exitCodes.pending;
}

function typedOptions({ toVersion, batch, bake, approveEachNode }: PlannedWith): string {
  const typed = { '--to-version': toVersion, '--batch': batch, '--bake': bake };
  const given = Object.entries(typed).flatMap(([option, text]) => (text === undefined ? [] : [`${option} ${text}`]));
  return [...given, ...(approveEachNode ? ['--approve-each-node'] : [])].join(' ');
}
