import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { authKeys } from '../cluster/auth/keys';
import type { ClusterSpec } from '../cluster/spec';
import type { Values } from './keys';
import { Secret } from './secret';
import { secretsFolder } from './state-folder';

/**
 * Where AUTH_SECRET is, beside `.env`. Payloads carry its fingerprint; a worker reads the secret itself, from a file that the command on the same
 * machine has left, or that a person has brought, or from its environment.
 */
export interface AuthSecretFound {
  secret: Secret;
  /** For a person. */
  where: string;
}

type Environment = NodeJS.ProcessEnv;

export function authOf(values: Pick<Values, 'ENABLE_AUTH' | 'AUTH_SECRET' | 'CLUSTER_NAME'>): ClusterSpec['auth'] {
  const { ENABLE_AUTH, AUTH_SECRET, CLUSTER_NAME } = values;
  if (!ENABLE_AUTH || !AUTH_SECRET || !CLUSTER_NAME) return undefined;
  return { key: authKeys(AUTH_SECRET.reveal(), CLUSTER_NAME).fingerprint };
}

export function authSecretPath(cluster: string, environment: Environment = process.env): string {
  return join(secretsFolder(environment), cluster, 'AUTH_SECRET');
}

/** Every one that this process knows for the cluster; which of them is meant, its fingerprint says. @throws {Error} where others may read a file. */
export function findAuthSecrets(cluster: string, environment: Environment = process.env): AuthSecretFound[] {
  const path = authSecretPath(cluster, environment);
  const paths = [path, ...formerPaths(path), join(secretsFolder(environment), 'AUTH_SECRET')];
  const found = paths.flatMap((where) => {
    const text = readPrivately(where);
    return text ? [{ secret: new Secret(text), where }] : [];
  });
  const { AUTH_SECRET: own } = environment;
  return own ? [...found, { secret: new Secret(own), where: 'AUTH_SECRET of its environment' }] : found;
}

/** Those before, each named by its fingerprint: a cluster goes by one of them until it was brought to the new one. `former`: of an older krakenctl. */
function formerPaths(path: string): string[] {
  const names = existsSync(dirname(path)) ? readdirSync(dirname(path)) : [];
  return names
    .filter((name) => /^AUTH_SECRET\.(?:[0-9a-f]{16}|former)$/.test(name))
    .map((name) => join(dirname(path), name));
}

function readPrivately(path: string): string | undefined {
  try {
    const { mode } = statSync(path);
    if ((mode & 0o077) !== 0) throw new Error(`${path} may be read by others than its owner: chmod 600 ${path}`);
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Leaves it for the worker on this machine, readable by its owner alone; those before stay beside it. */
export function keepAuthSecret(cluster: string, secret: Secret, environment: Environment = process.env): void {
  const path = authSecretPath(cluster, environment);
  const before = readPrivately(path);
  if (before === secret.reveal()) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (before !== undefined) writeAside(`${path}.${authKeys(before, cluster).fingerprint}`, before);
  writeAside(path, secret.reveal());
}

/** Once the cluster goes by another one alone. */
export function forgetFormerSecrets(cluster: string, now: string, environment: Environment = process.env): void {
  for (const path of formerPaths(authSecretPath(cluster, environment))) {
    if (!path.endsWith(`.${now}`)) rmSync(path, { force: true });
  }
}

function writeAside(path: string, text: string): void {
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  writeFileSync(aside, `${text}\n`, { mode: 0o600, flag: 'wx' });
  renameSync(aside, path);
}
