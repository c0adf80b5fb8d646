import { createHash } from 'node:crypto';
import type { AuthKeys } from './keys';
import { type AuthContents, type EnrolmentToken, internalName, type SealedAuth } from './record';

/** What a load balancer is given to tell who comes: hashes, and nothing that lets anybody in. */

/** Files of `/etc/kraken/CLUSTER/nginx/auth`, in NGINX's words `auth_basic_user_file`. */
export const credentialFiles = ['pull', 'push', 'agents', 'enrol'] as const;
export type CredentialFile = (typeof credentialFiles)[number];

/** Which records they are made of; all load balancers that have the same mark have the same files. */
export interface CredentialMark {
  /** Of `auth.json`; 0 where there is none. */
  auth: number;
  /** Of `agents.json`; 0 where there is none. */
  fleet: number;
  /** Hex SHA-256 of what they are made of. */
  sum: string;
}

export interface CredentialSources {
  /** Fingerprint of the AUTH_SECRET. */
  key: string;
  auth?: Pick<SealedAuth, 'generation'> & { sum: string };
  fleet?: { generation: number; sum: string };
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** No secret is needed to know whether a load balancer has what it shall have. */
export function credentialMark({ key, auth, fleet }: CredentialSources): CredentialMark {
  const sum = sha256(JSON.stringify(['krakenctl credentials 1', key, auth?.sum ?? '', fleet?.sum ?? '']));
  return { auth: auth?.generation ?? 0, fleet: fleet?.generation ?? 0, sum };
}

export function sealedSum({ generation, key, former, sealed }: SealedAuth): string {
  return sha256(JSON.stringify([generation, key, former ?? '', sealed]));
}

/** Of the addresses of the VMs that shall be. */
export function fleetSum(addresses: string[]): string {
  return sha256(JSON.stringify([...new Set(addresses)].sort()));
}

export function isOlder(one: CredentialMark, other: CredentialMark): boolean {
  return one.auth < other.auth || one.fleet < other.fleet;
}

/** A name and what lets it in. */
export interface Login {
  user: string;
  password: string;
}

/**
 * NGINX asks the first line of a name and no other, so each secret has names of its own: while it is rotated, both let in.
 *
 * @param serial how many credentials the VM had before
 */
export function vmLogin(keys: AuthKeys, address: string, serial = 0): Login {
  return { user: `vm-${address}.${shortKey(keys)}`, password: keys.password(`vm ${address} ${serial}`) };
}

/** Of a VM that enrolled itself: its password is its own. */
export function ownUser(address: string): string {
  return `vm-${address}.own`;
}

/** It says itself until when, so that NGINX can tell. */
export function tokenUser({ id, until }: Pick<EnrolmentToken, 'id' | 'until'>): string {
  return `enrol-${id}-${until}`;
}

/** `{SSHA}` of a sum that somebody else made: SHA-1 over password and salt, in hex, and the salt as text. */
export function saltedHash(sum: string, salt: string): string {
  return `{SSHA}${Buffer.concat([Buffer.from(sum, 'hex'), Buffer.from(salt, 'latin1')]).toString('base64')}`;
}

/** Of krakenctl itself: probes, canaries and proofs. */
export function internalLogin(keys: AuthKeys): Login {
  return { user: `${internalName}.${shortKey(keys)}`, password: keys.password(internalName) };
}

function shortKey({ fingerprint }: AuthKeys): string {
  return fingerprint.slice(0, 6);
}

export function authorization({ user, password }: Login): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/**
 * Passwords of our own are 256 bits of chance to everybody else, so a salted SHA-1 says nothing of them, and NGINX verifies thousands a second: agents
 * announce every few seconds. Those of people are `$6$`.
 */
function fastHash(keys: AuthKeys, { user, password }: Login): string {
  const salt = keys.salt(`${user} ${sha256(password)}`);
  const sum = createHash('sha1').update(password).update(salt).digest();
  return `${user}:{SSHA}${Buffer.concat([sum, salt]).toString('base64')}`;
}

export interface CredentialInput {
  /** Of every AUTH_SECRET that holds: while it is rotated, the former one too. */
  keys: AuthKeys[];
  contents: AuthContents;
  /** Addresses of the VMs that shall be. */
  vms: string[];
}

export function credentialTexts({ keys, contents, vms }: CredentialInput): Record<CredentialFile, string> {
  const ours = keys.map((each) => fastHash(each, internalLogin(each)));
  const people = (may: (role: string) => boolean) =>
    contents.users.filter(({ role }) => may(role)).map(({ name, hash }) => `${name}:${hash}`);
  const agents = [...new Set(vms)]
    .sort()
    .filter((address) => !contents.vms[address]?.revoked)
    .flatMap((address) => keys.map((each) => fastHash(each, vmLogin(each, address, contents.vms[address]?.serial))));
  const own = Object.entries(contents.vms).flatMap(([address, vm]) =>
    vm.own && !vm.revoked ? [`${ownUser(address)}:${vm.own.hash}`] : [],
  );
  const tokens = contents.tokens
    .filter(({ uses, used }) => used.length < uses)
    .map((token) => `${tokenUser(token)}:${token.hash}`);
  const text = (lines: string[]) => [...lines, ''].join('\n');
  return {
    pull: text([...ours, ...people(() => true)]),
    push: text([...ours, ...people((role) => role === 'push')]),
    agents: text([...ours, ...agents, ...own]),
    enrol: text([...ours, ...tokens]),
  };
}
