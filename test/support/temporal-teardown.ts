import { rmSync } from 'node:fs';
import type { TestWorkflowEnvironment } from '@temporalio/testing';

export default async function teardown(): Promise<void> {
  const kept = globalThis as { krakenctlTestEnvironment?: TestWorkflowEnvironment; krakenctlTestFolder?: string };
  await kept.krakenctlTestEnvironment?.teardown();
  if (kept.krakenctlTestFolder) rmSync(kept.krakenctlTestFolder, { recursive: true, force: true });
}
