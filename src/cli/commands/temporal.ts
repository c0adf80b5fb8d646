import type { Command } from 'commander';
import { agree, requireAgreeable } from '../confirmation';
import type { Context, Wire } from '../context';
import { exitCodes } from '../exit-codes';
import { CliFailure } from '../failure';
import { parseWholeNumber } from '../numbers';
import type { ServerState } from '../temporal/dev-server';
import { showDuration } from '../time-text';
import { addTemporalKeysCommands } from './temporal-keys';

export function addTemporalCommands(program: Command, wire: Wire): void {
  const temporal = program.command('temporal').description('a Temporal server with its Web UI, for this machine');
  temporal
    .command('up')
    .description('start it, or say that one serves already')
    .option('--port <port>', 'gRPC port; the Web UI gets it plus 1000')
    .action(wire<{ port?: string }>(up));
  temporal.command('status').description('where it is, whether it serves').action(wire(status));
  temporal
    .command('down')
    .description('stop the server that `temporal up` started')
    .option('--purge', 'its data too: the histories of all operations')
    .action(wire<{ purge?: boolean }>(down));
  addTemporalKeysCommands(temporal, wire);
}

async function up({ output, environment }: Context, options: { port?: string }): Promise<void> {
  const { serverUp } = require('../temporal/dev-server') as typeof import('../temporal/dev-server');
  const startedAt = Date.now();
  const port = options.port === undefined ? undefined : parsePort(options.port);
  const state = await serverUp({ environment, port, note: (text) => output.note(text) });
  output.result(state);
  const took = state.started ? ` in ${showDuration(Date.now() - startedAt)}` : ', as before';
  output.line(
    `${output.colors.green('✔')} temporal serves at ${state.address}${took} · ${state.ui}${describeWhose(state)}`,
  );
}

async function status({ output, environment }: Context): Promise<number> {
  const { serverState } = require('../temporal/dev-server') as typeof import('../temporal/dev-server');
  const state = await serverState(environment);
  output.result(state);
  if (!state.serving) {
    throw new CliFailure('TEMPORAL_UNREACHABLE', `Temporal does not answer at ${state.address}`, {
      retryable: true,
      hint: state.whose === 'configured' ? 'check TEMPORAL_ADDRESS and what listens there' : 'krakenctl temporal up',
      data: state,
    });
  }
  output.line(`serving at ${state.address}, namespace ${state.namespace} · ${state.ui}${describeWhose(state)}`);
  return exitCodes.done;
}

const purging = {
  action: 'remove the histories of all operations, those under way too',
  word: 'histories',
};

async function down(context: Context, options: { purge?: boolean }): Promise<void> {
  const { output, environment } = context;
  if (options.purge) {
    requireAgreeable(context, purging);
    await agree(context, purging);
  }
  const { serverDown } = require('../temporal/dev-server') as typeof import('../temporal/dev-server');
  const result = await serverDown(environment, options.purge === true);
  output.result(result);
  const what = result.stopped ? 'stopped' : 'none of ours was running';
  output.line(`temporal ${what}${options.purge ? ', its data and program removed' : ', its data kept'}`);
}

function describeWhose({ whose, data, pid }: ServerState): string {
  if (whose === 'ours') return ` · dev server, pid ${pid}, data in ${data}`;
  if (whose === 'configured') return ' · named by TEMPORAL_ADDRESS or a profile';
  return ' · not started by krakenctl';
}

function parsePort(text: string): number {
  return parseWholeNumber(text, { option: '--port', min: 1024, max: 64535, expected: 'a port, 1024 to 64535' });
}
