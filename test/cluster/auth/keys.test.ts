import { authKeys } from '../../../src/cluster/auth/keys';

const keys = authKeys('a-secret-of-our-own', 'demo');

describe('what is derived from AUTH_SECRET', () => {
  test('is another for each name, each secret and each cluster, and the same each time', () => {
    const others = [
      keys.password('vm 10.0.2.1 0'),
      keys.password('vm 10.0.2.1 1'),
      keys.password('krakenctl'),
      authKeys('a-secret-of-our-own', 'other').password('krakenctl'),
      authKeys('another-of-our-own', 'demo').password('krakenctl'),
    ];
    expect(new Set(others).size).toBe(others.length);
    expect(authKeys('a-secret-of-our-own', 'demo').password('krakenctl')).toBe(others[2]);
    for (const password of others) expect(password).toMatch(/^[\w-]{43}$/);
  });

  test('opens what it sealed, at its own place alone', () => {
    const sealed = keys.seal('{"users":[]}', 'demo 3');
    expect(keys.open(sealed, 'demo 3')).toBe('{"users":[]}');
    expect(() => keys.open(sealed, 'demo 2')).toThrow();
    expect(() => authKeys('another-of-our-own', 'demo').open(sealed, 'demo 3')).toThrow();
  });

  test('seals the same text in the same way, and no two texts with one nonce', () => {
    const nonce = (text: string, place: string) => keys.seal(text, place).slice(0, 16);
    expect(keys.seal('a', 'p')).toBe(keys.seal('a', 'p'));
    expect(new Set([nonce('a', 'p'), nonce('b', 'p'), nonce('a', 'q')]).size).toBe(3);
  });

  test.each([0, 11, 12, 27, 28, 30])('a seal that was changed at byte %d does not open', (at) => {
    const bytes = Buffer.from(keys.seal('some text', 'p'), 'base64');
    bytes[at]! ^= 1;
    expect(() => keys.open(bytes.toString('base64'), 'p')).toThrow();
  });

  test('a seal that was cut does not open', () => {
    const bytes = Buffer.from(keys.seal('some text', 'p'), 'base64');
    for (const length of [0, 12, 20, 28, bytes.length - 1])
      expect(() => keys.open(bytes.subarray(0, length).toString('base64'), 'p')).toThrow();
  });
});
