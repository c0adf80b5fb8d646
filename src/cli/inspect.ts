import { randomBytes } from 'node:crypto';
import { operationWorkflowId } from '../cluster/names';
import { isSeen, type RecordOwner } from '../cluster/observed';
import { unfoldPlan } from '../contracts/folded-plan';
import type { CrossedInspection, InspectInput, Inspection } from '../contracts/operation';
import { unpackInspection } from '../contracts/packed';
import { taskQueues, workflowTypes } from '../contracts/queues';
import type { Configuration } from './configuration';
import { connectTemporal, type Temporal } from './connect';
import type { Context } from './context';
import { CliFailure, toCliFailure } from './failure';
import { begunAt, describeRun, memoOf } from './operations';
import { findPollers, requireWorker } from './pollers';
import { findSteward, type StewardView } from './steward';

/** All hosts in one look: by the worker, which may be nearer to them, or from here when none answers. */
export interface Look extends Inspection {
  through: 'worker' | 'this process';
  tookMs: number;
  /** The operation that runs now; undefined when Temporal did not answer, null when none runs. */
  running?: { operation: string; actor: string; startedAt: Date } | null;
  /** Absent where no TLS is wanted, or Temporal was not asked. */
  steward?: StewardView;
  /** Hosts whose owner has another id than this machine; only a worker can say whether it is another krakenctl. */
  doubted?: Doubted[];
}

export interface Doubted {
  host: string;
  owner: Pick<RecordOwner, 'temporal' | 'namespace'>;
}

/** A person waits for this before the answer even begins. */
const reachTimeoutMs = 1000;
const lookTimeoutMs = 90_000;

export async function lookAtCluster(
  context: Context,
  configuration: Configuration,
  asked: Pick<InspectInput, 'probe' | 'pace'>,
): Promise<Look> {
  const startedAt = Date.now();
  const { spec, origins } = configuration;
  const input: InspectInput = { spec, origins, ...asked };
  const took = () => Date.now() - startedAt;
  const reached = await reachWorker(context, spec.name);
  if ('temporal' in reached) {
    const { temporal } = reached;
    try {
      const [inspection, running, steward] = await Promise.all([
        inspectThrough(temporal, spec.name, input),
        findRunning(temporal, spec.name),
        stewardOf(temporal, configuration),
      ]);
      return { ...whole(inspection), through: 'worker', tookMs: took(), running, ...(steward && { steward }) };
    } finally {
      await temporal.close();
    }
  }
  context.output.note(`${reached.because}: looked from this machine instead`);
  const { inspectLocally } = require('./local') as typeof import('./local');
  const inspection = whole(await inspectLocally(input));
  const doubted = doubtForeign(inspection);
  return { ...inspection, ...doubted, through: 'this process', tookMs: took(), running: reached.running };
}

/** Without TLS in `.env` there is none, or the next deploy takes it away. */
export async function stewardOf(
  temporal: Temporal,
  { spec }: Pick<Configuration, 'spec'>,
): Promise<StewardView | undefined> {
  // What cannot be said of it hides nothing else.
  return spec.tls ? findSteward(temporal, spec.name).catch(() => undefined) : undefined;
}

/** Whose a cluster is, is told by the worker's state folder, which may be on another machine. */
export function doubtForeign({ observed, plan }: Inspection): Pick<Look, 'doubted'> {
  const foreign = new Set(plan?.foreign?.map(({ host }) => host));
  if (foreign.size === 0) return {};
  delete plan?.foreign;
  const doubted = observed.hosts.filter(isSeen).flatMap(({ host, owner }) => {
    if (!owner || !foreign.has(host)) return [];
    const { temporal, namespace } = owner;
    return [{ host, owner: { temporal, namespace } }];
  });
  return { doubted };
}

function whole({ plan, ...inspection }: Inspection): Inspection {
  return { ...inspection, ...(plan && { plan: unfoldPlan(plan) }) };
}

export type Reached = { temporal: Temporal } | { because: string; failure: CliFailure; running?: Look['running'] };

export async function reachWorker({ environment }: Context, cluster: string): Promise<Reached> {
  let temporal: Temporal;
  try {
    temporal = await connectTemporal({ environment, timeoutMs: reachTimeoutMs });
  } catch (error) {
    return unreached(error);
  }
  try {
    requireWorker(await findPollers(temporal));
    return { temporal };
  } catch (error) {
    const running = await findRunning(temporal, cluster).catch(() => undefined);
    await temporal.close();
    return { ...unreached(error), running };
  }
}

function unreached(error: unknown): { because: string; failure: CliFailure } {
  const failure = toCliFailure(error);
  return { because: failure.message, failure };
}

async function inspectThrough(temporal: Temporal, cluster: string, input: object): Promise<Inspection> {
  const crossed: CrossedInspection = await temporal.client.workflow.execute(workflowTypes.inspect, {
    taskQueue: taskQueues.main,
    workflowId: `kraken-${cluster}-inspect-${randomBytes(4).toString('hex')}`,
    args: [{ ...input, pack: true }],
    workflowExecutionTimeout: lookTimeoutMs,
    staticSummary: `look at ${cluster}`,
  });
  return unpackInspection(crossed);
}

export async function findRunning(temporal: Temporal, cluster: string): Promise<Look['running']> {
  const description = await describeRun(temporal, operationWorkflowId(cluster));
  if (description?.status.name !== 'RUNNING') return null;
  const { operation = 'an operation', actor = 'unknown' } = memoOf(description);
  return { operation, actor, startedAt: begunAt(description) };
}

/** Looks once from here with leave to pin; a key that changed is refused all the same. */
export async function pinHostKeys({ output }: Context, { spec, origins }: Configuration): Promise<void> {
  const { inspectLocally } = require('./local') as typeof import('./local');
  const { observed } = await inspectLocally({ spec, origins, probe: false }, { acceptNewHostKeys: true });
  for (const host of observed.hosts) {
    if (!host.reachable) throw new CliFailure('HOST_UNREACHABLE', host.error, { host: host.host, retryable: true });
  }
  output.note(`host keys of ${observed.hosts.length} hosts are pinned in ${spec.ssh.knownHostsPath}`);
}
