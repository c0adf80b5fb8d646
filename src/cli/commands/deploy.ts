import type { Command } from 'commander';
import type { ClusterSpec } from '../../cluster/spec';
import type { DeployInput, DeployReport } from '../../contracts/operation';
import { workflowTypes } from '../../contracts/queues';
import { type Configuration, readConfiguration } from '../configuration';
import { type Temporal, withTemporal } from '../connect';
import type { Context, Wire } from '../context';
import { describeDeploy } from '../deploy-text';
import { exitCodes } from '../exit-codes';
import { CliFailure } from '../failure';
import { type Followed, followOperation } from '../follow';
import { makeOperation } from '../operation-identity';
import { type StartedOperation, startWhenFree } from '../operations';
import { findPollers, requireWorker } from '../pollers';
import { uiLink } from '../temporal-address';
import { parseDuration } from '../time-text';

export interface DeployOptions {
  dryRun?: boolean;
  plan?: string;
  detach?: boolean;
  waitLock?: string | boolean;
  concurrency?: string;
  acceptNewHostKeys?: boolean;
}

const defaultWaitMs = 60_000;

export function addDeployCommand(program: Command, wire: Wire): void {
  program
    .command('deploy')
    .description('bring the cluster to what .env says, prove it, record it')
    .option('--dry-run', 'the same as krakenctl plan')
    .option('--plan <hash>', 'exactly this plan: refuse when it is another by now')
    .option('--detach', 'start it and return its id')
    .option('--wait-lock [duration]', 'when another operation runs, wait for its end (60s, 5m)')
    .option('--concurrency <n>', 'hosts at once')
    .option('--accept-new-host-keys', 'pin the keys of hosts that are not known yet')
    .action(wire<DeployOptions>(deploy));
}

async function deploy(context: Context, options: DeployOptions): Promise<number> {
  const configuration = await readConfiguration(context, { CONCURRENCY: options.concurrency });
  for (const { key, message } of configuration.warnings) context.output.note(` ! ${key}: ${message}`);
  if (options.acceptNewHostKeys)
    await (require('../inspect') as typeof import('../inspect')).pinHostKeys(context, configuration);
  if (options.dryRun) return (require('./plan') as typeof import('./plan')).showPlan(context, configuration);
  return deployConfiguration(context, configuration, options);
}

export function deployConfiguration(
  context: Context,
  configuration: Configuration,
  options: DeployOptions,
): Promise<number> {
  return withTemporal({ environment: context.environment }, (temporal) =>
    deployThrough(temporal, context, { configuration, options }),
  );
}

interface Request {
  configuration: Configuration;
  options: DeployOptions;
}

async function deployThrough(temporal: Temporal, context: Context, request: Request): Promise<number> {
  requireWorker(await findPollers(temporal));
  const { spec, origins } = request.configuration;
  const operation = makeOperation('deploy', context.environment);
  const owner = { temporal: temporal.address, namespace: temporal.namespace };
  const input: DeployInput = { operation, spec, origins, owner, planHash: request.options.plan };
  const started = await startWhenFree(
    temporal,
    { type: workflowTypes.deploy, cluster: spec.name, operation, input },
    { limitMs: waitLimit(request.options.waitLock), note: (text) => context.output.note(text) },
  );
  const link = uiLink(temporal, started.workflowId, started.runId);
  context.output.line(`${spec.name}/${operation.id} by ${operation.actor} · ${link}`);
  if (request.options.detach) return detach(context, { started, link });
  const followed = await followOperation({ context, temporal, handle: started.handle });
  return conclude(context, followed, { spec, operation: operation.id, link });
}

function waitLimit(waitLock: string | boolean | undefined): number {
  if (waitLock === undefined || waitLock === false) return 0;
  if (waitLock === true) return defaultWaitMs;
  const limit = parseDuration(waitLock);
  if (limit === undefined) throw new CliFailure('USAGE', `--wait-lock ${waitLock}: expected a time such as 60s or 5m`);
  return limit;
}

function detach(context: Context, { started, link }: { started: StartedOperation; link: string }): number {
  const { operation, workflowId, runId } = started;
  context.output.result({ operation, workflowId, runId, link, detached: true });
  context.output.lines([` watch: krakenctl op attach · stop safely: krakenctl op cancel`]);
  return exitCodes.done;
}

export interface Conclusion {
  spec?: ClusterSpec;
  operation: string;
  link: string;
}

/** What every followed deploy ends with, also one that was attached to later. */
export function conclude(context: Context, followed: Followed, { spec, operation, link }: Conclusion): number {
  const { output } = context;
  if (followed.kind === 'detached') {
    const name = followed.progress?.name ?? operation;
    output.line(`detached; ${name} goes on without this terminal`);
    output.line(' watch: krakenctl op attach · stop safely: krakenctl op cancel');
    output.result({ operation, link, detached: true });
    return exitCodes.detached;
  }
  if (followed.kind === 'failed') throw withOperation(followed.failure, { operation, link });
  const report = followed.result as DeployReport;
  output.result({ ...report, link });
  output.lines(describeDeploy(report, { colors: output.colors, progress: followed.progress, spec }));
  output.detail(`history: ${link}`);
  return exitCodes.done;
}

function withOperation(failure: CliFailure, facts: { operation: string; link: string }): CliFailure {
  const { code, message, host, hint, retryable, cause } = failure;
  const next = hint ?? 'krakenctl op show';
  return new CliFailure(code, message, { host, hint: next, retryable, cause, data: facts });
}
