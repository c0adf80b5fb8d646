import { execFileSync } from 'node:child_process';
import { sha512Crypt } from '../../../src/cluster/auth/sha512-crypt';

/** By another program: password on stdin, as nobody shall see it. */
function openssl(password: string, salt: string): string {
  const argv = ['passwd', '-6', '-salt', salt, '-stdin'];
  return execFileSync('openssl', argv, { input: password }).toString().trim();
}

describe('the hash of a password', () => {
  test.each([
    ['Hello world!', 'saltstring'],
    ['a', 'x'],
    ['secret', '0123456789abcdef'],
    ['a password of more than sixty-four characters, which is longer than the sum itself', 'salt'],
    ['x'.repeat(64), 'a.b/c'],
    ['ümlaut', 'salt'],
  ])('of %s is what openssl makes of it', (password, salt) => {
    expect(sha512Crypt(password, salt)).toBe(openssl(password, salt));
  });
});
