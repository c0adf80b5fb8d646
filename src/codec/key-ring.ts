import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Keys of the payload codec: a file of one key a line. All of them read; the last one writes. */
export interface CodecKey {
  /** Derived from the key, so that it can neither be mistyped nor stand beside another key. */
  id: string;
  /** 32 bytes. */
  secret: Buffer;
}

const keyBytes = 32;

/** What is wrong with the keys, or with a payload in their light; `hint` is the line to type. */
export class CodecKeyError extends Error {
  override readonly name = 'CodecKeyError';

  constructor(
    readonly code: 'CODEC_KEY_MISSING' | 'CODEC_KEY_INVALID' | 'CODEC_KEY_UNKNOWN' | 'CODEC_PAYLOAD_INVALID',
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

/** @throws {CodecKeyError} where there is no file, others may read it, or a line is not 32 bytes in base64. */
export function readKeyRing(path: string): CodecKey[] {
  const keys = parseKeyRing(readPrivately(path), path);
  if (keys.length > 0) return keys;
  throw new CodecKeyError('CODEC_KEY_MISSING', `${path} holds no key`, 'krakenctl temporal keys add');
}

export function parseKeyRing(text: string, path: string): CodecKey[] {
  return text.split('\n').flatMap((raw, i) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return [];
    const secret = Buffer.from(line, 'base64');
    // Node's decoder skips what is no base64; only what reads back the same was a key.
    if (secret.length === keyBytes && secret.toString('base64') === line) return [{ id: keyId(secret), secret }];
    const expectation = `expected ${keyBytes} bytes in base64, 44 characters`;
    throw new CodecKeyError('CODEC_KEY_INVALID', `${path}:${i + 1}: ${expectation}`, 'copy the whole file again');
  });
}

/** Adds a new key, which is the writing one from now on; makes the file where there is none. */
export function addKey(path: string): CodecKey {
  const before = readIfThere(path);
  if (before !== undefined) parseKeyRing(before, path);
  const secret = randomBytes(keyBytes);
  const text = `${before === undefined ? '' : before.replace(/\n*$/, '\n')}${secret.toString('base64')}\n`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  const file = openSync(aside, 'wx', 0o600);
  writeFileSync(file, text);
  fsyncSync(file);
  closeSync(file);
  renameSync(aside, path);
  return { id: keyId(secret), secret };
}

function keyId(secret: Buffer): string {
  return createHash('sha256').update('krakenctl codec key\0').update(secret).digest('hex').slice(0, 16);
}

function readIfThere(path: string): string | undefined {
  try {
    return readPrivately(path);
  } catch (error) {
    if (error instanceof CodecKeyError && error.code === 'CODEC_KEY_MISSING') return undefined;
    throw error;
  }
}

/** The very file that was judged is read, not another that took its name meanwhile. */
function readPrivately(path: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') {
      const message = `no codec key at ${path}`;
      const hint = 'krakenctl temporal keys add, or copy the file from where the workers have it (mode 0600)';
      throw new CodecKeyError('CODEC_KEY_MISSING', message, hint);
    }
    throw new CodecKeyError('CODEC_KEY_INVALID', `${path} cannot be read: ${code}`, `ls -l ${path}`);
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw new CodecKeyError('CODEC_KEY_INVALID', `${path} is no file`, `ls -l ${path}`);
    if ((stat.mode & 0o077) !== 0) {
      const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
      const message = `${path} has mode ${mode}: others than its owner may reach the keys, expected 0600`;
      throw new CodecKeyError('CODEC_KEY_INVALID', message, `chmod 600 ${path}`);
    }
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}
