import { randomBytes } from 'node:crypto';
import type { DestroyPlan } from '../cluster/destroy-plan';
import type { DestroyChoice, DestroyInput } from '../contracts/operation';
import { taskQueues, workflowTypes } from '../contracts/queues';
import { readConfiguration } from './configuration';
import { confirmByName, requireConfirmable } from './confirmation';
import { type Temporal, withTemporal } from './connect';
import type { Context } from './context';
import { describeDestroy, describeDestroyPlan } from './destroy-text';
import { exitCodes } from './exit-codes';
import { CliFailure } from './failure';
import { makeOperation } from './operation-identity';
import { findPollers, requireWorker } from './pollers';
import { runOperation } from './run-operation';
import type { RunOptions } from './run-options';
import { takeOverHint } from './take-over-text';

export interface DestroyOptions extends RunOptions {
  confirm?: string;
  keepData?: boolean;
  skipUnreachable?: boolean;
}

const lookTimeoutMs = 180_000;

/** Shows what will be removed, asks for the cluster's name, and removes exactly that. */
export async function destroyCluster(context: Context, options: DestroyOptions): Promise<number> {
  const { spec } = await readConfiguration(context);
  const confirmation = { cluster: spec.name, given: options.confirm, action: 'destroy it' };
  requireConfirmable(context, confirmation);
  const { keepData = false, skipUnreachable = false } = options;
  const choice: DestroyChoice = { spec, keepData, skipUnreachable };
  return withTemporal({ environment: context.environment }, async (temporal) => {
    requireWorker(await findPollers(temporal));
    const plan = await lookForRemains(temporal, choice);
    refuse(plan, skipUnreachable);
    if (plan.empty && plan.left.length === 0) {
      context.output.result({ changed: false, plan });
      const operation = { id: '', verb: 'destroy', actor: '' };
      context.output.lines(describeDestroy({ operation, name: '', changed: false, plan }, context.output).lines);
      return exitCodes.done;
    }
    context.output.lines(describeDestroyPlan(plan, context.output.colors));
    await confirmByName(confirmation);
    const operation = makeOperation('destroy', context.environment);
    const owner = { temporal: temporal.address, namespace: temporal.namespace };
    const input: DestroyInput = { ...choice, operation, owner, planHash: plan.hash };
    const start = { type: workflowTypes.destroy, cluster: spec.name, operation, input };
    return runOperation(context, temporal, { start, spec, options });
  });
}

function lookForRemains(temporal: Temporal, choice: DestroyChoice): Promise<DestroyPlan> {
  return temporal.client.workflow.execute(workflowTypes.inspectRemains, {
    taskQueue: taskQueues.main,
    workflowId: `kraken-${choice.spec.name}-inspect-${randomBytes(4).toString('hex')}`,
    args: [choice],
    workflowExecutionTimeout: lookTimeoutMs,
    staticSummary: `look for what is left of ${choice.spec.name}`,
  });
}

/** Said before anybody types a name; the operation itself looks again and refuses the same. */
function refuse(plan: DestroyPlan, skipUnreachable: boolean): void {
  const [foreign] = plan.foreign;
  if (foreign) {
    const text = plan.foreign.map((f) => `${f.host}: ${f.why}`).join('\n');
    throw new CliFailure('FOREIGN_OWNER', `nothing was removed\n${text}`, {
      host: foreign.host,
      hint: takeOverHint,
      data: { plan },
    });
  }
  const [conflict] = plan.conflicts;
  if (conflict) {
    const text = plan.conflicts.map((c) => `${c.host}: ${c.what}: ${c.why}`).join('\n');
    const hint = 'mend it by hand on that host, then destroy again';
    throw new CliFailure('FOREIGN_RESOURCE', `nothing was removed\n${text}`, {
      host: conflict.host,
      hint,
      data: { plan },
    });
  }
  const [unseen] = plan.unseen;
  if (!unseen || skipUnreachable) return;
  const text = plan.unseen.map((u) => `${u.host}: ${u.error}`).join('\n');
  throw new CliFailure('HOST_UNREACHABLE', `not every host can be seen, nothing was removed\n${text}`, {
    host: unseen.host,
    retryable: true,
    hint: 'wait for it, or leave it as it is: --skip-unreachable',
    data: { plan },
  });
}
