import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Temporal, withTemporal } from './connect';
import { findDaemon, logPath, startDaemon, stopDaemon, tailLog } from './daemons';
import { CliFailure } from './failure';
import { findPollers, type Poller, parseIdentity, requireWorker } from './pollers';

/** The worker as a background process of this machine. */
export interface WorkerState {
  pid?: number;
  log: string;
  pollers: Poller[];
}

export interface WorkerStart {
  environment: NodeJS.ProcessEnv;
  acceptNewHostKeys?: boolean;
}

const pollsWithinMs = 30_000;
/** What runs may come to an end: longer than the worker's own grace. */
const stopGraceMs = 30_000;

/**
 * Returns when Temporal has seen it ask for work. Workers elsewhere are no reason not to start one here: two are better than one.
 * @throws {CliFailure} WORKER_VERSION when another version polls. */
export function startWorker({
  environment,
  acceptNewHostKeys,
}: WorkerStart): Promise<WorkerState & { started: boolean; ours: boolean }> {
  return withTemporal({ environment }, async (temporal) => {
    const before = await stateThrough(temporal, environment);
    if (before.pollers.length > 0) requireWorker(before.pollers);
    const here = before.pollers.filter(({ host }) => host === hostname());
    const known = here.find(({ pid }) => pid === before.pid) ?? here[0];
    if (known) return { ...before, pid: known.pid, started: false, ours: known.pid === before.pid };
    // Alive and not polling: it lost its Temporal, or is on its way down.
    if (before.pid) await stopDaemon('worker', environment, stopGraceMs);
    const argv = [process.execPath, join(__dirname, '..', '..', 'bin', 'krakenctl'), 'worker', 'run'];
    if (acceptNewHostKeys) argv.push('--accept-new-host-keys');
    startDaemon({ name: 'worker', argv, environment: { ...environment, TEMPORAL_ADDRESS: temporal.address } });
    await awaitPolling(temporal, environment);
    return { ...(await stateThrough(temporal, environment)), started: true, ours: true };
  });
}

async function awaitPolling(temporal: Temporal, environment: NodeJS.ProcessEnv): Promise<void> {
  for (const until = Date.now() + pollsWithinMs; Date.now() < until; await pause(100)) {
    const ours = findDaemon('worker', environment);
    if (!ours) break;
    const pollers = await findPollers(temporal);
    if (pollers.some(({ identity }) => parseIdentity(identity)?.pid === ours.pid)) return;
  }
  const tail = tailLog('worker', environment).join('\n');
  throw new CliFailure('WORKER_MISSING', `the worker did not begin to poll\n${tail}`, {
    hint: `its log: ${logPath('worker', environment)} · or look: krakenctl worker run`,
  });
}

export function workerState(environment: NodeJS.ProcessEnv): Promise<WorkerState> {
  return withTemporal({ environment }, (temporal) => stateThrough(temporal, environment));
}

async function stateThrough(temporal: Temporal, environment: NodeJS.ProcessEnv): Promise<WorkerState> {
  const pid = findDaemon('worker', environment)?.pid;
  return { pid, log: logPath('worker', environment), pollers: await findPollers(temporal) };
}

export function stopWorker(environment: NodeJS.ProcessEnv): Promise<boolean> {
  return stopDaemon('worker', environment, stopGraceMs);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
