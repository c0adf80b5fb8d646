import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newAuthority, newAuthorityKey } from '../../src/clients/vault';
import type { Signer } from '../../src/cluster/tls/material';

/** One's own authority and a stranger's. Their keys, which take a second each, are kept for all test files of this checkout. */
export function testAuthority(whose: 'own' | 'foreign', cluster: string, nowMs = Date.now()): Signer {
  return newAuthority(cluster, nowMs, keyOf(whose));
}

function keyOf(whose: string): string {
  const folder = join(__dirname, '..', '..', 'node_modules', '.cache', 'krakenctl-tests');
  const path = join(folder, `authority-${whose}.pem`);
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${path}.${process.pid}`, newAuthorityKey(), { mode: 0o600 });
    renameSync(`${path}.${process.pid}`, path);
  }
  return readFileSync(path, 'utf8');
}
