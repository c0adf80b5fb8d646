import type { WorkflowHandle } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import type { OperationProgress } from '../contracts/operation';

/** How far each image is on its way, as the activities that move them say in their heartbeats (`step`, `doneBytes`, `totalBytes`). */
export type Transfers = Record<string, { doneBytes: number; totalBytes: number }>;

const MiB = 1024 * 1024;
const askEveryMs = 1000;

/** Asks at most once a second, and only while images are on their way. */
export class TransferWatch {
  private latest: Transfers = {};
  private askedAt = 0;

  constructor(private readonly handle: WorkflowHandle) {}

  async onto(progress: OperationProgress): Promise<OperationProgress> {
    const moving = progress.stages.some((s) => s.id === 'images' && s.state === 'running');
    if (moving && Date.now() - this.askedAt >= askEveryMs) {
      this.askedAt = Date.now();
      this.latest = await readTransfers(this.handle).catch(() => this.latest);
    }
    return moving ? withTransfers(progress, this.latest) : progress;
  }
}

/** `node-1: bring redis:7.0` → `node-1: bring redis:7.0 12 of 40 MiB`. */
export function withTransfers(progress: OperationProgress, transfers: Transfers): OperationProgress {
  const label = (now: string) => {
    const transfer = transfers[now];
    if (!transfer) return now;
    const done = Math.floor(transfer.doneBytes / MiB);
    return transfer.totalBytes > 0
      ? `${now} ${done} of ${Math.ceil(transfer.totalBytes / MiB)} MiB`
      : `${now} ${done} MiB`;
  };
  return { ...progress, stages: progress.stages.map((stage) => ({ ...stage, now: stage.now.map(label) })) };
}

interface Heartbeat {
  step?: string;
  doneBytes?: number;
  totalBytes?: number;
}

/** A description comes as the server has it, under the codec. */
async function decodeHeartbeat({ client }: WorkflowHandle, payload: Payload): Promise<Heartbeat | null> {
  const { payloadConverter, payloadCodecs } = client.options.loadedDataConverter;
  let payloads = [payload];
  for (const codec of [...payloadCodecs].reverse()) payloads = await codec.decode(payloads);
  return payloadConverter.fromPayload<Heartbeat | null>(payloads[0]!);
}

async function readTransfers(handle: WorkflowHandle): Promise<Transfers> {
  const { raw } = await handle.describe();
  const transfers: Transfers = {};
  for (const activity of raw.pendingActivities ?? []) {
    const payload = activity.heartbeatDetails?.payloads?.[0];
    if (!payload) continue;
    const details = await decodeHeartbeat(handle, payload);
    if (details?.step && details.doneBytes !== undefined) {
      transfers[details.step] = { doneBytes: details.doneBytes, totalBytes: details.totalBytes ?? 0 };
    }
  }
  return transfers;
}
