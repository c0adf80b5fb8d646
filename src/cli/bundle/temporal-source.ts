import { connectTemporal, type Temporal } from '../connect';
import { toCliFailure } from '../failure';
import { listRuns, type OperationSummary } from '../operation-list';
import { findPollers } from '../pollers';
import { findVersions } from '../worker-versions';
import type { Collected, Missing, Source } from './bundle';

const histories = 10;

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
  const [pollers, runs] = await Promise.all([
    findPollers(temporal),
    listRuns(temporal, cluster, histories, { every: true }),
  ]);
  const versions = await findVersions(temporal, pollers);
  const missing: Missing[] = [];
  const files: Record<string, unknown> = {
    'temporal/server.json': { address, namespace, pollers, versions },
    'temporal/operations.json': runs,
  };
  for (const run of runs) {
    // An operation may have gone on in further runs.
    const first = `temporal/${run.id}.json`;
    const path = first in files ? `temporal/${run.id}-${run.runId}.json` : first;
    try {
      files[path] = await readHistory(temporal, run);
    } catch (error) {
      missing.push({ what: path, why: toCliFailure(error).message });
    }
  }
  return { files, missing };
}

async function readHistory(temporal: Temporal, { workflowId, runId }: OperationSummary): Promise<unknown> {
  const { historyToJSON } = await import('@temporalio/common/lib/proto-utils.js');
  const handle = temporal.client.workflow.getHandle(workflowId!, runId);
  return decodePayloads(JSON.parse(historyToJSON(await handle.fetchHistory())));
}

/** Payloads as what they say: in base64 nobody reads them, and no secret in them would be found. */
export function decodePayloads(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decodePayloads);
  if (typeof value !== 'object' || value === null) return value;
  const { data, metadata } = value as { data?: unknown; metadata?: unknown };
  if (typeof data === 'string' && typeof metadata === 'object') return decodeData(data);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, decodePayloads(inner)]));
}

function decodeData(data: string): unknown {
  const text = Buffer.from(data, 'base64').toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
