import { homedir } from 'node:os';
import { join } from 'node:path';
import { ensureEngine } from '../../src/lab/engine';

/** A Docker engine, installed and started where there is none; the contract suite needs nothing else of the lab. */
export default async function setup(): Promise<void> {
  process.env.KRAKENCTL_STATE_DIR ??= join(homedir(), '.local', 'state', 'krakenctl-test');
  await ensureEngine((message) => process.stderr.write(` ▸ engine: ${message}\n`));
}
