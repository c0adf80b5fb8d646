import { Client, Connection } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { benchNamespaces } from './bench-namespaces';

type Event = temporal.api.history.v1.IHistoryEvent;

/** One run of an operation, as Temporal keeps it. */
export interface Run {
  runId: string;
  events: Event[];
  /** Of the history as it crosses. */
  bytes: number;
}

/** Takes histories as large as the command line does. */
export async function openWideClient(): Promise<{ client: Client; close: () => Promise<void> }> {
  const connection = await Connection.connect({
    address: process.env.KRAKENCTL_TEST_TEMPORAL!,
    channelArgs: { 'grpc.max_receive_message_length': 64 * 1024 * 1024 },
  });
  const namespace = benchNamespaces[Number(process.env.JEST_WORKER_ID ?? 1) - 1]!;
  return { client: new Client({ connection, namespace }), close: () => connection.close() };
}

/** All runs of an operation, from the first to the last. */
export async function runsOf(client: Client, { workflowId, runId }: { workflowId: string; runId: string }) {
  const runs: Run[] = [];
  for (let next: string | null | undefined = runId; next; ) {
    const { events } = await client.workflow.getHandle(workflowId, next).fetchHistory();
    const bytes = temporal.api.history.v1.History.encode({ events }).finish().length;
    runs.push({ runId: next, events: events ?? [], bytes });
    next = events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
  }
  return runs;
}

/** Sizes of all values that crossed. */
export function payloadSizes(runs: Run[]): number[] {
  return runs.flatMap(({ events }) => events.flatMap((event) => Object.values(event).flatMap(sizesIn)));
}

function sizesIn(attributes: unknown): number[] {
  if (typeof attributes !== 'object' || attributes === null) return [];
  const { input, result, details } = attributes as Record<string, { payloads?: { data: Uint8Array }[] } | undefined>;
  const markers = Object.values((details as Record<string, typeof input>) ?? {});
  return [input, result, ...markers].flatMap((each) => (each?.payloads ?? []).map(({ data }) => data?.length ?? 0));
}
