import type { HostConnection } from '../clients/host';
import type { DesiredContainer, DesiredFile } from '../cluster/desired';
import { clusterFolder, containerName, mountedConfigFolder } from '../cluster/names';
import { readRunningConfig } from '../cluster/render/nginx';
import { partOfTlsFile } from '../cluster/tls/files';
import type { Changed, ResourceActivities, StepInput } from '../contracts/activities';
import { type ActivityDependencies, fenced } from './dependencies';
import { ActivityError } from './failures';
import { pause } from './heartbeat';
import { wantedContainer, wantedFile } from './rendering';

/** NGINX answers with its new configuration within milliseconds; this is for a busy host. */
const reloadSeenWithinMs = 10_000;

export function fileActivities(deps: ActivityDependencies): Pick<ResourceActivities, 'ensureFile' | 'reloadNginx'> {
  return {
    async ensureFile(input) {
      if (input.step.action === 'remove') return removeTlsFile(deps, input);
      const file = wantedFile(input, deps);
      return fenced(deps, { spec: input.spec, host: file.host, epoch: input.epoch }, (c) => bringFile(c, file, input));
    },
    async reloadNginx(input) {
      const scope = { spec: input.spec, host: input.step.host, epoch: input.epoch };
      return fenced(deps, scope, (connection) => bringReload(connection, input, wantedContainer(input, deps)));
    },
  };
}

async function isAsWanted(connection: HostConnection, file: DesiredFile): Promise<boolean> {
  const folder = file.path.slice(0, file.path.lastIndexOf('/'));
  const listed = await connection.files.list([folder]);
  return listed.some((f) => f.path === file.path && f.sha256 === file.sha256 && f.mode === file.mode);
}

async function bringFile(connection: HostConnection, file: DesiredFile, input: StepInput): Promise<Changed> {
  if (file.path.endsWith('/nginx.conf') && !(await isAsWanted(connection, file)))
    await refuseInvalidNginx(connection, file, input);
  return connection.files.write({
    path: file.path,
    mode: file.mode,
    contents: Buffer.from(file.contents),
    ...(file.isPrivate && { privateFolder: clusterFolder(input.spec.name, 'configuration') }),
  });
}

/** Never another file than one of TLS. */
async function removeTlsFile(deps: ActivityDependencies, { spec, epoch, step }: StepInput): Promise<Changed> {
  const { host, target } = step;
  if (!partOfTlsFile(spec.name, target)) throw new Error(`${target} is no file of TLS`);
  return fenced(deps, { spec, host, epoch }, async ({ files }) => {
    if ((await files.read(target)) === undefined) return { changed: false };
    await files.remove(target);
    return { changed: true };
  });
}

/** Where an NGINX runs, it judges the new text before that takes the old one's place. */
async function refuseInvalidNginx(connection: HostConnection, file: DesiredFile, input: StepInput): Promise<void> {
  const nginx = await connection.engine.inspect(containerName(input.spec.name, file.host, 'nginx'));
  if (nginx?.state !== 'running') return;
  const next = `${file.path}.next`;
  await connection.files.write({ path: next, mode: file.mode, contents: Buffer.from(file.contents) });
  const inside = `${mountedConfigFolder}/${next.slice(next.lastIndexOf('/') + 1)}`;
  const test = await connection.engine.exec(nginx.id, ['nginx', '-t', '-q', '-c', inside]);
  await connection.files.remove(next);
  if (test.exitCode === 0) return;
  throw new ActivityError('REMOTE_COMMAND', `nginx refuses the new configuration: ${test.output.trim()}`, {
    host: file.host,
    final: true,
    hint: 'the running configuration was left as it is',
  });
}

async function runningSum(connection: HostConnection, input: StepInput): Promise<string | undefined> {
  try {
    const response = await connection.http({
      port: input.spec.ports.lbProxy,
      path: '/.krakenctl/config',
      timeoutMs: 2000,
    });
    return response.status === 200 ? readRunningConfig(response.body.toString()).runningConfig : undefined;
  } catch {
    return undefined;
  }
}

async function hangUp(connection: HostConnection, nginx: string): Promise<void> {
  const test = await connection.engine.exec(nginx, ['nginx', '-t', '-q', '-c', `${mountedConfigFolder}/nginx.conf`]);
  if (test.exitCode !== 0) {
    throw new ActivityError('REMOTE_COMMAND', `nginx refuses its configuration: ${test.output.trim()}`, {
      host: connection.host.id,
      final: true,
    });
  }
  await connection.engine.hangUp(nginx);
}

async function bringReload(connection: HostConnection, input: StepInput, want: DesiredContainer): Promise<Changed> {
  if ((await runningSum(connection, input)) === want.reloadSum) return { changed: false };
  const nginx = await connection.engine.inspect(want.name);
  if (!nginx) throw new ActivityError('ENGINE_ERROR', `${want.name} is gone`, { host: want.host, final: true });
  // After a power cut it may not run: who starts it now has it read its file.
  if (nginx.state === 'running') await hangUp(connection, nginx.id);
  else await connection.engine.start(nginx.id);
  const deadline = Date.now() + reloadSeenWithinMs;
  while (Date.now() < deadline) {
    if ((await runningSum(connection, input)) === want.reloadSum) return { changed: true };
    await pause(50);
  }
  throw new ActivityError('GATE_NOT_READY', `nginx was told to reload and still runs its old configuration`, {
    host: want.host,
    part: 'nginx',
    final: false,
  });
}
