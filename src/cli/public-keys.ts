import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Finding } from '../cluster/preflight/findings';
import { isPublished, keySum } from '../cluster/tls/published';

const keys = ['CERT_PATH', 'KEY_PATH', 'CA_PATH'];

/** The files are on the worker's machine; where they are not here, there is nothing to say. */
export function findPublicKeys(settings: Record<string, { value?: unknown } | undefined>): Finding[] {
  return keys.flatMap((key): Finding[] => {
    const path = settings[key]?.value;
    const sum = typeof path === 'string' ? fingerprintOf(path) : undefined;
    if (sum === undefined || !isPublished(sum)) return [];
    return [
      {
        code: 'PUBLIC_KEY',
        level: 'failure',
        what: `${key} ${path} is one of Kraken's own test keys`,
        why: 'its private key is published with the source of Kraken: anybody can pose as your cluster',
        mend: 'make a key of your own',
      },
    ];
  });
}

/** Hex SHA-256 of the public key in a PEM file; undefined when there is none that can be read. */
export function fingerprintOf(path: string): string | undefined {
  try {
    const pem = readFileSync(path, 'utf8');
    const key: KeyObject = pem.includes('CERTIFICATE') ? new X509Certificate(pem).publicKey : createPublicKey(pem);
    return keySum(key);
  } catch {
    return undefined;
  }
}
