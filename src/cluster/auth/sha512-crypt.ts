import { createHash } from 'node:crypto';

/**
 * `$6$` of crypt(3): what NGINX has the C library verify, glibc's and musl's alike. After Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512",
 * with its usual 5,000 rounds.
 */
export function sha512Crypt(password: string, salt: string): string {
  const key = Buffer.from(password, 'utf8');
  const start = salt.slice(0, longestSalt);
  return `$6$${start}$${encode(rounds(key, Buffer.from(start), firstSum(key, Buffer.from(start))))}`;
}

const usualRounds = 5000;
const longestSalt = 16;
const sumBytes = 64;
const sum = (...parts: Buffer[]) => parts.reduce((hash, part) => hash.update(part), createHash('sha512')).digest();

/** As many bytes as are asked for, of a sum over and over. */
function repeated(source: Buffer, length: number): Buffer {
  return Buffer.concat(Array.from({ length: Math.ceil(length / sumBytes) }, () => source)).subarray(0, length);
}

function firstSum(key: Buffer, salt: Buffer): Buffer {
  const other = sum(key, salt, key);
  const parts = [key, salt, repeated(other, key.length)];
  for (let bits = key.length; bits > 0; bits >>= 1) parts.push(bits & 1 ? other : key);
  return sum(...parts);
}

function rounds(key: Buffer, salt: Buffer, first: Buffer): Buffer {
  const p = repeated(sum(...Array.from({ length: key.length }, () => key)), key.length);
  const s = repeated(sum(...Array.from({ length: 16 + first[0]! }, () => salt)), salt.length);
  let last = first;
  for (let round = 0; round < usualRounds; round += 1) {
    const parts = [round % 2 ? p : last];
    if (round % 3) parts.push(s);
    if (round % 7) parts.push(p);
    parts.push(round % 2 ? last : p);
    last = sum(...parts);
  }
  return last;
}

const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Three bytes, each 21 from the next in a ring of 63, become four characters, least bits first; the 64th byte is alone. */
function encode(bytes: Buffer): string {
  let text = '';
  const put = (word: number, characters: number) => {
    for (let i = 0, rest = word; i < characters; i += 1, rest >>= 6) text += alphabet[rest & 63];
  };
  for (let i = 0; i < 21; i += 1) {
    const at = [i, i + 21, i + 42];
    const [a, b, c] = at.map((_, turn) => bytes[at[(turn + (i % 3)) % 3]!]!) as [number, number, number];
    put((a << 16) | (b << 8) | c, 4);
  }
  put(bytes[63]!, 2);
  return text;
}
