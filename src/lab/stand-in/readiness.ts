import { type Exchange, HttpFailure, sendText } from './http-router';
import { isHeldBack } from './misbehaviour';

const heldBack = 'this version of the stand-in holds back';

/** 200, or 503 with the reason. */
export async function answerReadiness({ response }: Exchange, check: () => Promise<void>): Promise<void> {
  if (isHeldBack()) throw new HttpFailure(503, `not ready to serve traffic: ${heldBack}`);
  await check().catch((error: Error) => {
    throw new HttpFailure(503, `not ready to serve traffic: ${error.message}`);
  });
  sendText(response, 'OK\n');
}

/** Of parts that have no /readiness: what holds back their version shows here. */
export function answerHealth({ response }: Exchange): void {
  if (isHeldBack()) throw new HttpFailure(503, heldBack);
  sendText(response, 'OK\n');
}
