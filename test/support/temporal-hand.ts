import { Client, Connection } from '@temporalio/client';
import { labName, temporalPort } from './lab';

/** What a person can do in Temporal's own UI, behind krakenctl's back. */
export async function terminateOperation(): Promise<void> {
  const connection = await Connection.connect({ address: `127.0.0.1:${temporalPort}` });
  try {
    await new Client({ connection }).workflow.getHandle(`kraken-${labName}-operation`).terminate('by hand');
  } finally {
    await connection.close();
  }
}
