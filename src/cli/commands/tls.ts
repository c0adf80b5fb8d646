import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { taskQueues, workflowTypes } from '../../contracts/queues';
import type { TlsInspection } from '../../contracts/tls';
import { type Configuration, readConfiguration } from '../configuration';
import type { Context, Wire } from '../context';
import { type ExitCode, exitCodes } from '../exit-codes';
import { CliFailure } from '../failure';
import { reachWorker, stewardOf } from '../inspect';
import { parseReason, reasonOption } from '../reasons';
import { addRolloutOptions, checkRolloutOptions } from '../rollout-policy';
import { addRunOptions } from '../run-options';
import type { StewardView } from '../steward';
import { renderSteward } from '../steward-text';
import { renderTlsStatus, troubleOf } from '../tls-text';
import type { DeployOptions } from './deploy';
import { addTlsScheduleCommands } from './tls-schedule';

interface RotateOptions extends DeployOptions {
  ca?: boolean;
}

const lookTimeoutMs = 90_000;

export function addTlsCommands(program: Command, wire: Wire): void {
  const tls = program.command('tls').description('certificates of the parts: what each port shows, and new ones');
  tls
    .command('status')
    .description('a handshake with every port: serial, names, end (exit 3: others than recorded), and the steward')
    .action(wire((context) => showStatus(context)));
  addTlsScheduleCommands(tls, wire);
  const rotate = tls
    .command('rotate')
    .description('new certificates for all parts, by a rollout; those of before are good until theirs is replaced')
    .option('--ca', 'a new authority too: believed by all beside the old one, then shown, then the old one forgotten')
    .option(...reasonOption);
  addRolloutOptions(addRunOptions(rotate)).action(wire<RotateOptions>(rotateAll));
}

async function showStatus(context: Context): Promise<ExitCode> {
  const configuration = await readConfiguration(context);
  const { steward, ...look } = await lookAtTls(context, configuration);
  const nowMs = Date.now();
  const troubled = look.endpoints.filter((endpoint) => troubleOf(endpoint, nowMs) !== undefined);
  const pending = troubled.length + look.unseen.length > 0;
  context.output.result({ ...look, steward: steward ?? null, pending });
  const view = { cluster: configuration.spec.name, colors: context.output.colors, nowMs };
  const kept = steward && look.stage !== 'off' ? renderSteward(steward, view.colors) : [];
  context.output.lines([...renderTlsStatus(look, view), ...kept]);
  return pending ? exitCodes.pending : exitCodes.done;
}

/** The steward: where Temporal was asked. */
async function lookAtTls(
  context: Context,
  { spec }: Configuration,
): Promise<TlsInspection & { steward?: StewardView }> {
  const reached = await reachWorker(context, spec.name);
  if (!('temporal' in reached)) {
    context.output.note(`${reached.because}: looked from this machine instead`);
    const { inspectTlsLocally } = require('../local') as typeof import('../local');
    return inspectTlsLocally({ spec });
  }
  const { temporal } = reached;
  try {
    const looking: Promise<TlsInspection> = temporal.client.workflow.execute(workflowTypes.inspectTls, {
      taskQueue: taskQueues.main,
      workflowId: `kraken-${spec.name}-inspect-${randomBytes(4).toString('hex')}`,
      args: [{ spec }],
      workflowExecutionTimeout: lookTimeoutMs,
      staticSummary: `look at the certificates of ${spec.name}`,
    });
    const [look, steward] = await Promise.all([looking, stewardOf(temporal, { spec })]);
    return { ...look, steward };
  } finally {
    await temporal.close();
  }
}

async function rotateAll(context: Context, options: RotateOptions): Promise<number> {
  checkRolloutOptions(options);
  parseReason(options.reason);
  const configuration = await readConfiguration(context);
  if (!configuration.spec.tls) {
    const text = 'ENABLE_TLS false: there are no certificates to rotate; expected ENABLE_TLS=true';
    throw new CliFailure('USAGE', text, { hint: 'docs/tls.md' });
  }
  const { deployConfiguration } = require('./deploy') as typeof import('./deploy');
  const renew = options.ca ? 'authority' : 'certificates';
  return deployConfiguration(context, configuration, { ...options, renew });
}
