import { createHash, type KeyObject } from 'node:crypto';

/**
 * SHA-256 of the public keys (SubjectPublicKeyInfo, DER) in the test/tls folder of uber/kraken, over its whole history: their private halves
 * are published there, and inside Kraken's images.
 */
const published = new Set([
  '1fd12ee973cd3c39ea94d85781e6b731259e079d1b65b5b79c3327b3af5e59a2',
  '21dbc5ca561737666eaed64707fc4d9ace8ed1d510f7702c7866ddcd8f4f85fe',
  '498cb69e18fa6f767b69f18305cbfc356430265f6b371a80e56d51581a0b8849',
  '81016e6effef333f89385f4cf5dc284e5c689553e6ee7bad5c2c85699da4ce8f',
  '9ea25fefeb6fe7dd4e2eecd2294392aef7467073b78a23a6c7ac18f5cef2f1e1',
  'a1313099a7908c6390cbfcbd95efb44ceb7dbade142657d2e75be871a57dbc5a',
  'aafbb9fb2300455679515f42bd4764c87b09f52ee47eae5f37701836b6049393',
  'd745cbdbf28d3d09ab37f56d2e1cebab308da449d665c64c699ab86c409bdadf',
]);

/** Hex SHA-256 of a public key, or of the public half of a private one where it was made of that. */
export function keySum(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

export function isPublished(sum: string): boolean {
  return published.has(sum);
}
