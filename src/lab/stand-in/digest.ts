import { HttpFailure } from './http-router';

/** `sha256:<hex>` to its hex part; undefined for anything else. */
export function hexOf(digest: string): string | undefined {
  return /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
}

/** @throws {HttpFailure} 400 */
export function readDigest(text: string | undefined): string {
  const hex = hexOf(text ?? '');
  if (!hex) throw new HttpFailure(400, `parse digest: invalid digest: ${text}`);
  return hex;
}
