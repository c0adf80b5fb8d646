import { loadText, mistakesOf } from './samples';

const secret = 'AUTH_SECRET=a-secret-of-our-own\n';
const known = 'AUTH_WITHOUT_TLS=i-know\n';

describe('ENABLE_AUTH', () => {
  test('off asks nobody for a login, whatever else is set', () => {
    const loaded = loadText(`ENABLE_AUTH=false\n${secret}${known}`);
    expect(loaded.ok && loaded.spec.auth).toBeUndefined();
  });

  test('on puts the fingerprint of the secret into the spec, and the secret nowhere', () => {
    const loaded = loadText(`ENABLE_AUTH=true\n${secret}${known}`);
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
    expect(loaded.spec.auth).toEqual({ key: expect.stringMatching(/^[0-9a-f]{16}$/) });
    expect(JSON.stringify(loaded)).not.toContain('a-secret-of-our-own');
    expect(loaded.authSecret?.reveal()).toBe('a-secret-of-our-own');
  });

  test('has another fingerprint for another secret, and for another cluster', () => {
    const key = (text: string) => {
      const loaded = loadText(`ENABLE_AUTH=true\n${known}${text}`);
      return loaded.ok && loaded.spec.auth?.key;
    };
    const keys = [secret, 'AUTH_SECRET=another-of-our-own\n', `${secret}CLUSTER_NAME=other\n`].map(key);
    expect(new Set(keys).size).toBe(3);
    expect(key(secret)).toBe(keys[0]);
  });

  test.each([
    ['without a secret', known, 'AUTH_SECRET', /is missing/],
    ['with the secret of the documentation', `AUTH_SECRET=your-secret-key\n${known}`, 'AUTH_SECRET', /everybody knows/],
    ['without TLS and without a word about it', secret, 'ENABLE_AUTH', /in the clear/],
    ['with TLS, where it is not built yet', `ENABLE_TLS=true\n${secret}`, 'ENABLE_AUTH', /TLS are not built yet/],
  ])('%s is refused at the line that a person would change', (_what, rest, key, problem) => {
    const mistakes = mistakesOf(loadText(`ENABLE_AUTH=true\n${rest}`));
    expect(mistakes).toMatchObject([{ key, problem: expect.stringMatching(problem) }]);
  });

  test.each([
    [`${secret}AUTH_WITHOUT_TLS=true\n`, ['AUTH_WITHOUT_TLS']],
    [`AUTH_SECRET=short\n${known}`, ['AUTH_SECRET']],
  ])('with a wrong value beside it blames that value alone: %j', (rest, keys) => {
    expect(mistakesOf(loadText(`ENABLE_AUTH=true\n${rest}`)).map(({ key }) => key)).toEqual(keys);
  });

  test('without TLS is warned of', () => {
    const loaded = loadText(`ENABLE_AUTH=true\n${secret}${known}`);
    expect(loaded.ok && loaded.warnings).toContainEqual({
      key: 'AUTH_WITHOUT_TLS',
      message: expect.stringMatching(/in the clear/),
    });
  });
});
