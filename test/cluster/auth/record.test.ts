import { authKeys } from '../../../src/cluster/auth/keys';
import {
  type AuthChange,
  type AuthContents,
  changed,
  noContents,
  openContents,
  refuseName,
  sealContents,
} from '../../../src/cluster/auth/record';

const user = (name: string, role: 'pull' | 'push' = 'pull') => ({ name, role, hash: `$6$x$${name}`, since: '2026' });
const made = (changes: AuthChange[], from: AuthContents = noContents) =>
  changes.reduce((contents, change) => {
    const outcome = changed(contents, change);
    if ('refusal' in outcome) throw new Error(outcome.refusal);
    return outcome.contents;
  }, from);

describe('who may come in', () => {
  test('is sorted, each name once', () => {
    const { users } = made([
      { kind: 'add', user: user('eva') },
      { kind: 'add', user: user('ci', 'push') },
    ]);
    expect(users.map(({ name, role }) => [name, role])).toEqual([
      ['ci', 'push'],
      ['eva', 'pull'],
    ]);
  });

  test('a name that is there is not given to somebody else; the very same again is no change', () => {
    const contents = made([{ kind: 'add', user: user('ci') }]);
    expect(changed(contents, { kind: 'add', user: user('ci', 'push') })).toMatchObject({
      refusal: expect.stringContaining('ci already, who may pull'),
    });
    expect(changed(contents, { kind: 'add', user: user('ci') })).toEqual({ contents });
  });

  test('a new password leaves the role, and nobody without a name gets one', () => {
    const contents = made([{ kind: 'add', user: user('ci', 'push') }]);
    const passwd: AuthChange = { kind: 'passwd', name: 'ci', hash: '$6$y$z', since: '2027' };
    expect(made([passwd], contents).users).toEqual([{ name: 'ci', role: 'push', hash: '$6$y$z', since: '2027' }]);
    expect(changed(noContents, passwd)).toHaveProperty('refusal');
    expect(changed(noContents, { kind: 'remove', name: 'ci' })).toHaveProperty('refusal');
    expect(made([{ kind: 'remove', name: 'ci' }], contents).users).toEqual([]);
  });

  test('a VM that is let in again after it was thrown out gets another credential', () => {
    const revoke: AuthChange = { kind: 'revoke', vm: '10.0.2.1' };
    const readmit: AuthChange = { kind: 'readmit', vms: ['10.0.2.1', '10.0.2.2'] };
    expect(made([revoke, revoke]).vms).toEqual({ '10.0.2.1': { serial: 0, revoked: true } });
    expect(made([revoke, readmit]).vms).toEqual({ '10.0.2.1': { serial: 1 } });
    expect(made([revoke, readmit, readmit]).vms).toEqual({ '10.0.2.1': { serial: 1 } });
    expect(made([revoke, readmit, revoke, readmit]).vms).toEqual({ '10.0.2.1': { serial: 2 } });
  });

  const token = { id: 't1', hash: '{SSHA}x', until: 99, uses: 2, used: [] };
  const comes = (n: number, hash = `h${n}`) => ({ address: `10.0.2.${n}`, hash });

  test('VMs that show a token are let in, as many as it has uses; one that comes again is no other one', () => {
    const { vms, tokens } = made([
      { kind: 'token', token },
      { kind: 'enrol', id: 't1', applicants: [comes(1), comes(2)] },
      { kind: 'enrol', id: 't1', applicants: [comes(3), comes(1, 'again')] },
    ]);
    expect(Object.keys(vms)).toEqual(['10.0.2.1', '10.0.2.2']);
    expect(vms['10.0.2.1']!.own).toEqual({ hash: 'again', token: 't1' });
    expect(tokens[0]!.used).toEqual(['10.0.2.1', '10.0.2.2']);
  });

  test('a token that was taken away lets nobody in, and who came with it stays', () => {
    const before = made([
      { kind: 'token', token },
      { kind: 'enrol', id: 't1', applicants: [comes(1)] },
      { kind: 'untoken', id: 't1' },
    ]);
    const outcome = changed(before, { kind: 'enrol', id: 't1', applicants: [comes(2)] });
    expect(outcome).toEqual({ contents: before });
    expect(Object.keys(before.vms)).toEqual(['10.0.2.1']);
  });

  test('a VM that enrolled itself and was thrown out has nothing of its own any more', () => {
    const { vms } = made([
      { kind: 'token', token },
      { kind: 'enrol', id: 't1', applicants: [comes(1)] },
      { kind: 'revoke', vm: '10.0.2.1' },
    ]);
    expect(vms['10.0.2.1']).toEqual({ serial: 0, revoked: true });
  });

  test('a VM that was thrown out does not come back with the token that it came with', () => {
    const before = made([
      { kind: 'token', token },
      { kind: 'enrol', id: 't1', applicants: [comes(1)] },
      { kind: 'revoke', vm: '10.0.2.1' },
    ]);
    const outcome = changed(before, { kind: 'enrol', id: 't1', applicants: [comes(1, 'another'), comes(2)] });
    expect(outcome).toMatchObject({
      contents: { vms: { '10.0.2.1': { serial: 0, revoked: true }, '10.0.2.2': { serial: 0 } } },
    });
  });

  test('a VM that was thrown out and comes with another token gets in, and what was thrown out does not', () => {
    const { vms } = made([
      { kind: 'revoke', vm: '10.0.2.1' },
      { kind: 'token', token },
      { kind: 'enrol', id: 't1', applicants: [comes(1)] },
      { kind: 'enrol', id: 't1', applicants: [comes(1)] },
    ]);
    expect(vms['10.0.2.1']).toEqual({ serial: 1, own: { hash: 'h1', token: 't1' } });
  });

  test('on a disk is a seal, which says nothing and opens as its own generation alone', () => {
    const keys = authKeys('a-secret-of-our-own', 'demo');
    const contents = made([{ kind: 'add', user: user('eva') }]);
    const record = sealContents(keys, { cluster: 'demo', generation: 4 }, contents);
    expect(JSON.stringify(record)).not.toContain('eva');
    expect(openContents(keys, 'demo', record)).toEqual(contents);
    expect(() => openContents(keys, 'demo', { ...record, generation: 5 })).toThrow();
    expect(openContents(keys, 'demo', undefined)).toEqual(noContents);
  });

  test.each([
    '',
    'A',
    '1a',
    'a:b',
    'a b',
    'a\nb',
    'ä',
    'a'.repeat(33),
    'krakenctl',
    'vm-10.0.2.1',
    'enrol-1',
    '-a',
    '../a',
  ])('nobody is called %j', (name) => {
    expect(refuseName(name)).toEqual(expect.any(String));
  });

  test.each(['a', 'ci', 'eva.k', 'team-1_b'])('somebody may be called %s', (name) => {
    expect(refuseName(name)).toBeUndefined();
  });
});
