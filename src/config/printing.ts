import { makeVisible } from '../text/characters';
import { redacted } from '../text/redaction';
import { findKey } from './keys';
import { findNearestName } from './nearest';

const secretName = /SECRET|PASSWORD|PASSWD|PASSPHRASE|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|WEBHOOK/i;

/** A misspelt name of a secret still carries the secret, so a name that is near one counts too. */
export function isSecretName(name: string): boolean {
  if (secretName.test(name)) return true;
  const known = findKey(name) ?? findKey(findNearestName(name) ?? '');
  return known?.secret === true;
}

/** A value as it may be shown: secrets redacted, control characters visible, short. */
export function printValue(key: string, value: string): string {
  if (isSecretName(key) || value.includes('PRIVATE KEY')) return redacted;
  return makeVisible(value.split(' ').map(hideUser).join(' '));
}

/** From the first colon to the last @, since a password may hold both; the @ before a digest is another one. */
function hideUser(word: string): string {
  const digest = word.lastIndexOf('@sha256:');
  const end = word.lastIndexOf('@', digest < 0 ? undefined : digest - 1);
  const start = word.indexOf(':') + 1;
  return start > 0 && start < end ? `${word.slice(0, start)}${redacted}${word.slice(end)}` : word;
}
