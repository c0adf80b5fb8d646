import {
  ActivityFailure,
  CancellationScope,
  isCancellation,
  ParentClosePolicy,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { AuthInput, AuthReport, AuthView, PlannedAuth } from '../contracts/auth';
import { tokenWorkflowId } from '../contracts/queues';
import { effects, lookers } from './activities';
import { oneOfSeveral } from './activity-options';
import type { keepToken } from './keep-token';
import { final, spokenOf } from './operation-steps';
import { Progress } from './progress';

/** Who may come in, as it is recorded on the nodes. */
export async function inspectAuth(input: Pick<AuthInput, 'spec' | 'key'>): Promise<AuthView> {
  return lookers.readAuth(input);
}

/**
 * Somebody is let in or thrown out: first in the record, which a majority of the nodes must have, then on every load balancer, which asks its file at each
 * request. It never holds the cluster's operation: a credential that leaked is taken away in the middle of a deploy.
 */
export async function operateAuth(input: AuthInput): Promise<AuthReport> {
  const progress = new Progress(input.operation);
  return progress.whole(() => perform(input, progress));
}

/** Beyond the end of this operation. */
async function keep({ spec, key, operation, token }: AuthInput): Promise<void> {
  await startChild<typeof keepToken>('keepToken', {
    workflowId: tokenWorkflowId(spec.name, token!.id),
    args: [{ spec, key, operation, token: token!.id, untilMs: token!.untilMs }],
    parentClosePolicy: ParentClosePolicy.ABANDON,
    typedSearchAttributes: workflowInfo().typedSearchAttributes,
    staticSummary: `enrolment token ${token!.id}`,
  });
}

interface AuthRun {
  input: AuthInput;
  progress: Progress;
  planned: PlannedAuth;
  left: AuthReport['left'];
}

async function perform(input: AuthInput, progress: Progress): Promise<AuthReport> {
  const { operation, summary, spec, key, change } = input;
  progress.named(operation.id);
  const nowMs = Date.now();
  const planned = await progress.during('look', 'look and plan', () =>
    lookers.planAuth.executeWithOptions({ summary }, [{ spec, key, operation, change, nowMs }]),
  );
  progress.expect([
    ...(planned.record ? [{ id: 'record', title: 'who may come in, onto the nodes', steps: [] }] : []),
    { id: 'balancers', title: 'onto the load balancers', steps: [] },
  ]);
  const left = planned.unseen.map(({ host, error }) => ({ host, why: `it could not be reached: ${error}` }));
  const run: AuthRun = { input, progress, planned, left };
  const report = { auth: true, operation, generation: planned.generation, summary } as const;
  try {
    if (planned.record) await CancellationScope.nonCancellable(() => writeRecord(run));
    // Also where nothing is to be changed: an operation that was cut may have left them behind.
    const balancers = await CancellationScope.nonCancellable(() => bringBalancers(run));
    if (input.token) await keep(input);
    await note(run, 'done');
    return { ...report, changed: planned.record !== undefined, balancers, left };
  } catch (error) {
    await CancellationScope.nonCancellable(() => note(run, isCancellation(error) ? 'cancelled' : 'failed'));
    throw error;
  }
}

async function writeRecord({ input, progress, planned, left }: AuthRun): Promise<void> {
  const { spec } = input;
  const { epoch, record } = planned;
  const nodes = spec.nodes.map(({ id }) => id);
  await progress.during('record', 'who may come in, onto the nodes', async () => {
    const write = (host: string) =>
      effects.writeAuth.executeWithOptions({ ...oneOfSeveral, summary: `${host}: who may come in` }, [
        { spec, host, epoch, record: record! },
      ]);
    const done = await onEach(nodes, left, write);
    if (done.length > nodes.length / 2) return;
    const why = left.map(({ host, why }) => `${host}: ${why}`).join('; ');
    throw final('HOST_UNREACHABLE', `too few nodes keep who may come in now: ${why}`, 'krakenctl status');
  });
}

async function bringBalancers({ input, progress, planned, left }: AuthRun): Promise<string[]> {
  const { spec, key } = input;
  const { epoch } = planned;
  return progress.during('balancers', 'onto the load balancers', (stage) =>
    onEach(spec.loadBalancers, left, (host) =>
      progress.wait(stage, host, () =>
        effects.ensureCredentials.executeWithOptions({ ...oneOfSeveral, summary: `${host}: hashes of logins` }, [
          { spec, host, key, epoch, realm: 'auth' },
        ]),
      ),
    ),
  );
}

/** Those that are there, side by side; what fails on one is told, and keeps nobody else from it. */
async function onEach(hosts: string[], left: AuthReport['left'], work: (host: string) => Promise<unknown>) {
  const there = hosts.filter((host) => !left.some((l) => l.host === host));
  const results = await Promise.allSettled(there.map(work));
  for (const [i, result] of results.entries()) {
    if (result.status === 'rejected') left.push({ host: there[i]!, why: wordsOf(result.reason) });
  }
  return there.filter((_, i) => results[i]!.status === 'fulfilled');
}

function wordsOf(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}

async function note(
  { input, progress, planned, left }: AuthRun,
  result: 'done' | 'failed' | 'cancelled',
): Promise<void> {
  const { spec, operation, summary } = input;
  const line = {
    id: operation.id,
    name: operation.id,
    verb: operation.verb,
    actor: operation.actor,
    startedAt: new Date(progress.startedAt).toISOString(),
    endedAt: new Date().toISOString(),
    result,
    planHash: '',
    generation: planned.generation,
    reason: summary,
    ...spokenOf({ input, decisions: progress.decisions }),
  };
  const append = ({ id: host }: { id: string }) =>
    effects.appendOperation.executeWithOptions({ ...oneOfSeveral, summary: `${host}: note the end` }, [
      { spec, host, epoch: planned.epoch, realm: 'auth', line },
    ]);
  const there = spec.nodes.filter(({ id }) => !left.some(({ host }) => host === id));
  await Promise.allSettled(there.map(append));
}
