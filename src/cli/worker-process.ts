import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Temporal, withTemporal } from './connect';
import { findDaemon, logPath, startDaemon, stopDaemon, tailLog } from './daemons';
import { CliFailure, isConnectionLoss } from './failure';
import type { LogFormat } from './log-line';
import { findPollers, type Poller, parseIdentity, requireSameVersion } from './pollers';
import { findVersions, leavesToNewer, type WorkerVersion } from './worker-versions';

/** The worker as a background process of this machine. */
export interface WorkerState {
  pid?: number;
  log: string;
  pollers: Poller[];
  versions: WorkerVersion[];
}

export interface WorkerStart {
  environment: NodeJS.ProcessEnv;
  acceptNewHostKeys?: boolean;
  /** Of its log. */
  logFormat?: LogFormat;
}

const pollsWithinMs = 30_000;
/** What runs may come to an end: longer than the worker's own grace. */
const stopGraceMs = 30_000;

/**
 * Returns when Temporal has seen it ask for work. Workers elsewhere are no reason not to start one here: two are better than one, and of
 * two releases the newer one gets what is new.
 * @throws {CliFailure} WORKER_VERSION when another version polls on this machine. */
export function startWorker({
  environment,
  acceptNewHostKeys,
  logFormat,
}: WorkerStart): Promise<WorkerState & { started: boolean; ours: boolean }> {
  return withTemporal({ environment }, async (temporal) => {
    const before = await stateThrough(temporal, environment);
    const here = before.pollers.filter(({ host }) => host === hostname());
    requireSameVersion(here);
    const known = here.find(({ pid }) => pid === before.pid) ?? here[0];
    if (known) return { ...before, pid: known.pid, started: false, ours: known.pid === before.pid };
    // Alive and not polling: it lost its Temporal, or is on its way down.
    if (before.pid) await stopDaemon('worker', environment, stopGraceMs);
    const argv = [process.execPath, join(__dirname, '..', '..', 'bin', 'krakenctl'), 'worker', 'run'];
    if (acceptNewHostKeys) argv.push('--accept-new-host-keys');
    if (logFormat === 'json') argv.push('--log-format', 'json');
    startDaemon({ name: 'worker', argv, environment: { ...environment, TEMPORAL_ADDRESS: temporal.address } });
    await awaitPolling(temporal, environment);
    return { ...(await stateThrough(temporal, environment)), started: true, ours: true };
  });
}

async function awaitPolling(temporal: Temporal, environment: NodeJS.ProcessEnv): Promise<void> {
  for (const until = Date.now() + pollsWithinMs; Date.now() < until; await pause(100)) {
    const ours = findDaemon('worker', environment);
    if (!ours) break;
    // A server that has begun this moment may miss a look; the next one is soon.
    const pollers = await findPollers(temporal).catch(noneWhenUnanswered);
    const own = pollers.find(({ identity }) => parseIdentity(identity)?.pid === ours.pid);
    if (own?.takesNew || (own && (await leavesToNewer(temporal, own, pollers)))) return;
  }
  const tail = tailLog('worker', environment).join('\n');
  throw new CliFailure('WORKER_MISSING', `the worker did not begin to poll\n${tail}`, {
    hint: `its log: ${logPath('worker', environment)} · or look: krakenctl worker run`,
  });
}

function noneWhenUnanswered(error: Error): Poller[] {
  if (isConnectionLoss(error)) return [];
  throw error;
}

export function workerState(environment: NodeJS.ProcessEnv): Promise<WorkerState> {
  return withTemporal({ environment }, (temporal) => stateThrough(temporal, environment));
}

async function stateThrough(temporal: Temporal, environment: NodeJS.ProcessEnv): Promise<WorkerState> {
  const pid = findDaemon('worker', environment)?.pid;
  const pollers = await findPollers(temporal);
  return { pid, log: logPath('worker', environment), pollers, versions: await findVersions(temporal, pollers) };
}

export function stopWorker(environment: NodeJS.ProcessEnv): Promise<boolean> {
  return stopDaemon('worker', environment, stopGraceMs);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
