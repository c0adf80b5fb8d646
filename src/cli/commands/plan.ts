import type { Command } from 'commander';
import type { Plan } from '../../cluster/plan';
import type { TlsReport } from '../../contracts/operation';
import { type Configuration, readConfiguration } from '../configuration';
import type { Context, Wire } from '../context';
import { exitCodes } from '../exit-codes';
import { CliFailure } from '../failure';
import { lookAtCluster } from '../inspect';
import { describeDoubts, planToken, renderPlan } from '../plan-text';
import { type RolloutOptions, readRolloutPolicy } from '../rollout-policy';
import { takeOverHint } from '../take-over-text';
import { nameWaited } from '../tls-waited';

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
  const { observed, plan, planFailure, tookMs, through, doubted, tls } = await lookAtCluster(
    context,
    configuration,
    asked,
  );
  if (!plan) {
    const { code = 'INTERNAL', message = 'no plan could be made', ...details } = planFailure ?? {};
    throw new CliFailure(code, message, { ...details, data: { observed } });
  }
  const token = planToken(plan);
  // Agents come first, then what cannot be planned before.
  const isWaiting = tls?.stages.length === 0 && tls.left.length > 0;
  output.result({
    plan,
    token,
    through,
    tookMs,
    pending: !plan.empty || isWaiting,
    ...(doubted && { doubted }),
    ...(tls && { tls }),
  });
  const { colors, verbose, streams } = output;
  const options = typedOptions(planned);
  output.lines(
    renderPlan(plan, { colors, verbose, tookMs, columns: streams.columns, hosts: observed.hosts.length, options }),
  );
  output.lines(describeDoubts(doubted));
  output.lines(describeWay(tls));
  refuseForeign(plan.foreign);
  return plan.empty && plan.unseen.length === 0 && !isWaiting ? exitCodes.done : exitCodes.pending;
}

/** As the deploy itself would end. */
function refuseForeign(foreign: Plan['foreign'] = []): void {
  if (foreign.length === 0) return;
  const text = foreign.map(({ host, why }) => `${host}: ${why}`).join('; ');
  throw new CliFailure('FOREIGN_OWNER', text, { hint: takeOverHint });
}

/** What this plan is the first step of, and who will have to know of it. */
function describeWay(tls: TlsReport | undefined): string[] {
  if (!tls || tls.left.length === 0) return [];
  const [stage = 'no other state'] = tls.stages;
  const agents = tls.agents ? `; ${nameWaited(tls.agents)} come along on the way` : '';
  const way = ` TLS: this leads to ${stage}; ${tls.left.join(', ')} follow, each planned when it is reached${agents}`;
  const goal = tls.left.at(-1);
  if (goal === 'require')
    return [
      way,
      ' ! from require on the load balancers answer HTTPS alone; until then both (docs/tls.md: what clients need)',
    ];
  if (goal === 'off') return [way, ' ! from off on the load balancers answer HTTP alone; until then both'];
  return [way];
}

function typedOptions({ toVersion, batch, bake, approveEachNode }: PlannedWith): string {
  const typed = { '--to-version': toVersion, '--batch': batch, '--bake': bake };
  const given = Object.entries(typed).flatMap(([option, text]) => (text === undefined ? [] : [`${option} ${text}`]));
  return [...given, ...(approveEachNode ? ['--approve-each-node'] : [])].join(' ');
}
