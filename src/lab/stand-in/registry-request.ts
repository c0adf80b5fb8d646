import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BlobStore } from './blob-store';
import { hexOf } from './digest';

/** Where a registry's images come from; {@link ImageSink} is what proxies have in addition. */
export interface ImageSource {
  store: BlobStore;
  /** Into the store, when it is not there yet; false when nobody has it. */
  fetch(repository: string, hex: string): Promise<boolean>;
  /** Length of a blob, wherever it is. */
  size(repository: string, hex: string): Promise<number | undefined>;
  findTag(tag: string): Promise<string | undefined>;
  sink?: ImageSink;
}

export interface ImageSink {
  /** From the store to where it stays. */
  upload(hex: string): Promise<void>;
  putTag(tag: string, hex: string): Promise<void>;
  listTags(repository: string): Promise<string[]>;
}

/** One request to a registry, after its path was read. */
export interface RegistryRequest {
  source: ImageSource;
  request: IncomingMessage;
  response: ServerResponse;
  repository: string;
  /** Tag or digest, or an upload's id. */
  reference: string;
  query: URLSearchParams;
}

/** An answer in the registry's own form. */
export class RegistryFailure extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** @throws {RegistryFailure} 400 */
export function readDigest(text: string): string {
  const hex = hexOf(text);
  if (!hex) throw new RegistryFailure(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
  return hex;
}
