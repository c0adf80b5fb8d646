import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { authKeys } from '../../src/cluster/auth/keys';
import { authSecretPath, findAuthSecrets, forgetFormerSecrets, keepAuthSecret } from '../../src/config/auth-secret';
import { Secret } from '../../src/config/secret';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'krakenctl-secrets-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const environment = (more = {}) => ({ KRAKENCTL_STATE_DIR: folder, ...more });
const found = (more = {}) => findAuthSecrets('demo', environment(more)).map(({ secret }) => secret.reveal());
const keep = (text: string) => keepAuthSecret('demo', new Secret(text), environment());

describe('the AUTH_SECRET of a worker', () => {
  test('is what a command on the same machine has left, for that cluster alone and its owner alone', () => {
    keep('first-of-all');
    expect(found()).toEqual(['first-of-all']);
    expect(findAuthSecrets('other', environment())).toEqual([]);
    expect(statSync(authSecretPath('demo', environment())).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'secrets', 'demo')).mode & 0o777).toBe(0o700);
  });

  test('that was before stays, since the cluster goes by it until it was brought to the new one', () => {
    keep('first-of-all');
    keep('second-of-all');
    keep('second-of-all');
    expect(found()).toEqual(['second-of-all', 'first-of-all']);
  });

  test('stays however many come after it, until the cluster goes by another one alone', () => {
    const fingerprint = (text: string) => authKeys(text, 'demo').fingerprint;
    for (const text of ['first-of-all', 'second-of-all', 'third-of-all', 'second-of-all']) keep(text);
    expect(found().sort()).toEqual(['first-of-all', 'second-of-all', 'second-of-all', 'third-of-all']);
    writeFileSync(join(folder, 'secrets/demo/AUTH_SECRET.former'), 'of-an-older-krakenctl\n', { mode: 0o600 });
    expect(found()).toContain('of-an-older-krakenctl');
    keep('third-of-all');
    forgetFormerSecrets('demo', fingerprint('second-of-all'), environment());
    expect(found()).toEqual(['third-of-all', 'second-of-all']);
    expect(statSync(join(folder, `secrets/demo/AUTH_SECRET.${fingerprint('second-of-all')}`)).mode & 0o777).toBe(0o600);
  });

  test('may be in its environment', () => {
    expect(found({ AUTH_SECRET: 'from-outside' })).toEqual(['from-outside']);
  });

  test('that others may read is refused', () => {
    keep('first-of-all');
    chmodSync(authSecretPath('demo', environment()), 0o644);
    expect(found).toThrow(/chmod 600/);
  });
});
