import { randomBytes } from 'node:crypto';
import type { FirewallAction, FirewallInput, FirewallInspection } from '../contracts/firewall';
import { taskQueues, workflowTypes } from '../contracts/queues';
import { type Configuration, readConfiguration } from './configuration';
import { withTemporal } from './connect';
import type { Context } from './context';
import { type ExitCode, exitCodes } from './exit-codes';
import { CliFailure } from './failure';
import { rulesByHost } from './firewall-rules-text';
import { type FirewallView, renderFirewallPlan, renderFirewallStatus } from './firewall-text';
import { reachWorker } from './inspect';
import { makeOperation } from './operation-identity';
import { findPollers, requireWorker } from './pollers';
import { runOperation } from './run-operation';
import type { RunOptions } from './run-options';
import { parseDuration } from './time-text';

export interface FirewallOptions extends RunOptions {
  skipUnreachable?: boolean;
  trial?: string;
  reason?: string;
}

const lookTimeoutMs = 180_000;
export const defaultTrial = '60s';
/** Shorter than a slow login would take back what is right; longer than this nobody waits for a host that is shut. */
const [leastTrialMs, mostTrialMs] = [15_000, 600_000];

export async function planFirewall(context: Context): Promise<ExitCode> {
  const configuration = await readConfiguration(context);
  const { spec } = configuration;
  const look = await lookAtFirewall(context, configuration, 'apply');
  const hosts = look.looks.map(({ host }) => host);
  const pending = !look.plan.empty || look.plan.unseen.length > 0 || look.plan.conflicts.length > 0;
  context.output.result({ ...look, rules: rulesByHost(spec, hosts), pending });
  context.output.lines(renderFirewallPlan({ spec, look, colors: context.output.colors }));
  return pending ? exitCodes.pending : exitCodes.done;
}

export async function showFirewall(context: Context): Promise<ExitCode> {
  const configuration = await readConfiguration(context);
  const look = await lookAtFirewall(context, configuration, 'apply');
  context.output.result({ hosts: look.looks, enrolled: look.enrolled, through: look.through, tookMs: look.tookMs });
  const { lines, drifts } = renderFirewallStatus({ spec: configuration.spec, look, colors: context.output.colors });
  context.output.lines(lines);
  return drifts ? exitCodes.pending : exitCodes.done;
}

async function lookAtFirewall(
  context: Context,
  { spec }: Configuration,
  action: FirewallAction,
): Promise<FirewallView> {
  const reached = await reachWorker(context, spec.name);
  if (!('temporal' in reached)) {
    context.output.note(`${reached.because}: looked from this machine instead`);
    const { inspectFirewallLocally } = require('./local') as typeof import('./local');
    return { ...(await inspectFirewallLocally({ spec, action })), through: 'this process' };
  }
  const { temporal } = reached;
  try {
    const inspection: FirewallInspection = await temporal.client.workflow.execute(workflowTypes.inspectFirewall, {
      taskQueue: taskQueues.main,
      workflowId: `kraken-${spec.name}-inspect-${randomBytes(4).toString('hex')}`,
      args: [{ spec, action }],
      workflowExecutionTimeout: lookTimeoutMs,
      staticSummary: `look at the firewall of ${spec.name}`,
    });
    return { ...inspection, through: 'worker' };
  } finally {
    await temporal.close();
  }
}

export async function operateFirewall(
  context: Context,
  action: FirewallAction,
  options: FirewallOptions,
): Promise<ExitCode> {
  const { spec } = await readConfiguration(context);
  const trialSeconds = parseTrial(options.trial ?? defaultTrial);
  const operation = makeOperation('firewall', context.environment, options.reason);
  return withTemporal({ environment: context.environment }, async (temporal) => {
    requireWorker(await findPollers(temporal));
    const owner = { temporal: temporal.address, namespace: temporal.namespace };
    const { skipUnreachable = false } = options;
    const input: FirewallInput = { operation, spec, owner, action, skipUnreachable, trialSeconds };
    const start = { type: workflowTypes.firewall, cluster: spec.name, operation, input };
    return runOperation(context, temporal, { start, spec, options });
  });
}

function parseTrial(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= leastTrialMs && ms <= mostTrialMs) return Math.round(ms / 1000);
  throw new CliFailure('USAGE', `--trial ${text}: expected a time from 15s to 10m`);
}
