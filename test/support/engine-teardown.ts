import { stopOwnEngine } from '../../src/lab/engine';

/** Only an engine that the setup started is ended. */
export default async function teardown(): Promise<void> {
  await stopOwnEngine();
}
