import type { OperationProgress } from '../contracts/operation';

/** How far each image is on its way, as the activities that move them say in their heartbeats (`step`, `doneBytes`, `totalBytes`). */
export type Transfers = Record<string, { doneBytes: number; totalBytes: number }>;

const MiB = 1024 * 1024;

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

interface TransferBeat {
  step?: string;
  doneBytes?: number;
  totalBytes?: number;
}

export function transfersIn(heartbeats: object[]): Transfers {
  const transfers: Transfers = {};
  for (const { step, doneBytes, totalBytes = 0 } of heartbeats as TransferBeat[]) {
    if (step && doneBytes !== undefined) transfers[step] = { doneBytes, totalBytes };
  }
  return transfers;
}
