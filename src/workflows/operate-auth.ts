import { CancellationScope, isCancellation, ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow';
import type { AuthInput, AuthReport, AuthView } from '../contracts/auth';
import { tokenWorkflowId } from '../contracts/queues';
import { effects, lookers } from './activities';
import { oneOfSeveral } from './activity-options';
import { type BroughtRecord, bringRecord, onEach } from './auth-record';
import type { keepToken } from './keep-token';
import { spokenOf } from './operation-steps';
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

interface AuthRun extends BroughtRecord {
  input: AuthInput;
  progress: Progress;
}

async function perform(input: AuthInput, progress: Progress): Promise<AuthReport> {
  const { operation, summary, spec, key, change } = input;
  progress.named(operation.id);
  const plan = (again: boolean) =>
    lookers.planAuth.executeWithOptions({ summary }, [{ spec, key, operation, change, again, nowMs: Date.now() }]);
  const brought = await progress.during('record', 'who may come in, onto the nodes', () =>
    CancellationScope.nonCancellable(() => bringRecord(spec, plan)),
  );
  const run: AuthRun = { input, progress, ...brought };
  const { planned, left } = brought;
  const report = { auth: true, operation, generation: planned.generation, summary } as const;
  try {
    // Also where nothing is to be changed: an operation that was cut may have left them behind.
    const balancers = await CancellationScope.nonCancellable(() => bringBalancers(run));
    if (input.token) await keep(input);
    await note(run, 'done');
    return { ...report, changed: brought.changed, balancers, left };
  } catch (error) {
    await CancellationScope.nonCancellable(() => note(run, isCancellation(error) ? 'cancelled' : 'failed'));
    throw error;
  }
}

async function bringBalancers({ input, progress, planned, left }: AuthRun): Promise<string[]> {
  const { spec, key } = input;
  const { epoch } = planned;
  return progress.during('balancers', 'onto the load balancers', async (stage) => {
    const { done } = await onEach(spec.loadBalancers, left, (host) =>
      progress.wait(stage, host, () =>
        effects.ensureCredentials.executeWithOptions({ ...oneOfSeveral, summary: `${host}: hashes of logins` }, [
          { spec, host, key, epoch, realm: 'auth' },
        ]),
      ),
    );
    return done;
  });
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
