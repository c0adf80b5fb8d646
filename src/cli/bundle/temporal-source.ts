import type { Payload, PayloadCodec } from '@temporalio/common';
import { searchAttributes } from '../../contracts/queues';
import { connectTemporal, type Temporal } from '../connect';
import { toCliFailure } from '../failure';
import { listRuns, type OperationSummary } from '../operation-list';
import { findPollers } from '../pollers';
import { findVersions } from '../worker-versions';
import type { Collected, Missing, Source } from './bundle';

const operations = 10;
/** Of an operation that went on in further runs: beside its first. */
const lastRuns = 2;

/** The last operations with their histories, and who asks for work. */
export function temporalSource(environment: NodeJS.ProcessEnv, cluster: string): Source {
  return {
    name: 'temporal',
    async collect() {
      const temporal = await connectTemporal({ environment });
      try {
        return await collectThrough(temporal, cluster);
      } finally {
        await temporal.close();
      }
    },
  };
}

async function collectThrough(temporal: Temporal, cluster: string): Promise<Collected> {
  const { address, namespace } = temporal;
  const [pollers, runs] = await Promise.all([findPollers(temporal), listRuns(temporal, cluster, operations)]);
  const versions = await findVersions(temporal, pollers);
  const files: Collected['files'] = {
    'temporal/server.json': { address, namespace, pollers, versions },
    'temporal/operations.json': runs,
  };
  const missing: Missing[] = [];
  for (const run of runs) {
    const histories = await collectRuns(temporal, run);
    Object.assign(files, histories.files);
    missing.push(...histories.missing);
  }
  return { files, missing };
}

/** Of one operation; of those that went on in many runs, how it began and how it ended. */
async function collectRuns(temporal: Temporal, operation: OperationSummary): Promise<Required<Collected>> {
  const own = `temporal/${operation.id}`;
  const files: Record<string, unknown> = {};
  const missing: Missing[] = [];
  const all = await runsOf(temporal, operation).catch((error) => {
    missing.push({ what: `${own}: its earlier runs`, why: toCliFailure(error).message });
    return [operation.runId!];
  });
  for (const runId of new Set([...all.slice(0, lastRuns), all.at(-1)!])) {
    const path = runId === operation.runId ? `${own}.json` : `${own}-${runId}.json`;
    try {
      files[path] = await readHistory(temporal, { ...operation, runId });
    } catch (error) {
      missing.push({ what: path, why: toCliFailure(error).message });
    }
  }
  return { files, missing };
}

/** From its last run to its first. */
async function runsOf({ client }: Temporal, { id, workflowId, runId }: OperationSummary): Promise<string[]> {
  const query = `WorkflowId = '${workflowId}' AND ${searchAttributes.operation} = '${id}'`;
  const runs: { runId: string; startTime: Date }[] = [];
  for await (const run of client.workflow.list({ query })) runs.push(run);
  runs.sort((a, b) => b.startTime.getTime() - a.startTime.getTime());
  return [...new Set([runId!, ...runs.map((run) => run.runId)])];
}

async function readHistory(temporal: Temporal, { workflowId, runId }: OperationSummary): Promise<unknown> {
  const { historyToJSON } = await import('@temporalio/common/lib/proto-utils.js');
  const handle = temporal.client.workflow.getHandle(workflowId!, runId);
  const { payloadCodecs } = temporal.client.options.loadedDataConverter;
  return decodePayloads(JSON.parse(historyToJSON(await handle.fetchHistory())), payloadCodecs);
}

/**
 * Payloads as what they say: in base64, or under the key of the codec, nobody reads them, and no secret in them would be found.
 * @throws {CodecKeyError} where the key of one is not here.
 */
export async function decodePayloads(value: unknown, codecs: PayloadCodec[]): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map((inner) => decodePayloads(inner, codecs)));
  if (typeof value !== 'object' || value === null) return value;
  const { data, metadata } = value as { data?: unknown; metadata?: unknown };
  if (typeof data === 'string' && typeof metadata === 'object')
    return readData(await decode({ data, metadata: metadata as Record<string, string> }, codecs));
  const entries = Object.entries(value).map(async ([key, inner]) => [key, await decodePayloads(inner, codecs)]);
  return Object.fromEntries(await Promise.all(entries)) as unknown;
}

async function decode(
  { data, metadata }: { data: string; metadata: Record<string, string> },
  codecs: PayloadCodec[],
): Promise<string> {
  const named = Object.entries(metadata ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')]);
  let payloads: Payload[] = [{ data: Buffer.from(data, 'base64'), metadata: Object.fromEntries(named) }];
  // The last that wrote is the first that reads.
  for (const codec of [...codecs].reverse()) payloads = await codec.decode(payloads);
  return Buffer.from(payloads[0]?.data ?? []).toString('utf8');
}

function readData(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
