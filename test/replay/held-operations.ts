import type { FleetInput } from '../../src/contracts/agents';
import { defaultRollout, type Hold, type OperationProgress, type RolloutPolicy } from '../../src/contracts/operation';
import { type DecisionUpdate, decisionUpdates, progressQuery } from '../../src/contracts/queues';
import type { MemoryLab } from '../support/memory-hosts';
import type { Bench } from '../support/temporal';

/** Operations that are held and let go of, for histories of today. */

type Run = Awaited<ReturnType<Bench['begin']>>;
type Keep = (name: string, run: Run) => Promise<void>;

async function until(run: Run, isThere: (progress: OperationProgress) => boolean): Promise<void> {
  while (!isThere(await run.query<OperationProgress>(progressQuery)))
    await new Promise((resolve) => setTimeout(resolve, 50));
}

const held = (run: Run, kind: Hold['kind'], point: string) =>
  until(run, ({ hold }) => hold?.kind === kind && hold.point === point);

const decide = (run: Run, verb: DecisionUpdate) =>
  run.executeUpdate<unknown, [object]>(decisionUpdates[verb], { args: [{ actor: 'ana@ops-1', reason: 'to see' }] });

export async function recordHolds(bench: Bench, keep: Keep): Promise<void> {
  let version = 30;
  const begin = (policy: Partial<RolloutPolicy>) =>
    bench.start((input) => {
      version += 1;
      input.spec.images.version = `v0.1.${version}`;
      input.policy = { ...defaultRollout, ...policy };
    });
  await keep('deploy-approved', await approveAndPause(await begin({ approveEachNode: true })));
  const denied = await begin({ approveEachNode: true });
  await held(denied, 'approval', 'node-1');
  await decide(denied, 'deny');
  await keep('deploy-denied', denied);
  await keep('deploy-expired', await begin({ approveEachNode: true, approveWithinMs: 500 }));
  // From the next minute on, so that its timer fires.
  const clock = (at: number) => new Date(at).toISOString().slice(11, 16);
  const window = { from: clock(Date.now() + 60_000), to: clock(Date.now() + 3_600_000), zone: 'UTC' };
  await keep('deploy-window', await begin({ window }));
  const cancelled = await begin({ window: { ...window, from: window.to, to: window.from } });
  await held(cancelled, 'window', 'node-1');
  await cancelled.cancel();
  await keep('deploy-held-cancelled', cancelled);
  await bench.deploy();
}

async function approveAndPause(run: Run): Promise<Run> {
  await held(run, 'approval', 'node-1');
  await decide(run, 'approve');
  await held(run, 'approval', 'node-2');
  await decide(run, 'pause');
  await held(run, 'paused', 'node-2');
  await decide(run, 'resume');
  for (const point of ['node-2', 'node-3']) {
    await held(run, 'approval', point);
    await decide(run, 'approve');
  }
  return run;
}

/** Paused while its first VM is worked on, and let go of when all that was under way is done. */
export async function holdFleet(
  bench: Bench,
  lab: MemoryLab,
  { input, tell }: { input: FleetInput; tell: (run: Run, verb: 'pause' | 'resume') => Promise<unknown> },
): Promise<Run> {
  const { hook } = lab;
  lab.hook = async (moment, effect, host) => {
    if (moment === 'before' && effect.startsWith('restart') && host === '10.0.2.1') await tell(await begun, 'pause');
  };
  const begun = bench.begin('operateFleet', input);
  const run = await begun;
  await until(run, ({ stages }) => stages.at(-1)!.done > 0 && stages.at(-1)!.now.length === 0);
  lab.hook = hook;
  await tell(run, 'resume');
  return run;
}

/** As a krakenctl of today, and as one before holds were updates. */
export const tellings = {
  'fleet-held': decide,
  'fleet-paused': (run: Run, verb: 'pause' | 'resume') => run.signal(verb),
};
