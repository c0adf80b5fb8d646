import type { Command } from 'commander';
import type { Observed } from '../../cluster/observed';
import { judgeUndo } from '../../cluster/undo';
import type { DeployInput, DeployReport } from '../../contracts/operation';
import { workflowTypes } from '../../contracts/queues';
import { type Configuration, readConfiguration } from '../configuration';
import { type Temporal, withTemporal } from '../connect';
import type { Context, Wire } from '../context';
import { exitCodes } from '../exit-codes';
import { CliFailure } from '../failure';
import { lookAtCluster } from '../inspect';
import { makeOperation } from '../operation-identity';
import { findPollers, requireWorker } from '../pollers';
import { parseReason, reasonOption } from '../reasons';
import { addRolloutOptions, checkRolloutOptions, type RolloutOptions, readRolloutPolicy } from '../rollout-policy';
import { runOperation } from '../run-operation';
import { addRunOptions, type RunOptions } from '../run-options';
import { describeUnseen } from '../unseen-text';

interface UndoOptions extends RunOptions, RolloutOptions {
  reason?: string;
  /** false: --no-agents */
  agents?: boolean;
  maxFailures?: string;
}

export function addUndoCommand(op: Command, wire: Wire): void {
  const command = op
    .command('undo')
    .description('take back what an operation brought: the state before it, as a rollout like any other')
    .argument('[id]', 'operation id or short name (deploy-2); default: what was applied last')
    .option('--no-agents', 'leave the agents of the record as they are')
    .option(...reasonOption);
  addRolloutOptions(addRunOptions(command)).action(wire<UndoOptions>(undo));
}

async function undo(context: Context, options: UndoOptions, [wanted]: string[]): Promise<number> {
  checkRolloutOptions(options);
  parseReason(options.reason);
  const configuration = await readConfiguration(context);
  const { observed, record } = await lookAtCluster(context, configuration, { probe: false });
  requireRecordSeen(context, observed, record !== undefined);
  const verdict = judgeUndo(record, wanted);
  if (verdict.state === 'refused') throw new CliFailure('UNDO_REFUSED', verdict.why, { hint: verdict.hint });
  const { operation, generation, spec: now } = record!;
  const { to, spec } = verdict;
  const versions = `${now.images.version} → ${to.spec.images.version}`;
  context.output.line(`undo ${operation.name}: back to the state of ${to.operation.name} (${versions})`);
  const undone = { images: to.images, takesBack: generation, operation: operation.name };
  return withTemporal({ environment: context.environment }, (temporal) =>
    undoThrough(temporal, context, { configuration: { ...configuration, spec }, options, undone }),
  );
}

/** Whether something is recorded cannot be said where too few nodes were seen. */
function requireRecordSeen({ output }: Context, { hosts }: Observed, isKnown: boolean): void {
  const unseen = hosts.flatMap((h) => (h.reachable ? [] : [h]));
  const texts = unseen.map(describeUnseen);
  if (!isKnown && unseen.length > 0) {
    const text = `the record of a majority of the nodes could not be read; nothing was done\n${texts.join('\n')}`;
    throw new CliFailure('HOST_UNREACHABLE', text, {
      retryable: true,
      hint: 'krakenctl status',
      data: { missing: texts },
    });
  }
  for (const text of texts) output.line(output.colors.yellow(` ! not seen: ${text}`));
}

interface Request {
  configuration: Configuration;
  options: UndoOptions;
  undone: NonNullable<DeployInput['undo']>;
}

async function undoThrough(temporal: Temporal, context: Context, request: Request): Promise<number> {
  const { configuration, options, undone } = request;
  const { spec, rollout: lasting } = configuration;
  requireWorker(await findPollers(temporal));
  const operation = makeOperation('undo', context.environment, options.reason);
  const owner = { temporal: temporal.address, namespace: temporal.namespace };
  const policy = readRolloutPolicy(options, configuration);
  const input: DeployInput = { operation, spec, origins: {}, owner, policy, lasting, undo: undone };
  let report: DeployReport | undefined;
  const onReport = (ended: unknown) => {
    report = ended as DeployReport;
  };
  const start = { type: workflowTypes.deploy, cluster: spec.name, operation, input };
  const since = Date.now();
  const code = await runOperation(context, temporal, { start, spec, options, onReport });
  if (code === exitCodes.done)
    context.output.line(` i your .env still says what ${undone.operation} brought: the next deploy brings it again`);
  const { endWithAgents } = require('../agents-follow') as typeof import('../agents-follow');
  return endWithAgents(context, temporal, { spec, options, since, code, report });
}
