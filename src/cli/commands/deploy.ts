import type { Command } from 'commander';
import type { DeployInput, DeployReport, TlsRenewal } from '../../contracts/operation';
import { workflowTypes } from '../../contracts/queues';
import { type Configuration, readConfiguration } from '../configuration';
import { type Temporal, withTemporal } from '../connect';
import type { Context, Wire } from '../context';
import { type ExitCode, exitCodes } from '../exit-codes';
import { CliFailure } from '../failure';
import { makeOperation } from '../operation-identity';
import { findPollers, requireWorker } from '../pollers';
import { parseReason, reasonOption } from '../reasons';
import { addRolloutOptions, checkRolloutOptions, type RolloutOptions, readRolloutPolicy } from '../rollout-policy';
import { runOperation } from '../run-operation';
import { addRunOptions, type RunOptions } from '../run-options';
import { checkVersion, findVersionOutside, withVersionOrigin } from '../version-override';

export interface DeployOptions extends RunOptions, RolloutOptions {
  dryRun?: boolean;
  toVersion?: string;
  reason?: string;
  plan?: string;
  concurrency?: string;
  acceptNewHostKeys?: boolean;
  /** false: --no-agents */
  agents?: boolean;
  maxFailures?: string;
  /** Of `tls rotate`. */
  renew?: TlsRenewal;
}

export function addDeployCommand(program: Command, wire: Wire): void {
  const command = program
    .command('deploy')
    .description('bring the cluster to what .env says, prove it, record it')
    .option('--dry-run', 'the same as krakenctl plan')
    .option('--to-version <version>', 'this version of Kraken instead of KRAKEN_VERSION')
    .option('--plan <hash>', 'exactly this plan: refuse when it is another by now')
    .option('--concurrency <n>', 'hosts at once')
    .option('--accept-new-host-keys', 'pin the keys of hosts that are not known yet')
    .option('--no-agents', 'leave the agents of the record as they are')
    .option('--max-failures <n|p%>', 'of the agents that follow: VMs that may be left behind (default: 0)')
    .option(...reasonOption);
  addRolloutOptions(addRunOptions(command)).action(wire<DeployOptions>(deploy));
}

async function deploy(context: Context, options: DeployOptions): Promise<number> {
  checkOptions(options);
  const { concurrency, toVersion } = options;
  const read = await readConfiguration(context, { CONCURRENCY: concurrency, KRAKEN_VERSION: toVersion });
  const configuration = toVersion === undefined ? read : withVersionOrigin(read);
  readRolloutPolicy(options, configuration);
  for (const { key, message } of configuration.warnings) context.output.note(` ! ${key}: ${message}`);
  if (options.acceptNewHostKeys)
    await (require('../inspect') as typeof import('../inspect')).pinHostKeys(context, configuration);
  if (options.dryRun) {
    const { showPlan } = require('./plan') as typeof import('./plan');
    return showPlan(context, configuration, options);
  }
  return deployConfiguration(context, configuration, options);
}

/** What can be said of them before anything is read. */
function checkOptions(options: DeployOptions): void {
  if (options.plan !== undefined) requirePlanToken(options.plan);
  if (options.toVersion !== undefined) checkVersion(options.toVersion);
  checkRolloutOptions(options);
  // Judged after the rollout, it would end a deploy that went well.
  (require('../agents') as typeof import('../agents')).checkFleetOptions({ maxFailures: options.maxFailures });
  parseReason(options.reason);
}

/** A shorter text would fit many plans, and the empty one, which is what an unset variable gives, every plan. */
function requirePlanToken(text: string): void {
  if (/^[0-9a-f]{12,64}$/.test(text)) return;
  throw new CliFailure('USAGE', `--plan ${text}: expected the token of a plan, 12 to 64 of 0-9 and a-f`, {
    hint: 'krakenctl plan prints it in its last line',
  });
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
  const { configuration, options } = request;
  requireWorker(await findPollers(temporal));
  const { letAgentsIn } = require('../auth-switch') as typeof import('../auth-switch');
  const stopped = await letAgentsIn(context, temporal, request);
  if (stopped !== undefined) return stopped;
  const since = Date.now();
  const outside = options.toVersion && (await findVersionOutside(context, options.toVersion));
  const first = await deployOnce(temporal, context, request);
  const last = first.report?.tls?.agents
    ? await deployOn(temporal, context, { request, since, report: first.report })
    : first;
  if ('stopped' in last) return last.stopped;
  const { code, report } = last;
  if (outside && code === exitCodes.done)
    context.output.line(` i ${outside}: the next deploy without --to-version goes there`);
  const { endWithAgents } = require('../agents-follow') as typeof import('../agents-follow');
  const ended = await endWithAgents(context, temporal, { spec: configuration.spec, options, since, code, report });
  // Somebody changed the cluster while its agents followed, so TLS is still to go on.
  return ended === exitCodes.done && report?.tls?.agents && options.agents !== false ? exitCodes.partial : ended;
}

interface Deployed {
  code: ExitCode;
  /** Of one that was followed to a good end. */
  report?: DeployReport;
}

/** The rest of a change of TLS, for which agents had to follow. */
async function deployOn(
  temporal: Temporal,
  context: Context,
  { request, since, report }: { request: Request; since: number; report: DeployReport },
): Promise<Deployed | { stopped: ExitCode }> {
  const { configuration, options } = request;
  const { bringAgentsToTls } = require('../tls-agents') as typeof import('../tls-agents');
  const rest = () => ({ ...options, timeout: options.timeout && Math.max(1, options.timeout - (Date.now() - since)) });
  const stopped = await bringAgentsToTls(context, temporal, { spec: configuration.spec, options: rest(), report });
  if (stopped !== undefined) return { stopped };
  // That authority is believed by now; it is gone on with, and no other is made.
  const renew = options.renew === 'authority' ? undefined : options.renew;
  const again = { ...rest(), plan: undefined, renew };
  return deployOnce(temporal, context, { configuration, options: again }, report.generation);
}

async function deployOnce(
  temporal: Temporal,
  context: Context,
  { configuration, options }: Request,
  agentsAt?: number,
): Promise<Deployed> {
  const { spec, origins, rollout } = configuration;
  const { renew } = options;
  const operation = makeOperation(renew ? 'rotate' : 'deploy', context.environment, options.reason);
  const owner = { temporal: temporal.address, namespace: temporal.namespace };
  const policy = readRolloutPolicy(options, configuration);
  const input: DeployInput = {
    operation,
    spec,
    origins,
    owner,
    planHash: options.plan,
    policy,
    lasting: rollout,
    ...(renew && { renew }),
    ...(agentsAt !== undefined && { agentsAt }),
  };
  const start = { type: workflowTypes.deploy, cluster: spec.name, operation, input };
  let report: DeployReport | undefined;
  const onReport = (ended: unknown) => {
    report = ended as DeployReport;
  };
  const code = await runOperation(context, temporal, { start, spec, options, onReport });
  return { code, report };
}
