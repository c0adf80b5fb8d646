import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** OpenSSH's known_hosts: plain and hashed names, `[host]:port`, several keys a host; `@revoked` lines refuse a key. */
export type HostKeyVerdict = 'pinned' | 'unknown' | 'changed';

interface Entry {
  revoked: boolean;
  names: string[];
  key: string;
}

function parse(text: string): Entry[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    if (fields[0] === undefined || fields[0] === '' || fields[0].startsWith('#')) return [];
    const marker = fields[0].startsWith('@') ? fields.shift() : undefined;
    // Certificate authorities sign keys that we do not see; such a line pins nothing here.
    if (marker === '@cert-authority' || fields.length < 3) return [];
    return [{ revoked: marker === '@revoked', names: fields[0]!.split(','), key: fields[2]! }];
  });
}

/** How known_hosts writes a host: a port other than 22 is part of the name. */
function nameOf(address: string, port: number): string {
  return port === 22 ? address : `[${address}]:${port}`;
}

function matches(pattern: string, name: string): boolean {
  if (!pattern.startsWith('|1|')) return pattern === name;
  const [, , salt, hash] = pattern.split('|');
  if (salt === undefined || hash === undefined) return false;
  const digest = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  const expected = Buffer.from(hash, 'base64');
  return digest.length === expected.length && timingSafeEqual(digest, expected);
}

export class KnownHosts {
  constructor(readonly path: string) {}

  /** @param key the raw key as it comes over the wire */
  judge(address: string, port: number, key: Buffer): HostKeyVerdict {
    const text = existsSync(this.path) ? readFileSync(this.path, 'utf8') : '';
    const name = nameOf(address, port);
    const entries = parse(text).filter((e) => e.names.some((pattern) => matches(pattern, name)));
    const encoded = key.toString('base64');
    const found = entries.find((e) => e.key === encoded);
    if (found) return found.revoked ? 'changed' : 'pinned';
    // A key of a kind that is not pinned yet counts as changed too: whoever sits in between chooses the kind.
    return entries.length > 0 ? 'changed' : 'unknown';
  }

  pin(address: string, port: number, key: Buffer): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    appendFileSync(this.path, `${nameOf(address, port)} ${keyType(key)} ${key.toString('base64')}\n`, { mode: 0o600 });
  }

  /** Kinds of key that are pinned for a host, so that it is asked for one of these. */
  kindsOf(address: string, port: number): string[] {
    const text = existsSync(this.path) ? readFileSync(this.path, 'utf8') : '';
    const name = nameOf(address, port);
    const keys = parse(text).filter((e) => !e.revoked && e.names.some((pattern) => matches(pattern, name)));
    return [...new Set(keys.map((e) => keyType(Buffer.from(e.key, 'base64'))))];
  }
}

/** The wire format begins with the length and the name of the kind. */
function keyType(key: Buffer): string {
  return key.subarray(4, 4 + key.readUInt32BE(0)).toString();
}

/** As ssh-keygen prints it. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}
