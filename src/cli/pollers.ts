import { hostname } from 'node:os';
import { taskQueues } from '../contracts/queues';
import { readMainQueue } from '../releases/deployment';
import type { Temporal } from './connect';
import { isProcessAlive, isRunning, startOf } from './daemons';
import { CliFailure } from './failure';
import { workerVersion } from './version';

/** Workers as Temporal sees them: who asked for work lately. */
export interface Poller {
  identity: string;
  /** `0.1.0+9c1233c2`; undefined for what is no worker of ours. */
  version?: string;
  /** Where it runs; undefined for what is no worker of ours. In a container this is the container's name for itself. */
  host?: string;
  pid?: number;
  /** Milliseconds since the epoch. */
  lastSeen: number;
  /** Workflow code that it runs; none for a worker without versions. */
  buildIds: string[];
  /** New operations come to it; otherwise it ends what was begun on its own workflow code. */
  takesNew: boolean;
}

/** A poll hangs for a minute and leaves its mark when it begins, so a younger one belongs to a living worker. */
const freshMs = 75_000;
const identityPattern = /^krakenctl@(\S+) (\d+)(?:\.(\d+))?@(\S+)$/;

/**
 * Carries the version, so that the CLI can tell another's worker without asking it, and after the pid when the process began (clock ticks
 * of the kernel): numbers of the dead are given again soon, to threads too.
 */
export function workerIdentity(version = workerVersion()): string {
  const began = startOf(process.pid);
  const mark = began && /^\d+$/.test(began) ? `.${began}` : '';
  return `krakenctl@${version} ${process.pid}${mark}@${hostname()}`;
}

export interface WorkerIdentity {
  version: string;
  pid: number;
  /** Undefined where the kernel does not say it in ticks. */
  started?: string;
  host: string;
}

export function parseIdentity(identity: string): WorkerIdentity | undefined {
  const [, version, pid, started, host] = identityPattern.exec(identity) ?? [];
  if (!version || !host) return undefined;
  return { version, pid: Number(pid), ...(started && { started }), host };
}

export async function findPollers({ connection, namespace }: Temporal): Promise<Poller[]> {
  const { pollers, current } = await readMainQueue({ server: connection, namespace });
  const byIdentity = new Map<string, Poller>();
  // One process asks for each version of the workflows that it runs.
  for (const { identity, lastSeen, buildId } of pollers.filter((p) => isAlive(p))) {
    const known = byIdentity.get(identity);
    byIdentity.set(identity, {
      ...{ identity, ...parseIdentity(identity) },
      lastSeen: Math.max(lastSeen, known?.lastSeen ?? 0),
      buildIds: [...(known?.buildIds ?? []), ...(buildId === undefined ? [] : [buildId])],
      takesNew: (known?.takesNew ?? false) || buildId === current,
    });
  }
  return [...byIdentity.values()];
}

/** Temporal remembers a dead worker for minutes; of this machine's own we know better. */
export function isAlive({ identity, lastSeen }: { identity: string; lastSeen: number }, now = Date.now()): boolean {
  if (now - lastSeen > freshMs) return false;
  const known = parseIdentity(identity);
  if (known?.host !== hostname()) return true;
  return known.started ? isRunning({ pid: known.pid, started: known.started }) : isProcessAlive(known.pid);
}

/** Any that could go on with what runs, of whatever version. @throws {CliFailure} WORKER_MISSING, with the line to type. */
export function requireSomeWorker(pollers: Poller[]): void {
  if (pollers.length > 0) return;
  throw new CliFailure('WORKER_MISSING', `no worker polls the task queue ${taskQueues.main}`, {
    retryable: true,
    hint: 'krakenctl worker start',
  });
}

/** @throws {CliFailure} WORKER_MISSING or WORKER_VERSION, with the line to type. Workers that only end what is older count for nothing. */
export function requireWorker(pollers: Poller[], version = workerVersion()): void {
  const taking = pollers.filter((p) => p.takesNew);
  if (taking.length === 0) {
    const ending = pollers.length === 0 ? '' : ` for new operations (${pollers.length} end what is older)`;
    throw new CliFailure('WORKER_MISSING', `no worker polls the task queue ${taskQueues.main}${ending}`, {
      retryable: true,
      hint: 'krakenctl worker start',
    });
  }
  requireSameVersion(taking, version);
}

/** @throws {CliFailure} WORKER_VERSION for the first that is of another. */
export function requireSameVersion(pollers: Poller[], version = workerVersion()): void {
  const other = pollers.find((p) => p.version !== version);
  if (!other) return;
  const ago = Math.round((Date.now() - other.lastSeen) / 1000);
  const message = `a worker of version ${other.version ?? 'unknown'} (${other.identity}) polled ${ago} s ago, this is ${version}`;
  throw new CliFailure('WORKER_VERSION', message, { hint: 'krakenctl worker stop && krakenctl worker start' });
}
