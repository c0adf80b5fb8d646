import type { Command } from 'commander';
import type { DecisionRequest } from '../../contracts/operation';
import type { DecisionUpdate } from '../../contracts/queues';
import { readConfiguration } from '../configuration';
import { type Temporal, withTemporal } from '../connect';
import type { Context, Wire } from '../context';
import { cancelRun, decide, describeResult, findRunning, nameOf } from '../decisions';
import { askProgress } from '../follow';
import { nameActor } from '../operation-identity';
import { handleOf, type OperationSummary } from '../operation-list';
import { parseReason, reasonOption } from '../reasons';

interface DecisionOptions {
  reason?: string;
  deny?: boolean;
  at?: string;
}

export function addDecisionCommands(op: Command, wire: Wire): void {
  const id = ['[id]', 'operation id or short name (deploy-2); default: the one that runs'] as const;
  op.command('pause')
    .description('hold it at its next safe point: before the next node, or the next VM')
    .argument(...id)
    .option(...reasonOption)
    .action(wire<DecisionOptions>((context, options, [wanted]) => tell(context, { verb: 'pause', options, wanted })));
  op.command('resume')
    .description('let go of what was paused')
    .argument(...id)
    .option(...reasonOption)
    .action(wire<DecisionOptions>((context, options, [wanted]) => tell(context, { verb: 'resume', options, wanted })));
  op.command('approve')
    .description('let it go on with the node that waits for an approval')
    .argument(...id)
    .option(...reasonOption)
    .option('--deny', 'it ends there instead, and touches nothing further (exit 8)')
    .option('--at <point>', 'only where this waits: node-2')
    .action(
      wire<DecisionOptions>((context, options, [wanted]) =>
        tell(context, { verb: options.deny ? 'deny' : 'approve', options, wanted }),
      ),
    );
  op.command('cancel')
    .description('end it after the node or the step it is at')
    .argument(...id)
    .option(...reasonOption)
    .action(wire<DecisionOptions>(cancel));
}

function requestOf({ environment }: Context, { reason: text }: DecisionOptions): DecisionRequest {
  const reason = parseReason(text);
  return { actor: nameActor(environment), ...(reason && { reason }) };
}

interface Telling {
  verb: DecisionUpdate;
  options: DecisionOptions;
  wanted?: string;
}

async function tell(context: Context, { verb, options, wanted }: Telling): Promise<void> {
  const request = requestOf(context, options);
  const { spec } = await readConfiguration(context);
  await withTemporal({ environment: context.environment }, async (temporal) => {
    const run = await findRunning(temporal, spec.name, wanted);
    const isAnswer = verb === 'approve' || verb === 'deny';
    const point = isAnswer ? (options.at ?? (await waitingPoint(temporal, run))) : undefined;
    const result = await decide(temporal, run, { verb, request: { ...request, ...(point && { point }) } });
    const { what: _, ...where } = result;
    context.output.result({ operation: run.id, [result.what]: true, ...where });
    context.output.line(describeResult(run, result));
  });
}

/** What is seen waiting now is what is approved, and not what another's approval makes wait in its place. */
async function waitingPoint(temporal: Temporal, run: OperationSummary): Promise<string | undefined> {
  const progress = await askProgress(temporal, handleOf(temporal, run));
  return progress?.hold?.kind === 'approval' ? progress.hold.point : undefined;
}

async function cancel(context: Context, options: DecisionOptions, [wanted]: string[]): Promise<void> {
  const request = requestOf(context, options);
  const { spec } = await readConfiguration(context);
  await withTemporal({ environment: context.environment }, async (temporal) => {
    const run = await findRunning(temporal, spec.name, wanted);
    await cancelRun(temporal, run, request);
    context.output.result({ operation: run.id, name: run.name, cancelled: true });
    context.output.line(
      `${run.id} is asked to stop: it brings the node or the step it is at to its end, and begins no other`,
    );
    context.output.line(` watch: krakenctl op attach ${nameOf(run)} · what is left then: krakenctl plan`);
  });
}
