import type { AuthKeys } from './keys';

/** Who may come in, beside krakenctl and its VMs: `auth.json` on each node. Sealed, so that a node's disk or a backup of it tells nobody. */

/** `pull`: reads. `push`: reads and writes. */
export const roles = ['pull', 'push'] as const;
export type Role = (typeof roles)[number];

export interface AuthUser {
  name: string;
  role: Role;
  /** `$6$…`. */
  hash: string;
  /** ISO time of its password. */
  since: string;
}

/** What is known of one VM's credential, where it is not the first one, was taken away, or was made by the VM itself. */
export interface VmCredential {
  /** How many came before: a revoked credential never comes back. */
  serial: number;
  revoked?: boolean;
  /** Of a VM that enrolled itself: the salted sum of what it alone knows, and the token that it came with. */
  own?: { hash: string; token: string };
}

/** Lets so many VMs enrol themselves until then. */
export interface EnrolmentToken {
  /** `t` and hex digits. */
  id: string;
  /** As NGINX takes it: `{SSHA}…`. */
  hash: string;
  /** Unix seconds. */
  until: number;
  uses: number;
  /** Addresses of the VMs that came with it. */
  used: string[];
}

/** A VM that shows a token, and what it will come with from then on. */
export interface Applicant {
  address: string;
  hash: string;
}

export interface AuthContents {
  /** Sorted by name. */
  users: AuthUser[];
  /** By the VM's address. */
  vms: Record<string, VmCredential>;
  tokens: EnrolmentToken[];
}

export interface SealedAuth {
  format: 1;
  generation: number;
  /** Fingerprint of the AUTH_SECRET that opens it. */
  key: string;
  /** Of the one before, while it is rotated: what is derived from that still lets in. */
  former?: string;
  /** Base64; see `keys.ts`. */
  sealed: string;
}

export const noContents: AuthContents = { users: [], vms: {}, tokens: [] };

export interface SealPlace {
  cluster: string;
  generation: number;
  former?: string;
}

export function sealContents(keys: AuthKeys, at: SealPlace, contents: AuthContents): SealedAuth {
  const { generation, former } = at;
  return {
    format: 1,
    generation,
    key: keys.fingerprint,
    ...(former && { former }),
    sealed: keys.seal(JSON.stringify(contents), placeOf(at)),
  };
}

/** @throws {Error} where another secret sealed it, or it is damaged. */
export function openContents(keys: AuthKeys, cluster: string, record: SealedAuth | undefined): AuthContents {
  if (!record) return noContents;
  return JSON.parse(keys.open(record.sealed, placeOf({ ...record, cluster }))) as AuthContents;
}

/** An older record in the place of the newest one does not open. */
function placeOf({ cluster, generation, former = '' }: SealPlace): string {
  return `${cluster} ${generation} ${former}`.trimEnd();
}

/** Names as NGINX's file and `docker login` take them; what begins as names of our own do is refused. */
export function refuseName(name: string): string | undefined {
  if (!/^[a-z][a-z0-9._-]{0,31}$/.test(name))
    return 'expected 1 to 32 of a-z, 0-9, ".", "_" and "-", beginning with a letter';
  if (name.startsWith(internalName) || /^(vm|enrol)-/.test(name)) return 'this name is kept for krakenctl itself';
  return undefined;
}

/** krakenctl's own probes, canaries and proofs. */
export const internalName = 'krakenctl';

export type AuthChange =
  | { kind: 'add'; user: AuthUser }
  | { kind: 'passwd'; name: string; hash: string; since: string }
  | { kind: 'remove'; name: string }
  | { kind: 'revoke'; vm: string }
  | { kind: 'readmit'; vms: string[] }
  | { kind: 'token'; token: EnrolmentToken }
  | { kind: 'untoken'; id: string }
  | { kind: 'enrol'; id: string; applicants: Applicant[] }
  /** Another AUTH_SECRET: both let in. */
  | { kind: 'rotate'; former: string }
  /** The former one lets nobody in any more. */
  | { kind: 'rotated' };

