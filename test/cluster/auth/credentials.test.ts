import { createHash } from 'node:crypto';
import {
  credentialMark,
  credentialTexts,
  fleetSum,
  internalLogin,
  isOlder,
  type Login,
  saltedHash,
  vmLogin,
} from '../../../src/cluster/auth/credentials';
import { authKeys } from '../../../src/cluster/auth/keys';
import type { AuthContents } from '../../../src/cluster/auth/record';

const keys = authKeys('a-secret-of-our-own', 'demo');
const short = keys.fingerprint.slice(0, 6);
const contents: AuthContents = {
  tokens: [{ id: 't1', hash: '{SSHA}x', until: 99, uses: 1, used: [] }],
  users: [
    { name: 'ci', role: 'push', hash: '$6$x$ci', since: '2026' },
    { name: 'eva', role: 'pull', hash: '$6$x$eva', since: '2026' },
  ],
  vms: { '10.0.2.2': { serial: 3, revoked: true }, '10.0.2.3': { serial: 1 } },
};
const texts = credentialTexts({ keys: [keys], contents, vms: ['10.0.2.3', '10.0.2.1', '10.0.2.2'] });
const names = (text: string) => text.split('\n').flatMap((line) => (line ? [line.slice(0, line.indexOf(':'))] : []));

/** As NGINX reads `{SSHA}`. */
function lets(text: string, { user, password }: Login): boolean {
  const line = text.split('\n').find((l) => l.startsWith(`${user}:{SSHA}`));
  const bytes = Buffer.from(line?.slice(line.indexOf('}') + 1) ?? '', 'base64');
  return createHash('sha1').update(password).update(bytes.subarray(20)).digest().equals(bytes.subarray(0, 20));
}

describe('what a load balancer is given', () => {
  test('lets each in where its role says so, and krakenctl everywhere', () => {
    expect(names(texts.pull)).toEqual([`krakenctl.${short}`, 'ci', 'eva']);
    expect(names(texts.push)).toEqual([`krakenctl.${short}`, 'ci']);
    expect(names(texts.agents)).toEqual([`krakenctl.${short}`, `vm-10.0.2.1.${short}`, `vm-10.0.2.3.${short}`]);
  });

  test('verifies the credential that a VM has, and not one that it had', () => {
    expect(lets(texts.agents, vmLogin(keys, '10.0.2.1', 0))).toBe(true);
    expect(lets(texts.agents, vmLogin(keys, '10.0.2.3', 1))).toBe(true);
    expect(lets(texts.agents, vmLogin(keys, '10.0.2.3', 0))).toBe(false);
    expect(lets(texts.push, internalLogin(keys))).toBe(true);
  });

  test('lets in by both secrets while one is rotated, each by names of its own: NGINX asks the first line of a name alone', () => {
    const next = authKeys('another-of-our-own', 'demo');
    const both = credentialTexts({ keys: [next, keys], contents, vms: ['10.0.2.1'] });
    for (const each of [keys, next]) {
      expect(lets(both.agents, vmLogin(each, '10.0.2.1'))).toBe(true);
      expect(lets(both.pull, internalLogin(each))).toBe(true);
    }
    expect(new Set(names(both.agents)).size).toBe(4);
    expect(names(both.pull).filter((name) => name === 'eva')).toHaveLength(1);
  });

  test('holds no password', () => {
    const all = Object.values(texts).join('');
    for (const { password } of [internalLogin(keys), vmLogin(keys, '10.0.2.1'), vmLogin(keys, '10.0.2.3', 1)])
      expect(all).not.toContain(password);
  });

  test('is the same bytes each time, whatever the order of the VMs', () => {
    expect(credentialTexts({ keys: [keys], contents, vms: ['10.0.2.1', '10.0.2.2', '10.0.2.3', '10.0.2.1'] })).toEqual(
      texts,
    );
  });

  test('lets tokens in that have a use left, and VMs that enrolled themselves by what they alone know', () => {
    const hash = saltedHash(createHash('sha1').update('mine0123456789abcdef').digest('hex'), '0123456789abcdef');
    const vms = { '10.0.2.7': { serial: 0, own: { hash, token: 't1' } }, '10.0.2.8': { serial: 0, revoked: true } };
    const used = { id: 't2', hash: '{SSHA}y', until: 99, uses: 1, used: ['10.0.2.7'] };
    const files = credentialTexts({
      keys: [keys],
      contents: { ...contents, vms, tokens: [...contents.tokens, used] },
      vms: [],
    });
    expect(names(files.enrol)).toEqual([`krakenctl.${short}`, 'enrol-t1-99']);
    expect(names(files.agents)).toEqual([`krakenctl.${short}`, 'vm-10.0.2.7.own']);
    expect(lets(files.agents, { user: 'vm-10.0.2.7.own', password: 'mine' })).toBe(true);
    expect(files.pull).not.toContain('enrol-');
  });

  test('has a mark that is another for each thing it is made of', () => {
    const of = (change = {}) =>
      credentialMark({ key: 'k', auth: { generation: 2, sum: 'a' }, fleet: { generation: 5, sum: 'f' }, ...change });
    const marks = [of(), of({ key: 'l' }), of({ auth: { generation: 2, sum: 'b' } }), of({ fleet: undefined })];
    expect(new Set(marks.map(({ sum }) => sum)).size).toBe(marks.length);
    expect(of()).toEqual(of());
    expect(of()).toMatchObject({ auth: 2, fleet: 5 });
  });

  test('is older when either record is', () => {
    const mark = (auth: number, fleet: number) => ({ auth, fleet, sum: '' });
    expect(isOlder(mark(1, 5), mark(2, 5))).toBe(true);
    expect(isOlder(mark(2, 4), mark(2, 5))).toBe(true);
    expect(isOlder(mark(2, 5), mark(2, 5))).toBe(false);
  });

  test('a list of VMs is the same in any order', () => {
    expect(fleetSum(['b', 'a', 'a'])).toBe(fleetSum(['a', 'b']));
    expect(fleetSum(['a'])).not.toBe(fleetSum(['a', 'b']));
  });
});
