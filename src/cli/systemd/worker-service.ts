import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { codecKeyPath } from '../../codec/data-converter';
import { secretsFolder, stateFolder } from '../../config/state-folder';
import { tryRun } from '../../lab/commands';
import { CliFailure } from '../failure';
import type { LogFormat } from '../log-line';
import { carriedVariables, renderEnvironmentFile } from './environment-file';
import { findBadValue, renderWorkerUnit, unitName, type WorkerUnit } from './unit';

/** `krakenctl worker install`: the unit and its environment file, written, enabled, started and looked at again. */
export interface ServicePlan {
  unit: WorkerUnit;
  /** By path; what `install` writes. The second may hold an API key. */
  files: { path: string; mode: number; text: string; secret: boolean }[];
  /** Who this person's worker is to the hosts: the service is the same one, or they would refuse it as another krakenctl. */
  ownerId?: string;
}

export const unitPath = `/etc/systemd/system/${unitName}`;
export const environmentPath = '/etc/krakenctl/worker.env';
export const serviceStateFolder = '/var/lib/krakenctl-worker';
const ownerFile = 'owner-id';
const activeWithinMs = 15_000;

export interface ServiceWish {
  user: string;
  environment: NodeJS.ProcessEnv;
  logFormat?: LogFormat;
}

/** @throws {CliFailure} USAGE for a value that cannot stand in a unit. */
export function planService({ user, environment, logFormat }: ServiceWish): ServicePlan {
  const secrets = sharedSecrets(user, environment);
  const unit: WorkerUnit = {
    user,
    node: process.execPath,
    program: join(__dirname, '..', '..', '..', 'bin', 'krakenctl'),
    environmentFile: environmentPath,
    stateFolder: serviceStateFolder,
    ...(secrets && { secretsFolder: secrets }),
    logFormat,
  };
  const bad = findBadValue(unit);
  if (bad) throw new CliFailure('USAGE', `${bad.field} ${JSON.stringify(bad.value)}: expected ${bad.expected}`);
  const variables = carriedVariables(environment);
  const keys = codecKeyPath(environment);
  // The service's state folder is another than this person's: without the path it would look for a key of its own.
  if (existsSync(keys)) variables.KRAKENCTL_CODEC_KEY_FILE ??= keys;
  // Commands leave AUTH_SECRET there, and the authority of a cluster that has TLS already lies there.
  if (secrets) variables.KRAKENCTL_SECRETS_DIR = secrets;
  const owner = join(stateFolder(environment), ownerFile);
  return {
    unit,
    ...(existsSync(owner) && { ownerId: readFileSync(owner, 'utf8') }),
    files: [
      { path: environmentPath, mode: 0o600, text: renderEnvironmentFile(variables), secret: true },
      { path: unitPath, mode: 0o644, text: renderWorkerUnit(unit), secret: false },
    ],
  };
}

/** Undefined where another user has nothing to take over: its service keeps its own. */
function sharedSecrets(user: string, environment: NodeJS.ProcessEnv): string | undefined {
  const folder = secretsFolder(environment);
  const isThisPerson =
    user === userInfo().username || (user === environment.SUDO_USER && isOf(folder, environment.SUDO_UID));
  return environment.KRAKENCTL_SECRETS_DIR || isThisPerson || existsSync(folder) ? folder : undefined;
}

/** Sudo may have changed the home: what lies in root's, nobody else can enter. */
function isOf(folder: string, uid: string | undefined): boolean {
  let at = folder;
  while (!existsSync(at)) at = dirname(at);
  return statSync(at).uid === Number(uid);
}

/** Active when it resolves. @throws {CliFailure} SERVICE_FAILED with the end of its journal. */
export async function installService(plan: ServicePlan): Promise<{ active: true; pid: number }> {
  await requireSystemd();
  const { uid, gid } = await findUser(plan.unit.user);
  mkdirSync(plan.unit.stateFolder, { recursive: true, mode: 0o700 });
  chownSync(plan.unit.stateFolder, uid, gid);
  if (plan.unit.secretsFolder) ensureOwn(plan.unit.secretsFolder, { uid, gid, user: plan.unit.user });
  const owner = join(plan.unit.stateFolder, ownerFile);
  if (plan.ownerId !== undefined && !existsSync(owner)) {
    writeWhole(owner, plan.ownerId, 0o600);
    chownSync(owner, uid, gid);
  }
  for (const { path, mode, text } of plan.files) writeWhole(path, text, mode);
  await systemctl('daemon-reload');
  await systemctl('enable', unitName);
  // Also one that runs already: it has the old unit.
  await systemctl('restart', unitName);
  return { active: true, pid: await awaitActive() };
}

