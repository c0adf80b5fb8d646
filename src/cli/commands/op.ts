import type { Command } from 'commander';
import { unfoldPlan } from '../../contracts/folded-plan';
import { type Configuration, readConfiguration } from '../configuration';
import { type Temporal, withTemporal } from '../connect';
import type { Context, Wire } from '../context';
import { CliFailure, toCliFailure } from '../failure';
import { askProgress, followOperation } from '../follow';
import { HeartbeatWatch } from '../heartbeats';
import { parseWholeNumber } from '../numbers';
import { findOperation, handleOf, listRuns, type OperationSummary } from '../operation-list';
import { renderOperation, renderOperations } from '../operation-text';
import { endFollowing } from '../run-operation';
import { type RunOptions, timeoutOption } from '../run-options';
import { uiLink } from '../temporal-address';
import { addDecisionCommands } from './op-decide';
import { addUndoCommand } from './undo';

interface ListOptions {
  limit: string;
}

const shownRuns = 20;

export function addOperationCommands(program: Command, wire: Wire): void {
  const op = program.command('op').description('operations: what ran, what runs, what holds');
  const id = ['[id]', 'operation id or short name (deploy-2); default: the newest'] as const;
  addUndoCommand(op, wire);
  op.command('list')
    .description('newest first, from Temporal and from the record on the nodes')
    .option('--limit <n>', 'at most so many', String(shownRuns))
    .action(wire<ListOptions>(list));
  op.command('show')
    .description('its stages, or why it failed')
    .argument(...id)
    .action(wire(show));
  op.command('attach')
    .description('follow it to its end')
    .argument(...id)
    .addOption(timeoutOption())
    .action(wire<Pick<RunOptions, 'timeout'>>(attach));
  addDecisionCommands(op, wire);
}

async function list(context: Context, { limit }: ListOptions): Promise<void> {
  const most = parseWholeNumber(limit, { option: '--limit', min: 1, expected: 'a whole number above 0' });
  const configuration = await readConfiguration(context);
  const { operations, missing } = await sources().gatherOperations(context, configuration, most);
  const shown = operations.slice(0, most);
  context.output.result(shown);
  for (const operation of shown) context.output.item(operation);
  context.output.lines(renderOperations(shown, { colors: context.output.colors, now: new Date(), missing }));
}

async function find(context: Context, configuration: Configuration, wanted?: string): Promise<OperationSummary> {
  const known = await sources().gatherOperations(context, configuration, shownRuns);
  const found = await sources().findKnown(context, configuration, { runs: known.operations, wanted });
  if (!found) throw sources().noSuchOperation(configuration.spec.name, known, wanted);
  for (const text of known.missing) context.output.note(` ! incomplete, without ${text}`);
  return found;
}

/** Loaded when they are asked: the way to the hosts takes longer to load than most commands to run. */
function sources(): typeof import('../operation-sources') {
  return require('../operation-sources') as typeof import('../operation-sources');
}

async function show(context: Context, _: unknown, [wanted]: string[]): Promise<void> {
  const configuration = await readConfiguration(context);
  const { output, environment } = context;
  const operation = await find(context, configuration, wanted);
  const view = { colors: output.colors, now: new Date(), columns: output.streams.columns };
  if (!operation.runId) {
    output.result({ operation });
    return output.lines(renderOperation(operation, view));
  }
  await withTemporal({ environment }, async (temporal) => {
    const handle = handleOf(temporal, operation);
    const link = uiLink(temporal, handle.workflowId, operation.runId);
    const asked = await askProgress(temporal, handle);
    const progress = asked && (await new HeartbeatWatch(handle.newest).onto(asked));
    const failure = operation.result === 'failed' ? await handle.result().catch(toCliFailure) : undefined;
    const told = progress && { ...progress, ...(progress.plan && { plan: unfoldPlan(progress.plan) }) };
    output.result({ operation, progress: told, failure: progress?.failure ?? failure, link });
    output.lines(renderOperation(operation, { ...view, progress, failure: failure as CliFailure | undefined, link }));
  });
}

/** Attaching asks Temporal alone: it must work while every host is away. */
async function findRun(temporal: Temporal, configuration: Configuration, wanted?: string): Promise<OperationSummary> {
  const { name } = configuration.spec;
  const found = await findOperation(temporal, name, { runs: await listRuns(temporal, name, shownRuns), wanted });
  if (found) return found;
  const message = wanted ? `Temporal knows no operation ${wanted}` : `no operation of ${name} yet`;
  throw new CliFailure('NO_OPERATION', message, { hint: 'krakenctl op list' });
}

async function attach(
  context: Context,
  { timeout: timeoutMs }: Pick<RunOptions, 'timeout'>,
  [wanted]: string[],
): Promise<number> {
  const configuration = await readConfiguration(context);
  return withTemporal({ environment: context.environment }, async (temporal) => {
    const run = await findRun(temporal, configuration, wanted);
    const handle = handleOf(temporal, run);
    const link = uiLink(temporal, handle.workflowId, run.runId);
    context.output.line(`${configuration.spec.name}/${run.id} by ${run.actor} · ${link}`);
    const followed = await followOperation({ context, temporal, handle, timeoutMs });
    return endFollowing(context, temporal, { followed, handle, run, spec: configuration.spec, link });
  });
}
