import { createCipheriv, createDecipheriv, createHash, createHmac, scryptSync } from 'node:crypto';

/**
 * What is derived from AUTH_SECRET, for one cluster. A secret that a person thought of is short, and what is derived from it lies on VMs: so it
 * is stretched first (scrypt), and guessing costs as much for each word that is tried.
 */
export interface AuthKeys {
  /** Tells one secret from another and says nothing of it: 16 hex digits. It stands in specs, records and histories. */
  fingerprint: string;
  /** Of krakenctl itself, of a VM; 43 characters of base64url, 256 bits. */
  password(who: string): string;
  /** The same each time, so that a file of hashes is the same each time. 16 bytes. */
  salt(who: string): Buffer;
  /** Only who has the secret reads it, and knows that it is whole and of this place. The same text gives the same seal. */
  seal(text: string, place: string): string;
  /** @throws {Error} where it was sealed with another secret, for another place, or is damaged. */
  open(sealed: string, place: string): string;
}

/** 16 MiB and some 40 ms for each guess. */
const stretching = { N: 2 ** 14, r: 8, p: 1 };
const known = new Map<string, AuthKeys>();
const mostKnown = 8;

export function authKeys(secret: string, cluster: string): AuthKeys {
  // Not the secret itself: what is remembered may be looked at.
  const name = createHash('sha256')
    .update(JSON.stringify([cluster, secret]))
    .digest('hex');
  const found = known.get(name);
  if (found) return found;
  const made = derive(scryptSync(secret, `krakenctl auth\0${cluster}`, 32, stretching));
  if (known.size >= mostKnown) known.delete(known.keys().next().value!);
  known.set(name, made);
  return made;
}

const nonceBytes = 12;
const tagBytes = 16;

function derive(master: Buffer): AuthKeys {
  const mac = (purpose: string, what: string | Buffer) =>
    createHmac('sha256', master).update(`${purpose}\0`).update(what).digest();
  const sealing = mac('seal', '');
  return {
    fingerprint: mac('fingerprint', '').toString('hex').slice(0, 16),
    password: (who) => mac('password', who).toString('base64url'),
    salt: (who) => mac('salt', who).subarray(0, 16),
    seal(text, place) {
      // Made from the text, as no two texts may share one: chance would give every attempt of an activity another file.
      const nonce = mac('nonce', JSON.stringify([place, text])).subarray(0, nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', sealing, nonce).setAAD(Buffer.from(place));
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64');
    },
    open(sealed, place) {
      const bytes = Buffer.from(sealed, 'base64');
      const decipher = createDecipheriv('aes-256-gcm', sealing, bytes.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      }).setAAD(Buffer.from(place));
      decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
      const body = bytes.subarray(nonceBytes + tagBytes);
      return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
    },
  };
}