/** True when there was one. Its state folder, which has the owner id, stays. */
export async function uninstallService(): Promise<boolean> {
  await requireSystemd();
  const found = existsSync(unitPath);
  if (found) await systemctl('disable', '--now', unitName);
  for (const path of [unitPath, environmentPath]) rmSync(path, { force: true });
  await systemctl('daemon-reload');
  const state = await tryRun(['systemctl', 'is-active', unitName], { timeoutMs: 10_000 });
  if (state.stdout.trim() === 'active') {
    throw new CliFailure('SERVICE_FAILED', `${unitName} is still active`, { hint: `systemctl status ${unitName}` });
  }
  return found;
}

async function requireSystemd(): Promise<void> {
  if (!existsSync('/run/systemd/system')) {
    throw new CliFailure('NO_SYSTEMD', 'this machine is not run by systemd, so no service can be installed', {
      hint: 'krakenctl worker start, or krakenctl worker run under a supervisor of yours',
    });
  }
  if (process.getuid?.() !== 0) {
    throw new CliFailure('USAGE', 'a service is installed by root', { hint: 'sudo -E krakenctl worker install' });
  }
}

async function findUser(user: string): Promise<{ uid: number; gid: number }> {
  const found = await tryRun(['getent', 'passwd', user], { timeoutMs: 10_000 });
  const [, , uid, gid] = found.stdout.trim().split(':');
  if (found.code === 0 && uid && gid) return { uid: Number(uid), gid: Number(gid) };
  throw new CliFailure('USAGE', `--user ${user}: there is no such user`, { hint: `useradd --system ${user}` });
}

/** Root's service, too, has no right but its own: it has no capability. @throws {CliFailure} USAGE where the service could neither read nor write it. */
export function ensureOwn(folder: string, { uid, gid, user }: { uid: number; gid: number; user: string }): void {
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (let at = folder; first !== undefined && at.length >= first.length; at = dirname(at)) chownSync(at, uid, gid);
  const owner = statSync(folder).uid;
  if (owner === uid) return;
  throw new CliFailure('USAGE', `KRAKENCTL_SECRETS_DIR ${folder}: it belongs to uid ${owner}; expected ${user}`, {
    hint: `copy it to a folder of ${user} and name that: KRAKENCTL_SECRETS_DIR=… krakenctl worker install --user ${user}`,
  });
}

/** Whole or not at all, and never for a moment with a wider mode than its own. */
function writeWhole(path: string, text: string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const aside = `${path}.krakenctl-${process.pid}`;
  writeFileSync(aside, text, { mode: 0o600 });
  chmodSync(aside, mode);
  renameSync(aside, path);
  if (readFileSync(path, 'utf8') !== text) {
    throw new CliFailure('SERVICE_FAILED', `${path} does not read back as it was written`);
  }
}

async function systemctl(...args: string[]): Promise<void> {
  const { code, stderr } = await tryRun(['systemctl', ...args], { timeoutMs: 60_000 });
  if (code === 0) return;
  throw new CliFailure('SERVICE_FAILED', `systemctl ${args.join(' ')}: ${stderr.trim() || `exited ${code}`}`, {
    hint: `journalctl -u ${unitName} -n 50`,
  });
}

/** A worker that cannot reach its Temporal ends at once and is started again: active must hold for one start. */
async function awaitActive(): Promise<number> {
  let since: { pid: number; at: number } | undefined;
  for (const until = Date.now() + activeWithinMs; Date.now() < until; ) {
    const pid = await mainPid();
    if (pid === undefined || pid !== since?.pid) since = pid === undefined ? undefined : { pid, at: Date.now() };
    else if (Date.now() - since.at >= 5000) return pid;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  const journal = await tryRun(['journalctl', '-u', unitName, '-n', '8', '--no-pager', '-o', 'cat'], {
    timeoutMs: 10_000,
  });
  throw new CliFailure('SERVICE_FAILED', `${unitName} does not stay up\n${journal.stdout.trim()}`, {
    hint: `systemctl status ${unitName}`,
  });
}

async function mainPid(): Promise<number | undefined> {
  const shown = await tryRun(['systemctl', 'show', '-p', 'ActiveState', '-p', 'MainPID', unitName], {
    timeoutMs: 10_000,
  });
  const pid = Number(/^MainPID=(\d+)$/m.exec(shown.stdout)?.[1]);
  return /^ActiveState=active$/m.test(shown.stdout) && pid > 0 ? pid : undefined;
}
