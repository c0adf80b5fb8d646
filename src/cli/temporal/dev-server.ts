import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { stateFolder } from '../../config/state-folder';
import { searchAttributes } from '../../contracts/queues';
import { connectTemporal } from '../connect';
import { findDaemon, logPath, startDaemon, stopDaemon, tailLog } from '../daemons';
import { CliFailure } from '../failure';
import { readServerRecord, type ServerRecord, serverRecordPath } from '../server-record';
import { defaultPort, resolveAddress } from '../temporal-address';
import { binariesFolder, temporalServerBinary } from '../temporal-server';
import { ensureSearchAttributes } from './search-attributes';

/** A Temporal server for one machine, with its Web UI; the data survives it. */
export interface ServerUp {
  environment: NodeJS.ProcessEnv;
  port?: number;
  note: (text: string) => void;
}

export interface ServerState {
  address: string;
  namespace: string;
  ui: string;
  serving: boolean;
  /** `ours`: started by `temporal up`; `configured`: named by TEMPORAL_ADDRESS or a profile; `other`: somebody else's here. */
  whose: 'ours' | 'configured' | 'other' | 'none';
  pid?: number;
  data?: string;
}

const servesWithinMs = 20_000;

export function dataPath(environment: NodeJS.ProcessEnv): string {
  return join(stateFolder(environment), 'temporal.db');
}

/** Serving when it returns; one that serves already is left as it is. */
export async function serverUp(up: ServerUp): Promise<ServerState & { started: boolean }> {
  const { environment, port } = up;
  const before = await serverState(environment);
  if (before.serving && (port === undefined || before.whose === 'configured' || before.address.endsWith(`:${port}`))) {
    return { ...before, started: false };
  }
  if (before.whose === 'configured') {
    throw new CliFailure('TEMPORAL_UNREACHABLE', `Temporal does not answer at ${before.address}`, {
      retryable: true,
      hint: 'unset TEMPORAL_ADDRESS (or the profile) to start a server on this machine',
    });
  }
  if (before.whose === 'ours') await stopDaemon('temporal', environment);
  const chosen = port ?? readServerRecord(environment)?.port ?? defaultPort;
  await startServer(up, { port: chosen, uiPort: chosen + 1000 });
  return { ...(await serverState(environment)), started: true };
}

async function startServer({ environment, note }: ServerUp, ports: ServerRecord): Promise<void> {
  for (const port of [ports.port, ports.uiPort]) await requireFree(port);
  const program = await temporalServerBinary({ environment, note });
  const argv = [program, 'server', 'start-dev', '--ip', '127.0.0.1', '--port', String(ports.port)];
  argv.push('--ui-port', String(ports.uiPort), '--db-filename', dataPath(environment), '--ui-disable-news-fetch');
  argv.push('--log-level', 'warn');
  for (const name of Object.values(searchAttributes)) argv.push('--search-attribute', `${name}=Keyword`);
  startDaemon({ name: 'temporal', argv, environment });
  writeFileSync(serverRecordPath(environment), `${JSON.stringify(ports)}\n`);
  await awaitServing(environment);
}

async function awaitServing(environment: NodeJS.ProcessEnv): Promise<void> {
  for (const until = Date.now() + servesWithinMs; Date.now() < until; await pause(100)) {
    if (!findDaemon('temporal', environment)) break;
    if ((await serverState(environment, 1000)).serving) return;
  }
  const tail = tailLog('temporal', environment).join('\n');
  throw new CliFailure('TEMPORAL_UNREACHABLE', `the Temporal server did not begin to serve\n${tail}`, {
    hint: `its log: ${logPath('temporal', environment)}`,
  });
}

export async function serverState(environment: NodeJS.ProcessEnv, timeoutMs = 1500): Promise<ServerState> {
  const where = resolveAddress(environment);
  const { address, namespace, ui, configured } = where;
  const ours = configured ? undefined : findDaemon('temporal', environment);
  const serving = await connectTemporal({ environment, timeoutMs }).then(
    async (temporal) => {
      const ready = await ensureSearchAttributes(temporal);
      await temporal.close();
      return ready;
    },
    () => false,
  );
  const whose = configured ? 'configured' : ours ? 'ours' : serving ? 'other' : 'none';
  const facts = ours ? { pid: ours.pid, data: dataPath(environment) } : {};
  return { address, namespace, ui, serving, whose, ...facts };
}

export async function serverDown(environment: NodeJS.ProcessEnv, purge: boolean): Promise<{ stopped: boolean }> {
  const stopped = await stopDaemon('temporal', environment);
  // The port is kept with the data: the same server comes back there, and meanwhile nobody else's is taken for it.
  if (purge) {
    rmSync(serverRecordPath(environment), { force: true });
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${dataPath(environment)}${suffix}`, { force: true });
    rmSync(logPath('temporal', environment), { force: true });
    rmSync(binariesFolder(environment), { recursive: true, force: true });
  }
  return { stopped };
}

async function requireFree(port: number): Promise<void> {
  const free = await new Promise<boolean>((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
  if (free) return;
  throw new CliFailure('TEMPORAL_PORT_TAKEN', `another program listens on 127.0.0.1:${port}`, {
    hint: 'krakenctl temporal up --port 17233, or TEMPORAL_ADDRESS for a server that runs already',
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
