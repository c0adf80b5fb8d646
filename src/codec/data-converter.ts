import { join } from 'node:path';
import type { DataConverter } from '@temporalio/common';
import { stateFolder } from '../config/state-folder';
import { readKeyRing } from './key-ring';
import { isLoopback } from './loopback';
import { createPayloadCodec, refusingCodec } from './payload-codec';

/** How values cross to Temporal: the same for CLI and worker, from the same environment (decisions 4). */
export interface Conversion {
  /** Payloads leave this process encrypted. */
  encrypts: boolean;
  dataConverter: DataConverter;
}

export const keyFileVariable = 'KRAKENCTL_CODEC_KEY_FILE';

export function codecKeyPath(environment: NodeJS.ProcessEnv): string {
  return environment[keyFileVariable] || join(stateFolder(environment), 'codec.key');
}

/**
 * On for any address that is not this machine, and wherever a key file is named; off on a loopback address without one, which is a dev server.
 * @throws {CodecKeyError} when it is on and there is no usable key.
 */
export function conversionFor(address: string, environment: NodeJS.ProcessEnv): Conversion {
  if (!environment[keyFileVariable] && isLoopback(address)) {
    return { encrypts: false, dataConverter: { payloadCodecs: [refusingCodec] } };
  }
  const codec = createPayloadCodec(readKeyRing(codecKeyPath(environment)));
  const failureConverterPath = require.resolve('./failure-converter');
  return { encrypts: true, dataConverter: { payloadCodecs: [codec], failureConverterPath } };
}
