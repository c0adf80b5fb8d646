import { type DeployInput, defaultRollout } from '../../src/contracts/operation';
import { MemoryLab } from '../support/memory-hosts';
import { runsOf } from '../support/runs';
import { type Bench, openBench } from '../support/temporal';

type Run = Awaited<ReturnType<Bench['start']>>;
type KeepRun = (name: string, run: Run, runId: string) => Promise<void>;

/** A rollout that is taken back, in further runs: the first of them, one in the middle of a node, one on the way back, and the last. */
export async function recordFurtherRuns(keep: KeepRun): Promise<void> {
  const lab = new MemoryLab();
  const bench = await openBench(lab);
  await bench.deploy();
  lab.machine('node-2').serves = (part, response) =>
    part === 'origin' && lab.machine('node-2').part('origin')?.image.endsWith('v0.1.28')
      ? { ...response, body: Buffer.from('wrong') }
      : response;
  const run = await bench.start((input: DeployInput) => {
    input.policy = { ...defaultRollout, bakeMs: 0 };
    input.spec.images.version = 'v0.1.28';
    input.runBounds = { events: 60, bytes: 10_000_000 };
  });
  await run.result().catch(() => undefined);
  const { workflowId, firstExecutionRunId: runId } = run;
  const runs = await runsOf(bench.environment.client, { workflowId, runId });
  const chosen = { first: runs[0]!, node: runs[2]!, back: runs.at(-3)!, last: runs.at(-1)! };
  for (const [name, { runId: id }] of Object.entries(chosen)) await keep(`further-${name}`, run, id);
  await bench.close();
}
