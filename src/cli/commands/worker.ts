import { hostname } from 'node:os';
import type { Command } from 'commander';
import type { Context, Wire } from '../context';
import { CliFailure } from '../failure';
import type { Remark } from '../log-line';
import { renderPollers } from '../poller-text';
import { readVersion, workerVersion } from '../version';
import { startWorker, stopWorker, workerState } from '../worker-process';
import { renderVersions } from '../worker-versions';
import { addWorkerServiceCommands } from './worker-service';

interface StatusOptions {
  here?: boolean;
}

interface WorkerOptions {
  acceptNewHostKeys?: boolean;
}

const pinning = ['--accept-new-host-keys', 'pin the keys of hosts that are not known yet'] as const;

export function addWorkerCommands(program: Command, wire: Wire): void {
  const worker = program
    .command('worker')
    .description('the process that does the work: runs workflows, reaches the hosts');
  worker
    .command('run')
    .description('in the foreground, until SIGTERM or Ctrl-C')
    .option(...pinning)
    .action(wire<WorkerOptions>(run));
  worker
    .command('start')
    .description('in the background; returns when it polls')
    .option(...pinning)
    .action(wire<WorkerOptions>(start));
  worker.command('stop').description('let what runs come to an end, then stop').action(wire(stop));
  worker
    .command('status')
    .description('which workers poll, where each runs, and on which workflow code')
    .option('--here', 'of this host alone: for health checks')
    .action(wire<StatusOptions>(status));
  addWorkerServiceCommands(worker, wire);
}

async function run(context: Context, options: WorkerOptions): Promise<void> {
  const { output, environment, signal } = context;
  const { resolveAddress } = require('../temporal-address') as typeof import('../temporal-address');
  const { connectTemporal } = require('../connect') as typeof import('../connect');
  const { findPollers, isAlive, workerIdentity } = require('../pollers') as typeof import('../pollers');
  // Fails with the line to type, where the worker's own connection would only say "transport error".
  const temporal = await connectTemporal({ environment });
  await findPollers(temporal).finally(() => temporal.close());
  // The worker reads the environment; a dev server on another port is known to the CLI alone.
  process.env.TEMPORAL_ADDRESS ??= resolveAddress(environment).address;
  const { runWorker } = require('../../workers/run') as typeof import('../../workers/run');
  const identity = workerIdentity();
  await runWorker({
    identity,
    release: readVersion(),
    acceptNewHostKeys: options.acceptNewHostKeys,
    isAlive,
    signal,
    note: (text) => output.note(text),
    ...(output.logFormat === 'json' && { log: (entry) => output.log(readEntry(entry), entry.meta) }),
    onReady: () => output.note(`${identity} polls at ${process.env.TEMPORAL_ADDRESS}`),
  });
  output.result({ identity, stopped: true });
  output.line('worker stopped');
}

/** Levels of Temporal's SDK are those of its native half too. */
function readEntry({ level, message }: { level: string; message: string }): Remark {
  const known = { TRACE: 'debug', DEBUG: 'debug', INFO: 'info', ERROR: 'error' } as const;
  return { level: known[level as keyof typeof known] ?? 'warn', message };
}

async function start({ output, environment }: Context, options: WorkerOptions): Promise<void> {
  const { logFormat } = output;
  const state = await startWorker({ environment, logFormat, acceptNewHostKeys: options.acceptNewHostKeys });
  output.result(state);
  const how = state.started ? 'started' : 'runs already';
  const log = state.ours ? ` · log ${state.log}` : '';
  output.line(`${output.colors.green('✔')} worker ${how}, pid ${state.pid}, version ${workerVersion()}${log}`);
  const own = state.pollers.find(({ pid, host }) => pid === state.pid && host === hostname());
  if (own && !own.takesNew) output.line(' ! a newer release takes new operations; this one ends what its own began');
  const others = state.pollers.filter(({ pid, host }) => pid !== state.pid || host !== hostname());
  if (others.length > 0) output.line(` ${others.length} more: krakenctl worker status`);
}

async function stop({ output, environment }: Context): Promise<void> {
  const stopped = await stopWorker(environment);
  output.result({ stopped });
  output.line(stopped ? 'worker stopped' : 'no worker of ours was running');
}

async function status({ output, environment }: Context, { here }: StatusOptions): Promise<void> {
  const all = await workerState(environment);
  const pollers = here ? all.pollers.filter(({ host }) => host === hostname()) : all.pollers;
  const state = { ...all, pollers };
  output.result(state);
  output.lines(renderPollers(pollers, { now: Date.now(), version: workerVersion() }));
  if (!here) output.lines(renderVersions(all.versions));
  if (state.pid) output.line(`ours: pid ${state.pid} · log ${state.log}`);
  if (pollers.length > 0) return;
  throw new CliFailure('WORKER_MISSING', here ? 'no worker of this host polls' : 'no worker polls', {
    retryable: true,
    hint: 'krakenctl worker start',
    data: state,
  });
}
