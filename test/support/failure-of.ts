import { WorkflowFailedError } from '@temporalio/client';

/** What a run failed with: the innermost cause that has a type. @throws {Error} when it did not fail. */
export async function failureOf(
  run: Promise<unknown>,
): Promise<{ type?: string; message: string; details?: unknown[] | null }> {
  try {
    await run;
  } catch (error) {
    let inner: unknown = error instanceof WorkflowFailedError ? error.cause : error;
    while (inner instanceof Error && inner.cause instanceof Error && !('type' in inner && inner.type))
      inner = inner.cause;
    return inner as { type?: string; message: string; details?: unknown[] | null };
  }
  throw new Error('it did not fail');
}
