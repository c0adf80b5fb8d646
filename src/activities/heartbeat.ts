import { Context } from '@temporalio/activity';

const beatEveryMs = 1000;
/** Last details by activity, so that the beat of the clock does not wipe them. */
const lastDetails = new WeakMap<Context, unknown>();

/** Says where a long activity is, and stops it when Temporal cancelled it. Outside of Temporal (`plan` without a worker) it is silent. */
export function beat(details: unknown): void {
  const context = currentContext();
  if (!context) return;
  lastDetails.set(context, details);
  context.heartbeat(details);
  context.cancellationSignal.throwIfAborted();
}

/** Repeats the last details every second until the returned function is called. */
export function keepBeating(): () => void {
  const context = currentContext();
  if (!context) return () => undefined;
  const timer = setInterval(() => context.heartbeat(lastDetails.get(context)), beatEveryMs);
  return () => clearInterval(timer);
}

/** 1 for the first; outside of Temporal there is no other. */
export function attempt(): number {
  return currentContext()?.info.attempt ?? 1;
}

export function cancellation(): AbortSignal | undefined {
  return currentContext()?.cancellationSignal;
}

function currentContext(): Context | undefined {
  try {
    return Context.current();
  } catch {
    return undefined;
  }
}

/** Waits, but not past a cancellation. */
export async function pause(ms: number): Promise<void> {
  const signal = cancellation();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done, { once: true });
  });
  signal?.throwIfAborted();
}
