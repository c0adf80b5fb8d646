import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planTls } from '../../../src/activities/tls-planner';
import { createVault } from '../../../src/clients/vault';
import { tlsFiles } from '../../../src/cluster/tls/files';
import { exampleSpec } from '../../support/cluster';

/** Files of a person, made by another program as a person would. */

const folder = mkdtempSync(join(tmpdir(), 'krakenctl-given-'));
afterAll(() => rmSync(folder, { recursive: true }));

const at = (name: string) => join(folder, name);
const text = (name: string) => readFileSync(at(name), 'utf8');
const openssl = (...argv: string[]) =>
  execFileSync('openssl', argv, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** `NAME.crt` and `NAME.key`; without an issuer it signs itself. */
function make(name: string, wanted: { subject?: string; by?: string; days?: number; extensions: string[] }): void {
  const { subject = name, by, days = 30, extensions } = wanted;
  openssl('req', '-new', ...newKey, '-subj', `/CN=${subject}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
  writeFileSync(at(`${name}.ext`), extensions.join('\n'));
  const signer = by ? ['-CA', `${by}.crt`, '-CAkey', `${by}.key`, '-CAcreateserial'] : ['-signkey', `${name}.key`];
  const out = ['-extfile', `${name}.ext`, '-days', String(days), '-out', `${name}.crt`];
  openssl('x509', '-req', '-in', `${name}.csr`, ...signer, ...out);
}

const authority = ['basicConstraints=critical,CA:TRUE'];
const named = ['subjectAltName=DNS:kraken,DNS:registry.example.com'];

beforeAll(() => {
  make('root', { extensions: authority });
  make('leaf', { by: 'root', extensions: named });
});

/** One file of several; its path. */
function together(...names: string[]): string {
  const path = at(`${names.join('+')}.pem`);
  writeFileSync(path, names.map(text).join(''));
  return path;
}

/** What goes to a node, by the name of its file. */
function deployed(given: { certificate: string; key: string; trusted?: string }) {
  const vault = createVault(mkdtempSync(join(folder, 'vault-')));
  const spec = exampleSpec((s) => void Object.assign(s, { tls: { lifetimeSeconds: 86_400, given } }));
  const observed = { cluster: spec.name, hosts: [] };
  const [state] = planTls({ now: Date.now, vault }, { spec, observed }).specs;
  const files = tlsFiles({ spec: state!, node: spec.nodes[0]!, part: 'proxy', signers: vault.signer });
  return Object.fromEntries(files.map(({ path, contents }) => [path.replace(/^.*\//, ''), contents]));
}

describe('of files that hold more than they are named for', () => {
  test('a key goes to no file of certificates, whichever of them it lies in', () => {
    const all = together('leaf.key', 'leaf.crt', 'root.crt', 'root.key');
    const right = { 'ca.crt': text('root.crt'), 'tls.key': text('leaf.key'), passphrase: '' };
    const whole = { ...right, 'tls.crt': text('leaf.crt') + text('root.crt') };
    expect(deployed({ certificate: all, key: all })).toEqual(whole);
    const trusted = together('root.key', 'root.crt');
    expect(deployed({ certificate: all, key: together('leaf.crt', 'leaf.key'), trusted })).toEqual(whole);
    expect(deployed({ certificate: at('leaf.crt'), key: at('leaf.key'), trusted })).toEqual({
      ...right,
      'tls.crt': text('leaf.crt'),
    });
  });

  test('what stands around certificates stays here, and between them too', () => {
    writeFileSync(at('notes.crt'), `a word\n${text('leaf.crt')}of mine\n${text('root.crt')}at the end`);
    const { 'tls.crt': shown, 'ca.crt': believed } = deployed({ certificate: at('notes.crt'), key: at('leaf.key') });
    expect([shown, believed]).toEqual([text('leaf.crt') + text('root.crt'), text('root.crt')]);
  });
});
