import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { authorityCertificate } from '../cluster/tls/certificate';
import type { Signer } from '../cluster/tls/material';

/** Where the worker keeps what signs certificates: a folder for each cluster, a file of mode 0600 for each signer. Nothing of it crosses to Temporal. */
export interface Vault {
  /** Undefined where it is not here. */
  signer(id: string): Signer | undefined;
  /** This cluster has, or had, TLS. */
  holdsAny(cluster: string): boolean;
  /** The authority that was made last. */
  newestAuthority(cluster: string): string | undefined;
  /** @returns its id */
  makeAuthority(cluster: string, nowMs: number): string;
  keep(cluster: string, signer: Signer): void;
}

export const emptyVault: Vault = {
  signer: () => undefined,
  holdsAny: () => false,
  newestAuthority: () => undefined,
  makeAuthority: () => {
    throw new Error('there is no place to keep an authority');
  },
  keep: () => {
    throw new Error('there is no place to keep a signer');
  },
};

const fifteenYearsMs = 15 * 365 * 86_400_000;
const dayMs = 86_400_000;

/** PKCS #8 in PEM; takes a second. */
export function newAuthorityKey(): string {
  return generateKeyPairSync('rsa', {
    modulusLength: 3072,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }).privateKey;
}

export function newAuthority(cluster: string, nowMs: number, privateKey = newAuthorityKey()): Signer {
  const mark = createHash('sha256').update(privateKey).digest('hex').slice(0, 12);
  const name = `krakenctl ${cluster} ${mark}`;
  const validity = { notBefore: new Date(nowMs - dayMs), notAfter: new Date(nowMs + fifteenYearsMs) };
  const certificate = authorityCertificate(privateKey, name, validity);
  return { kind: 'authority', id: `ca-${mark}`, name, certificate, key: privateKey };
}

/** Ids are all that is asked for: they name their contents, so what was read once stays right. */
export function createVault(folder: string): Vault {
  const known = new Map<string, Signer>();
  const folderOf = (cluster: string) => join(folder, 'tls', cluster);
  const clusters = () => namesIn(join(folder, 'tls'));
  return {
    signer(id) {
      const found =
        known.get(id) ??
        clusters()
          .map((cluster) => read(join(folderOf(cluster), `${id}.json`)))
          .find(Boolean);
      if (found) known.set(id, found);
      return found;
    },
    holdsAny: (cluster) => namesIn(folderOf(cluster)).some((name) => name.endsWith('.json')),
    newestAuthority(cluster) {
      const all = namesIn(folderOf(cluster)).filter((name) => /^ca-[0-9a-f]+\.json$/.test(name));
      const made = all.map((name) => ({ name, at: statSync(join(folderOf(cluster), name)).mtimeMs }));
      return made.sort((a, b) => b.at - a.at)[0]?.name.replace(/\.json$/, '');
    },
    makeAuthority(cluster, nowMs) {
      const made = newAuthority(cluster, nowMs);
      write(folderOf(cluster), made);
      return made.id;
    },
    keep(cluster, signer) {
      if (read(join(folderOf(cluster), `${signer.id}.json`)) === undefined) write(folderOf(cluster), signer);
    },
  };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function read(path: string): Signer | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Signer;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function write(folder: string, signer: Signer): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const aside = join(folder, `.${randomBytes(6).toString('hex')}`);
  const file = openSync(aside, 'wx', 0o600);
  writeFileSync(file, `${JSON.stringify(signer)}\n`);
  fsyncSync(file);
  closeSync(file);
  renameSync(aside, join(folder, `${signer.id}.json`));
}
