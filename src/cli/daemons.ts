import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stateFolder } from '../config/state-folder';

/** Programs that go on after the command that started them: one of each name, with pid and log in the state folder. */
export type DaemonName = 'temporal' | 'worker';

export interface DaemonRecord {
  pid: number;
  /** When the process began, in the kernel's own words: a pid is given again, a pair of both is not. */
  started: string;
}

export interface DaemonStart {
  name: DaemonName;
  argv: string[];
  environment: NodeJS.ProcessEnv;
}

/** A log that grew past this is set aside, once. */
const largestLog = 10 * 1024 * 1024;

export function logPath(name: DaemonName, environment: NodeJS.ProcessEnv): string {
  return join(stateFolder(environment), `${name}.log`);
}

function pidPath(name: DaemonName, environment: NodeJS.ProcessEnv): string {
  return join(stateFolder(environment), `${name}.pid`);
}

/** In a session of its own, so that neither Ctrl-C nor the end of the terminal reaches it. */
export function startDaemon({ name, argv, environment }: DaemonStart): DaemonRecord {
  mkdirSync(stateFolder(environment), { recursive: true, mode: 0o700 });
  const log = openLog(logPath(name, environment));
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log], env: environment });
  closeSync(log);
  child.on('error', () => undefined);
  child.unref();
  if (child.pid === undefined) throw new Error(`${program} could not be started`);
  const record = { pid: child.pid, started: startOf(child.pid) ?? '' };
  const path = pidPath(name, environment);
  writeFileSync(`${path}.new`, `${JSON.stringify(record)}\n`);
  renameSync(`${path}.new`, path);
  return record;
}

/** The one that we started and that still runs. */
export function findDaemon(name: DaemonName, environment: NodeJS.ProcessEnv): DaemonRecord | undefined {
  let record: DaemonRecord;
  try {
    record = JSON.parse(readFileSync(pidPath(name, environment), 'utf8')) as DaemonRecord;
  } catch {
    return undefined;
  }
  return isRunning(record) ? record : undefined;
}

export function isRunning({ pid, started }: DaemonRecord): boolean {
  return started !== '' && startOf(pid) === started;
}

/** A zombie, which nobody has waited for, does nothing any more. */
export function isProcessAlive(pid: number): boolean {
  return startOf(pid) !== undefined;
}

/** True when there was one to stop. Asks first; what does not go within the grace is killed. */
export async function stopDaemon(name: DaemonName, environment: NodeJS.ProcessEnv, graceMs = 20_000): Promise<boolean> {
  const record = findDaemon(name, environment);
  if (record) {
    process.kill(record.pid, 'SIGTERM');
    if (!(await awaitEnd(record, graceMs))) {
      process.kill(record.pid, 'SIGKILL');
      await awaitEnd(record, 5000);
    }
  }
  rmSync(pidPath(name, environment), { force: true });
  return record !== undefined;
}

async function awaitEnd(record: DaemonRecord, limitMs: number): Promise<boolean> {
  for (const until = Date.now() + limitMs; Date.now() < until; ) {
    if (!isRunning(record)) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return !isRunning(record);
}

export function tailLog(name: DaemonName, environment: NodeJS.ProcessEnv, lines = 8): string[] {
  try {
    return readFileSync(logPath(name, environment), 'utf8').trimEnd().split('\n').slice(-lines);
  } catch {
    return [];
  }
}

function openLog(path: string): number {
  try {
    if (statSync(path).size > largestLog) renameSync(path, `${path}.1`);
  } catch {
    // None yet.
  }
  return openSync(path, 'a', 0o600);
}

/** Undefined when no process has this pid, or only a dead one that nobody has waited for. */
export function startOf(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') {
      return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
    }
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything, so fields are counted from its end: state is the 1st, start the 20th.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
