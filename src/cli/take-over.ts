import { randomBytes } from 'node:crypto';
import type { TakeOverPlan } from '../contracts/activities';
import type { TakeOverInput } from '../contracts/operation';
import { taskQueues, workflowTypes } from '../contracts/queues';
import { type Configuration, readConfiguration } from './configuration';
import { confirmByName, requireConfirmable } from './confirmation';
import { type Temporal, withTemporal } from './connect';
import type { Context } from './context';
import { exitCodes } from './exit-codes';
import { CliFailure } from './failure';
import { makeOperation } from './operation-identity';
import { findPollers, requireWorker } from './pollers';
import { runOperation } from './run-operation';
import type { RunOptions } from './run-options';
import { describeOwnership } from './take-over-text';

export interface TakeOverOptions extends RunOptions {
  confirm?: string;
}

const lookTimeoutMs = 180_000;

/** Shows whose the cluster is, asks for its name, and makes it ours. */
export async function takeOverCluster(context: Context, options: TakeOverOptions): Promise<number> {
  const configuration = await readConfiguration(context);
  const { spec } = configuration;
  const confirmation = { cluster: spec.name, given: options.confirm, action: 'take it over' };
  requireConfirmable(context, confirmation);
  return withTemporal({ environment: context.environment }, async (temporal) => {
    requireWorker(await findPollers(temporal));
    const { ownership, verdict } = await lookAtOwners(temporal, configuration);
    if (verdict.kind === 'nothing') {
      context.output.result({ changed: false, ownership });
      context.output.line(context.output.colors.green(`nothing to do: ${verdict.why}`));
      return exitCodes.done;
    }
    context.output.lines(describeOwnership(spec.name, ownership, context.output.colors, new Date()));
    if (verdict.kind === 'refused') {
      const hint = 'krakenctl status shows which hosts answer';
      throw new CliFailure('HOST_UNREACHABLE', verdict.why, { retryable: true, hint, data: { ownership } });
    }
    await confirmByName(confirmation);
    const operation = makeOperation('takeover', context.environment);
    const owner = { temporal: temporal.address, namespace: temporal.namespace };
    const from = verdict.from.map(({ id }) => id);
    const input: TakeOverInput = { operation, spec, owner, from };
    const start = { type: workflowTypes.takeOver, cluster: spec.name, operation, input };
    return runOperation(context, temporal, { start, spec, options });
  });
}

function lookAtOwners(temporal: Temporal, { spec }: Configuration): Promise<TakeOverPlan> {
  return temporal.client.workflow.execute(workflowTypes.inspectOwnership, {
    taskQueue: taskQueues.main,
    workflowId: `kraken-${spec.name}-inspect-${randomBytes(4).toString('hex')}`,
    args: [{ spec }],
    workflowExecutionTimeout: lookTimeoutMs,
    staticSummary: `look at the owners of ${spec.name}`,
  });
}
