import { makeVisible } from './characters';
import { findKey } from './keys';
import { findNearestName } from './nearest';
import { redacted } from './secret';

const secretName = /SECRET|PASSWORD|PASSWD|PASSPHRASE|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|WEBHOOK/i;

/** A misspelt name of a secret still carries the secret, so a name that is near one counts too. */
export function isSecretName(name: string): boolean {
  if (secretName.test(name)) return true;
  const known = findKey(name) ?? findKey(findNearestName(name) ?? '');
  return known?.secret === true;
}

/** A value as it may be shown: secrets redacted, control characters visible, short. */
export function printValue(key: string, value: string): string {
  if (isSecretName(key)) return redacted;
  return makeVisible(value.replace(/:\/\/[^/\s]*@/g, `://${redacted}@`));
}
