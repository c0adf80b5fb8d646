import { authKeys } from './keys/auth';
import type { Mistake } from './mistakes';
import { blame, type Ruling } from './ruling';

/** What ENABLE_AUTH needs beside itself. A wrong value of another key is that key's own mistake. */
export function findAuthMistakes(ruling: Ruling): Mistake[] {
  const { values } = ruling.resolved;
  if (!values.ENABLE_AUTH) return [];
  return [...findSecretMistakes(ruling), ...findPlainMistakes(ruling)];
}

function findSecretMistakes(ruling: Ruling): Mistake[] {
  const { given, broken } = ruling.gathered;
  const text = given.get('AUTH_SECRET')?.text;
  const expected = '12 to 256 printable characters that nobody else knows';
  const hint = 'openssl rand -base64 32 makes one';
  if (text === undefined && !broken.has('AUTH_SECRET')) {
    return [blame(ruling, 'AUTH_SECRET', { problem: 'is missing, and ENABLE_AUTH needs it', expected, hint })];
  }
  if (text !== authKeys.AUTH_SECRET.example) return [];
  return [
    blame(ruling, 'AUTH_SECRET', {
      problem: 'the example of the documentation, which everybody knows',
      expected,
      hint,
    }),
  ];
}

/** A password that is sent in the clear is one that was given away. */
function findPlainMistakes(ruling: Ruling): Mistake[] {
  const { values } = ruling.resolved;
  const { given, broken } = ruling.gathered;
  const isWrong = (key: string) =>
    broken.has(key) || (given.has(key) && values[key as keyof typeof values] === undefined);
  if (values.ENABLE_TLS) {
    const problem = 'logins at load balancers that speak TLS are not built yet';
    return [
      blame(ruling, 'ENABLE_AUTH', { problem, expected: 'ENABLE_TLS=false with it, and AUTH_WITHOUT_TLS=i-know' }),
    ];
  }
  if (isWrong('ENABLE_TLS')) return [];
  if (values.AUTH_WITHOUT_TLS || isWrong('AUTH_WITHOUT_TLS')) return [];
  const problem = 'passwords would cross the network in the clear';
  const expected = 'AUTH_WITHOUT_TLS=i-know with it';
  return [blame(ruling, 'ENABLE_AUTH', { problem, expected })];
}
