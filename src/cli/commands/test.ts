import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import type { ProofReport, SmokeInput } from '../../contracts/operation';
import { taskQueues, workflowTypes } from '../../contracts/queues';
import { readConfiguration } from '../configuration';
import { type Temporal, withTemporal } from '../connect';
import type { Context, Wire } from '../context';
import { exitCodes } from '../exit-codes';
import { followOperation } from '../follow';
import { OperationHandle } from '../operation-handle';
import { makeOperation } from '../operation-identity';
import { findPollers, requireWorker } from '../pollers';
import { uiLink } from '../temporal-address';
import { showBrief } from '../time-text';

export function addTestCommands(program: Command, wire: Wire): void {
  const test = program.command('test').description('tests against the living cluster');
  test
    .command('smoke')
    .description('push a canary, pull it by digest through another node, see its announce in Redis')
    .action(wire(smoke));
}

function smoke(context: Context): Promise<number> {
  return withTemporal({ environment: context.environment }, (temporal) => smokeThrough(temporal, context));
}

async function smokeThrough(temporal: Temporal, context: Context): Promise<number> {
  const { output } = context;
  requireWorker(await findPollers(temporal));
  const { spec } = await readConfiguration(context);
  const input: SmokeInput = { operation: makeOperation('smoke', context.environment), spec };
  const workflowId = `kraken-${spec.name}-smoke-${randomBytes(2).toString('hex')}`;
  // Beside a running operation: it changes nothing but the canary's own blobs.
  const { firstExecutionRunId: runId } = await temporal.client.workflow.start(workflowTypes.smoke, {
    taskQueue: taskQueues.main,
    workflowId,
    args: [input],
    staticSummary: `smoke test of ${spec.name} by ${input.operation.actor}`,
  });
  output.line(`${spec.name}/${input.operation.id} · ${uiLink(temporal, workflowId, runId)}`);
  const handle = new OperationHandle(temporal, { id: input.operation.id, workflowId, runId });
  const followed = await followOperation({ context, temporal, handle });
  if (followed.kind === 'failed') throw followed.failure;
  if (followed.kind === 'detached') return exitCodes.detached;
  const proof = followed.result as ProofReport;
  output.result(proof);
  output.lines(describeProof(proof));
  return exitCodes.done;
}

function describeProof(proof: ProofReport): string[] {
  return [
    ` pushed through ${proof.pushedThrough} in ${showBrief(proof.pushMs)}`,
    ` pulled ${proof.canaryDigest.slice(0, 19)}… through ${proof.pulledThrough} in ${showBrief(proof.pullMs)}`,
    ` announced through ${proof.announcedThrough}, seen in Redis as ${proof.announceKey}`,
    'the cluster takes a push, gives it back by digest, and knows its peers',
  ];
}
