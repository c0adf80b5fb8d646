import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { labName, temporalPort } from './lab';

/** What a person can do in Temporal's own UI, behind krakenctl's back. */
export async function terminateOperation(): Promise<void> {
  await withOperation((handle) => handle.terminate('by hand'));
}

/** By a query, which costs the machine a tenth of a command; false where no worker or no Temporal answers. */
export async function waitsForApproval(): Promise<boolean> {
  const asked = withOperation((handle) => handle.query<{ hold?: { kind: string } }>('progress'));
  return (await asked.catch(() => undefined))?.hold?.kind === 'approval';
}

async function withOperation<T>(use: (handle: WorkflowHandle) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: `127.0.0.1:${temporalPort}`, connectTimeout: '2s' });
  try {
    const { workflow } = new Client({ connection });
    return await connection.withDeadline(Date.now() + 5_000, () =>
      use(workflow.getHandle(`kraken-${labName}-operation`)),
    );
  } finally {
    await connection.close();
  }
}
