import { randomUUID } from 'node:crypto';
import type { WorkflowHandle } from '@temporalio/client';
import { type DeployInput, type DeployReport, defaultRollout } from '../../src/contracts/operation';
import { failureOf } from '../support/failure-of';
import { MemoryLab } from '../support/memory-hosts';
import { type Bench, openBench } from '../support/temporal';

/** What a hand in Temporal's UI does to a rollout that is in the middle of its second node. */
let lab: MemoryLab;
let bench: Bench;

beforeEach(async () => {
  lab = new MemoryLab();
  bench = await openBench(lab);
  await bench.deploy();
});
afterEach(() => bench.close());

const nodes = ['node-1', 'node-2', 'node-3'];
const newVersion = (input: DeployInput) => {
  input.policy = { ...defaultRollout, bakeMs: 0 };
  input.spec.images.version = 'v0.1.28';
};
const outOf = (balancer: string) => / out=([^"\\]*)/.exec(lab.machine(balancer).nginxRuns)?.[1];
const parts = () => nodes.map((node) => ['origin', 'proxy'].map((part) => lab.machine(node).part(part)?.image));
const whole = nodes.map(() => ['origin', 'proxy'].map((part) => `images.example/kraken-${part}:v0.1.28`));
const wanted = 'create kraken-cluster-node-2-proxy';

/** Begins the rollout, and interferes when node-2 is drained and its parts are being made. */
async function interfere<T>(hand: (run: WorkflowHandle) => Promise<T>): Promise<{ id: string; did: number; told: T }> {
  let run: WorkflowHandle | undefined;
  let id = '';
  const told = new Promise<{ did: number; told: T }>((resolve, reject) => {
    lab.hook = async (moment, effect) => {
      if (moment !== 'before' || effect !== wanted) return;
      lab.hook = () => undefined;
      const did = lab.journal.length;
      await hand(run!).then((told) => resolve({ did, told }), reject);
    };
  });
  run = await bench.start((input) => {
    newVersion(input);
    id = input.operation.id;
  });
  return { id, ...(await told) };
}

type Event = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>[number];

/** To the workflow task whose decisions are first followed by such an event. */
async function resetTo(run: WorkflowHandle, isWanted: (event: Event) => boolean): Promise<WorkflowHandle> {
  const { client, namespace } = bench.environment;
  const { workflowId, runId } = await run.describe();
  const { events = [] } = await run.fetchHistory();
  const at = events!.findIndex(isWanted);
  const task = events!.slice(0, at + 1).findLast((event) => event.workflowTaskCompletedEventAttributes)!;
  const answer = await client.workflowService.resetWorkflowExecution({
    ...{ namespace, workflowExecution: { workflowId, runId }, workflowTaskFinishEventId: task.eventId },
    ...{ reason: 'by hand', requestId: randomUUID() },
  });
  return client.workflow.getHandle(workflowId, answer.runId!);
}

const isFirstContainer = ({ activityTaskScheduledEventAttributes: scheduled }: Event) =>
  scheduled?.activityType?.name === 'ensureContainer';

/** Beside the parts of node-2, which go side by side and were under way, and the note of the end. The reset run begins at node-1. */
const changedSince = (did: number) =>
  lab.journal.slice(did).filter((line) => !/node-2-(origin|tracker|build-index|proxy)$|operations\.jsonl$/.test(line));

async function expectWholeAfter(id: string): Promise<void> {
  expect(nodes.map(outOf)).toEqual(nodes.map(() => 'node-2'));
  const { plan } = await bench.deploy(newVersion);
  expect(plan.left).toEqual([{ host: 'node-2', operation: id }]);
  expect(plan.order?.batches[0]).toEqual(['node-2']);
  expect(nodes.map(outOf)).toEqual(nodes.map(() => undefined));
  expect(parts()).toEqual(whole);
  expect((await bench.deploy(newVersion)).changed).toBe(false);
}

test('reset into its middle it is refused by name and touches nothing more; the next deploy finds the drained node and ends whole', async () => {
  const { id, did, told } = await interfere((run) => resetTo(run, isFirstContainer));
  expect(await failureOf(told.result())).toMatchObject({
    type: 'OPERATION_RESET',
    details: [{ hint: expect.stringContaining('krakenctl plan') }],
  });
  expect(changedSince(did)).toEqual([]);
  await expectWholeAfter(id);
});

test('reset to before it had planned it looks and plans anew, takes the drained node first, and ends whole', async () => {
  const { id, told } = await interfere((run) =>
    resetTo(run, (event) => Boolean(event.workflowTaskCompletedEventAttributes)),
  );
  const { plan, changed } = (await told.result()) as DeployReport;
  expect([changed, plan.left]).toEqual([true, [{ host: 'node-2', operation: id }]]);
  expect(parts()).toEqual(whole);
  expect(nodes.map(outOf)).toEqual(nodes.map(() => undefined));
  expect((await bench.deploy(newVersion)).changed).toBe(false);
});

test('terminated it leaves the node drained; the next deploy finds it, says so and ends whole', async () => {
  const { id } = await interfere((run) => run.terminate('by hand'));
  await expectWholeAfter(id);
});
