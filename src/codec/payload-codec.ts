import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { CodecKeyError, type CodecKey as Key } from './key-ring';

/**
 * Payloads under AES-256-GCM: nonce (12 bytes), ciphertext, tag (16 bytes). The key's id stands in the metadata and is
 * authenticated with the rest, so that keys can be changed while old histories stay readable.
 */
const encoding = 'binary/encrypted';
const cipherName = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

const text = (value: string) => Buffer.from(value, 'utf8');
const read = (value: Uint8Array | null | undefined) => (value ? Buffer.from(value).toString('utf8') : '');

export function isEncrypted(payload: Payload): boolean {
  return read(payload.metadata?.encoding) === encoding;
}

/** The last key writes, all read. What was never encrypted passes through, so that older histories stay readable. */
export function createPayloadCodec(keys: readonly Key[]): PayloadCodec {
  const writing = keys.at(-1);
  if (!writing) throw new RangeError('a codec needs a key');
  const byId = new Map(keys.map((key) => [key.id, key]));
  return {
    encode: async (payloads) => payloads.map((payload) => encrypt(payload, writing)),
    decode: async (payloads) => payloads.map((p) => (isEncrypted(p) ? decrypt(p, byId) : p)),
  };
}

/** For a side that has no key: plain payloads pass, an encrypted one says what is missing. */
export const refusingCodec: PayloadCodec = {
  encode: async (payloads) => payloads,
  decode: async (payloads) => payloads.map((p) => (isEncrypted(p) ? decrypt(p, new Map()) : p)),
};

function encrypt(payload: Payload, key: Key): Payload {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(cipherName, key.secret, nonce, { authTagLength: tagBytes });
  cipher.setAAD(associated(key.id));
  const plain = temporal.api.common.v1.Payload.encode(payload).finish();
  const data = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return { metadata: { encoding: text(encoding), 'encryption-key-id': text(key.id) }, data };
}

function decrypt(payload: Payload, keys: ReadonlyMap<string, Key>): Payload {
  const id = read(payload.metadata?.['encryption-key-id']);
  const key = keys.get(id);
  if (!key) {
    const message = `a payload is encrypted with the key ${id || 'of no name'}, which is not here`;
    const hint =
      'KRAKENCTL_CODEC_KEY_FILE=… with the file that the workers have; krakenctl temporal keys list names its keys';
    throw new CodecKeyError('CODEC_KEY_UNKNOWN', message, hint);
  }
  const data = Buffer.from(payload.data ?? []);
  try {
    const nonce = data.subarray(0, nonceBytes);
    const decipher = createDecipheriv(cipherName, key.secret, nonce, { authTagLength: tagBytes });
    decipher.setAAD(associated(id));
    decipher.setAuthTag(data.subarray(-tagBytes));
    const plain = Buffer.concat([decipher.update(data.subarray(nonceBytes, -tagBytes)), decipher.final()]);
    return temporal.api.common.v1.Payload.decode(plain);
  } catch {
    const message = `a payload of the key ${id} is not as it was written: changed on its way, or damaged`;
    throw new CodecKeyError('CODEC_PAYLOAD_INVALID', message, 'krakenctl temporal status');
  }
}

function associated(keyId: string): Buffer {
  return text(`krakenctl payload 1\0${keyId}`);
}
