import { defaultDataConverter } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { vmHost } from '../../src/cluster/agents/vm';
import type { KeptAgent } from '../../src/workflows/bring-agent';
import { exampleSpec } from '../support/cluster';
import { MemoryLab } from '../support/memory-hosts';
import { type Bench, openBench, openSkippingServer } from '../support/temporal';

/** A parked VM, on a server that skips time: hours of tries are over in seconds. */
let server: TestWorkflowEnvironment;
let bench: Bench;
const lab = new MemoryLab();
const vm = 'root@10.0.2.1:22';

beforeAll(async () => {
  server = await openSkippingServer();
  bench = await openBench(lab, { environment: server });
});
afterAll(async () => {
  await bench.close();
  await server.teardown();
});

test('is tried again and again in runs with short histories, and the tries count on', async () => {
  await lab.connect(vmHost(vm));
  const machine = lab.machine('10.0.2.1');
  machine.isOn = false;
  let dials = 0;
  const { connect } = lab;
  lab.connect = (host) => {
    dials += 1;
    // Off for sixty tries, which is an hour.
    if (dials === 60) machine.isOn = true;
    return connect.call(lab, host);
  };
  const input = { verb: 'remove', spec: exampleSpec(), vm, digest: 'sha256:aa', epoch: 1 };
  const first = await bench.begin('keepAgent', input);
  expect(await first.result()).toMatchObject({ state: 'done' });
  const lengths: number[] = [];
  const tries: number[] = [];
  for (let runId: string | undefined = first.firstExecutionRunId; runId; ) {
    const events = await eventsOf(first.workflowId, runId);
    lengths.push(events.length);
    const next = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes;
    if (next)
      tries.push((defaultDataConverter.payloadConverter.fromPayload(next.input!.payloads![0]!) as KeptAgent).tries!);
    runId = next?.newExecutionRunId ?? undefined;
  }
  expect(lengths.length).toBeGreaterThan(2);
  expect(Math.max(...lengths)).toBeLessThan(230);
  expect(tries).toEqual(tries.toSorted((a, b) => a - b));
  expect(tries.at(-1)).toBeGreaterThan(30);
}, 180_000);

async function eventsOf(workflowId: string, runId: string) {
  const { events } = await server.client.workflow.getHandle(workflowId, runId).fetchHistory();
  return events ?? [];
}
