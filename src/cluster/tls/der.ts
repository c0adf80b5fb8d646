/** As much of ASN.1 in DER (X.690) as an X.509 certificate is made of. */

export function tlv(tag: number, ...contents: Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), length(body.length), body]);
}

function length(n: number): Buffer {
  if (n < 0x80) return Buffer.from([n]);
  const bytes: number[] = [];
  for (let rest = n; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

export const sequence = (...items: Buffer[]) => tlv(0x30, ...items);
export const set = (...items: Buffer[]) => tlv(0x31, ...items);
export const octets = (bytes: Buffer) => tlv(0x04, bytes);
export const yes = tlv(0x01, Buffer.from([0xff]));
export const nothing = tlv(0x05);
/** Of whole bytes. */
export const bits = (bytes: Buffer, unused = 0) => tlv(0x03, Buffer.from([unused]), bytes);
/** `[n]` around what is inside. */
export const tagged = (n: number, ...items: Buffer[]) => tlv(0xa0 | n, ...items);
/** `[n]` instead of the tag of a string. */
export const named = (n: number, bytes: Buffer) => tlv(0x80 | n, bytes);
export const utf8 = (text: string) => tlv(0x0c, Buffer.from(text, 'utf8'));

/** Not negative. */
export function integer(bytes: Buffer): Buffer {
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === 0) from += 1;
  const kept = bytes.subarray(from);
  return kept[0]! & 0x80 ? tlv(0x02, Buffer.from([0]), kept) : tlv(0x02, kept);
}

/** `2.5.29.17` */
export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let n = arc >> 7; n > 0; n >>= 7) digits.unshift((n & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return tlv(0x06, Buffer.from(bytes));
}

/** UTCTime up to 2049, as RFC 5280 wants it. */
export function time(at: Date): Buffer {
  const text = at.toISOString().replace(/[-:T]|\.\d+/g, '');
  return at.getUTCFullYear() < 2050 ? tlv(0x17, Buffer.from(text.slice(2))) : tlv(0x18, Buffer.from(text));
}
