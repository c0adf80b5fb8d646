import { DefaultFailureConverter } from '@temporalio/common';

/** Messages and stack traces of failures become payloads, which the codec then encrypts. Loaded by path, also into the workflow bundle. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
