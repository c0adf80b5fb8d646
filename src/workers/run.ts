import { DefaultLogger, type LogEntry, NativeConnection, Runtime, type RuntimeOptions } from '@temporalio/worker';
import { conversionFor } from '../codec/data-converter';
import { readConnectConfig } from '../config/connect-config';
import { stateFolder } from '../config/state-folder';
import { createDeployment, type Deployment, isTooOld, type Place, readDeployment } from '../releases/deployment';
import type { Release } from '../releases/release';
import { type Composition, composeActivities } from './compose';
import { KeptCode } from './kept-code';
import type { Household } from './older-versions';
import { VersionKeeper } from './version-keeper';
import { type Seat, VersionWorkers } from './version-workers';
import { loadWorkflowCode, type WorkflowCode } from './workflow-code';
import { boundYoungSpace } from './young-space';

export interface WorkerRun {
  /** `krakenctl@0.1.0`; shown to Temporal, so that the CLI can tell a worker of another version. */
  identity: string;
  release: Release;
  acceptNewHostKeys?: boolean;
  /** Whether a worker that asked for work lately still lives. */
  isAlive: Household['isAlive'];
  /** Called when all queues are polled, and new operations come to this release or a newer one. */
  onReady?: () => void;
  note?: (text: string) => void;
  /** Takes what Temporal's SDK logs; on standard error in its own format where there is none. */
  log?: (entry: LogEntry) => void;
  signal: AbortSignal;
  /** For tests: hosts in memory, and workflow code of another release. */
  composition?: Composition;
  bundle?: string;
}

const unversioned =
  'this Temporal has no worker deployments: an operation under way when krakenctl is upgraded goes on with the new code';

/** Polls all queues until the signal aborts, then lets what runs come to an end (5 s) before it returns. */
export async function runWorker(run: WorkerRun): Promise<void> {
  boundYoungSpace();
  Runtime.install(runtimeOptions(run.log));
  const { connectionOptions, namespace = 'default' } = readConnectConfig(process.env);
  const address = connectionOptions.address ?? 'localhost';
  const { encrypts, dataConverter } = conversionFor(address, process.env);
  const connection = await NativeConnection.connect(connectionOptions);
  const composition = run.composition ?? composeActivities({ acceptNewHostKeys: run.acceptNewHostKeys });
  const { identity } = run;
  const seat: Seat = { connection, namespace, dataConverter, identity, activities: composition.activities };
  try {
    const [code, deployment] = await Promise.all([
      loadWorkflowCode(encrypts, run.bundle),
      findDeployment({ server: connection, namespace }, identity),
    ]);
    const workers = await VersionWorkers.create(seat, code, deployment !== undefined);
    if (!deployment) run.note?.(unversioned);
    const isDecided = !deployment || deployment.current === code.buildId;
    if (isDecided) run.onReady?.();
    const over = new AbortController();
    const { signal } = over;
    // Seen as a listener, without which a signal ends this process at once; `AbortSignal.any` is none.
    const end = () => over.abort();
    run.signal.addEventListener('abort', end);
    if (run.signal.aborted) end();
    const keeping = deployment && keepVersions({ ...run, signal }, { seat, code, address, isDecided });
    try {
      await workers.run(signal);
    } finally {
      end();
      run.signal.removeEventListener('abort', end);
      await keeping;
    }
  } finally {
    await composition.close();
    await connection.close();
  }
}

/** Its native half writes for itself unless it is told to hand its lines over. */
function runtimeOptions(log: WorkerRun['log']): RuntimeOptions {
  if (!log) return { logger: new DefaultLogger('WARN') };
  const logging = { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } as const;
  return { logger: new DefaultLogger('WARN', log), telemetryOptions: { logging } };
}

async function findDeployment(place: Place, identity: string): Promise<Deployment | undefined> {
  const [tooOld, deployment] = await Promise.all([isTooOld(place), readDeployment(place)]);
  if (tooOld) return undefined;
  if (deployment?.versions.length === 0) await createDeployment(place, identity);
  return deployment;
}

interface Keeping {
  seat: Seat;
  code: WorkflowCode;
  address: string;
  isDecided: boolean;
}

/** A worker in the place of one of the same code needs nobody's consent: it works at once. */
async function keepVersions(run: WorkerRun, { seat, code, address, isDecided }: Keeping): Promise<void> {
  const { namespace, identity, connection } = seat;
  const keeper = new VersionKeeper({
    server: connection,
    namespace,
    identity,
    own: { ...code, release: run.release },
    kept: new KeptCode(stateFolder(), { address, namespace }),
    isAlive: run.isAlive,
    open: (older) => VersionWorkers.create(seat, older, true),
    note: (text) => run.note?.(text),
  });
  if (!isDecided) {
    await keeper.begin(run.signal);
    run.onReady?.();
  }
  await keeper.keep(run.signal);
}
