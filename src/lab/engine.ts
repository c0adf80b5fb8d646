import { spawn } from 'node:child_process';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lastLines, run } from './commands';
import { docker, dockerLines, tryDocker, useDocker } from './docker';
import { labsFolder } from './names';
import { findProgram, installPackages } from './packages';
import type { Note } from './progress';

/** The Docker engine of this machine: found, or installed and started. */
export interface EngineFacts {
  version: string;
  cgroupVersion: '1' | '2';
  /** True when this run had to start it. */
  started: boolean;
}

const answersWithinMs = 60_000;

/**
 * @throws {Error} which says what is missing, when there is no engine and none can be installed or started.
 */
export async function ensureEngine(note: Note): Promise<EngineFacts> {
  const found = await findEngine();
  if (found) return { ...found, started: false };
  if (process.platform !== 'linux') throw new Error('no Docker engine answers: start it (Docker Desktop, for example)');
  if (process.getuid?.() !== 0) {
    const why = (await tryDocker(['version'], { timeoutMs: 10_000 })).stderr;
    throw new Error(`no Docker engine answers, and only root can start one: ${lastLines(why, 2)}`);
  }
  if (!(await findProgram('dockerd'))) await installPackages(['docker.io', 'iptables', 'ca-certificates'], note);
  note('starting the Docker engine');
  await startEngine();
  return { ...(await waitForEngine()), started: true };
}

/** Ends an engine that {@link ensureEngine} started by itself and that nobody uses; true when it did. */
export async function stopOwnEngine(): Promise<boolean> {
  const pid = await ownEnginePid();
  if (pid === undefined) return false;
  const containers = await dockerLines(['ps', '-aq']).catch(() => []);
  if (containers.length > 0) return false;
  process.kill(pid, 'SIGTERM');
  for (let waited = 0; waited < 20_000 && isOwnEngine(pid, await commandLine(pid)); waited += 100) await pause(100);
  await rm(pidFile(), { force: true });
  return true;
}

/** True while an engine runs that {@link ensureEngine} started by itself. */
export async function ownsEngine(): Promise<boolean> {
  return (await ownEnginePid()) !== undefined;
}

async function findEngine(): Promise<Omit<EngineFacts, 'started'> | undefined> {
  // A client of another origin may stand before the engine's own in PATH and be too new for it.
  for (const program of ['docker', '/usr/bin/docker']) {
    useDocker(program);
    const info = await tryDocker(['info', '--format', '{{.ServerVersion}} {{.CgroupVersion}}'], { timeoutMs: 10_000 });
    const [, version, cgroup] = /^(\S+) ([12])$/.exec(info.stdout.trim()) ?? [];
    if (info.code === 0 && version) return { version, cgroupVersion: cgroup === '2' ? '2' : '1' };
  }
  useDocker('docker');
  return undefined;
}

async function startEngine(): Promise<void> {
  const init = (await readFile('/proc/1/comm', 'utf8')).trim();
  if (init === 'systemd') {
    await run(['systemctl', 'start', 'docker'], { timeoutMs: answersWithinMs });
    return;
  }
  const dockerd = await findProgram('dockerd');
  if (!dockerd) throw new Error('docker.io is installed, but dockerd is not found');
  await mkdir(labsFolder(), { recursive: true });
  const log = await open(logFile(), 'a', 0o600);
  // Detached: in a session of its own, so that it outlives this command; `stopOwnEngine` ends it by this pid.
  const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
  const child = spawn(dockerd, [], { detached: true, stdio: ['ignore', log.fd, log.fd], env });
  child.on('error', () => undefined);
  child.unref();
  await log.close();
  await writeFile(pidFile(), `${child.pid ?? ''}\n`);
}

async function waitForEngine(): Promise<Omit<EngineFacts, 'started'>> {
  for (const startedAt = Date.now(); Date.now() - startedAt < answersWithinMs; await pause(250)) {
    const found = await findEngine();
    if (found) return found;
  }
  const log = await readFile(logFile(), 'utf8').catch(() => '');
  throw new Error(`the Docker engine did not answer within 60 s; end of ${logFile()}:\n${lastLines(log, 8)}`);
}

async function ownEnginePid(): Promise<number | undefined> {
  const text = await readFile(pidFile(), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  // After a reboot the number may belong to another program.
  return isOwnEngine(pid, await commandLine(pid)) ? pid : undefined;
}

function isOwnEngine(pid: number, commandLineText: string): boolean {
  return pid > 1 && /(^|\/)dockerd\0/.test(`${commandLineText}\0`);
}

function commandLine(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
}

const pidFile = () => join(labsFolder(), 'dockerd.pid');
const logFile = () => join(labsFolder(), 'dockerd.log');

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** True when a container, image, network or volume of this name is there. */
export async function exists(kind: 'container' | 'image' | 'network' | 'volume', name: string): Promise<boolean> {
  return docker([kind, 'inspect', '--format', 'x', name]).then(
    () => true,
    () => false,
  );
}