export type Changing = { contents: AuthContents } | { refusal: string; hint: string };

/** The same change again is no change: an attempt whose end was not seen is made once more. */
export function changed(contents: AuthContents, change: AuthChange): Changing {
  const known = change.kind === 'passwd' || change.kind === 'remove' ? find(contents, change.name) : undefined;
  switch (change.kind) {
    case 'add': {
      const there = find(contents, change.user.name);
      if (there && JSON.stringify(there) !== JSON.stringify(change.user)) {
        const hint = `krakenctl auth users passwd ${there.name}, or remove it first`;
        return { refusal: `there is a user ${there.name} already, who may ${there.role}`, hint };
      }
      return { contents: withUser(contents, change.user) };
    }
    case 'passwd': {
      if (!known) return unknown(change.name);
      const { hash, since } = change;
      return { contents: withUser(contents, { ...known, hash, since }) };
    }
    case 'remove':
      if (!known) return unknown(change.name);
      return { contents: { ...contents, users: contents.users.filter(({ name }) => name !== change.name) } };
    case 'revoke': {
      const before = contents.vms[change.vm];
      if (before?.revoked) return { contents };
      return withVms(contents, { [change.vm]: { serial: before?.serial ?? 0, revoked: true } });
    }
    // Who may come in is the same; how the record is sealed is not in it.
    case 'rotate':
    case 'rotated':
      return { contents };
    case 'token': {
      const others = contents.tokens.filter(({ id }) => id !== change.token.id);
      return { contents: { ...contents, tokens: [...others, change.token] } };
    }
    case 'untoken':
      return { contents: { ...contents, tokens: contents.tokens.filter(({ id }) => id !== change.id) } };
    case 'enrol':
      return { contents: enrolled(contents, change) };
    case 'readmit': {
      const back = change.vms.filter((vm) => contents.vms[vm]?.revoked);
      return withVms(contents, Object.fromEntries(back.map((vm) => [vm, { serial: contents.vms[vm]!.serial + 1 }])));
    }
  }
}

function find({ users }: AuthContents, wanted: string): AuthUser | undefined {
  return users.find(({ name }) => name === wanted);
}

function unknown(name: string): Changing {
  return { refusal: `there is no user ${name}`, hint: 'krakenctl auth users list' };
}

function withUser(contents: AuthContents, user: AuthUser): AuthContents {
  const others = contents.users.filter(({ name }) => name !== user.name);
  return { ...contents, users: [...others, user].sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

function withVms(contents: AuthContents, vms: AuthContents['vms']): Changing {
  return { contents: { ...contents, vms: sortedVms({ ...contents.vms, ...vms }) } };
}

function sortedVms(vms: AuthContents['vms']): AuthContents['vms'] {
  return Object.fromEntries(Object.entries(vms).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** It came with this token and was thrown out since: with the same one it does not come back by itself. */
export function isThrownOut({ used }: EnrolmentToken, vms: AuthContents['vms'], address: string): boolean {
  return used.includes(address) && vms[address]?.revoked === true;
}

/**
 * As many as the token lets in; one that comes again is no other one. A token that was used up, or taken away, is none. Whoever comes with another token
 * than before it was thrown out is let in, and what it had is not.
 */
function enrolled(contents: AuthContents, { id, applicants }: { id: string; applicants: Applicant[] }): AuthContents {
  const token = contents.tokens.find((known) => known.id === id);
  if (!token) return contents;
  const used = [...token.used];
  const vms = { ...contents.vms };
  for (const { address, hash } of applicants) {
    if (!used.includes(address) && used.length >= token.uses) continue;
    if (isThrownOut(token, vms, address)) continue;
    if (!used.includes(address)) used.push(address);
    const { serial = 0, revoked = false } = vms[address] ?? {};
    vms[address] = { serial: revoked ? serial + 1 : serial, own: { hash, token: id } };
  }
  const tokens = contents.tokens.map((known) => (known.id === id ? { ...token, used } : known));
  return { ...contents, vms: sortedVms(vms), tokens };
}
