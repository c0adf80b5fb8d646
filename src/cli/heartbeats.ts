import type { WorkflowHandle } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import type { OperationProgress } from '../contracts/operation';
import { withGates } from './gate-text';
import { transfersIn, withTransfers } from './transfers';

const askEveryMs = 1000;

/** What the activities under way say of themselves, put onto an operation's lines. Asks at most once a second, and only while there is one that says something. */
export class HeartbeatWatch {
  private latest: object[] = [];
  private askedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly handle: WorkflowHandle,
    private readonly now: () => number = Date.now,
  ) {}

  async onto(progress: OperationProgress): Promise<OperationProgress> {
    if (!progress.stages.some(says)) return progress;
    if (this.now() - this.askedAt >= askEveryMs) {
      this.askedAt = this.now();
      this.latest = await readHeartbeats(this.handle).catch(() => this.latest);
    }
    return withGates(withTransfers(progress, transfersIn(this.latest)), this.latest);
  }
}

function says({ id, state, now }: OperationProgress['stages'][number]): boolean {
  return state === 'running' && (id === 'images' || now.some((line) => line.startsWith('gate ')));
}

/** The newest details of each pending activity. */
async function readHeartbeats(handle: WorkflowHandle): Promise<object[]> {
  const { raw } = await handle.describe();
  const payloads = (raw.pendingActivities ?? []).flatMap((activity) => activity.heartbeatDetails?.payloads?.[0] ?? []);
  const details = await Promise.all(payloads.map((payload) => decodeHeartbeat(handle, payload)));
  return details.filter((d): d is object => typeof d === 'object' && d !== null);
}

/** A description comes as the server has it, under the codec. */
async function decodeHeartbeat({ client }: WorkflowHandle, payload: Payload): Promise<unknown> {
  const { payloadConverter, payloadCodecs } = client.options.loadedDataConverter;
  let payloads = [payload];
  for (const codec of [...payloadCodecs].reverse()) payloads = await codec.decode(payloads);
  return payloadConverter.fromPayload(payloads[0]!);
}
