import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planTls } from '../../../src/activities/tls-planner';
import { createVault } from '../../../src/clients/vault';
import { tlsFiles } from '../../../src/cluster/tls/files';
import { judgeGiven } from '../../../src/cluster/tls/given';
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
const day = 86_400_000;
const named = ['subjectAltName=DNS:kraken,DNS:registry.example.com'];

beforeAll(() => {
  make('root', { extensions: authority });
  make('leaf', { by: 'root', extensions: named });
  make('between', { by: 'root', extensions: authority });
  make('below', { by: 'between', extensions: named });
  make('short', { by: 'root', days: 5, extensions: authority });
  make('below-short', { by: 'short', extensions: named });
  make('no-authority', { by: 'root', extensions: ['basicConstraints=CA:FALSE'] });
  make('below-none', { by: 'no-authority', extensions: named });
  make('ending', { days: 5, extensions: authority });
  make('below-ending', { by: 'ending', extensions: named });
  make('in-subject', { subject: 'kraken', by: 'root', extensions: ['subjectAltName=IP:10.0.1.10'] });
  make('alone', { extensions: named });
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

describe('what certificates say', () => {
  /** Each mistake with its field; certificates of one file are written with `+`. */
  function judged(certificate: string, trusted?: string, laterMs = 0): string[] {
    const file = (names: string) => ({
      path: '',
      text: names
        .split('+')
        .map((name) => text(`${name}.crt`))
        .join(''),
    });
    const key = { path: '', text: text(`${certificate.split('+')[0]}.key`) };
    const files = { certificate: file(certificate), key, ...(trusted && { trusted: file(trusted) }) };
    return judgeGiven(files, Date.now() + laterMs).mistakes.map(({ field, problem }) => `${field}: ${problem}`);
  }

  test.each([
    ['leaf', 'root'],
    ['leaf+root', undefined],
    ['leaf', 'alone+root'],
    ['below+between', 'root'],
    ['below', 'between+root'],
    ['below+between+root', undefined],
    // In any order: RFC 8446, 4.4.2.
    ['below+root+between', 'root'],
    ['alone', undefined],
  ])('is enough: %s, believed by %s', (certificate, trusted) => {
    expect(judged(certificate, trusted)).toEqual([]);
  });

  const noRoot = 'CA_PATH: no certificate in it signs itself';
  const noWay = 'CERT_PATH: it does not lead to a certificate of CA_PATH';
  test.each<[string, string | undefined, number, string[]]>([
    ['in-subject', 'root', 0, ['CERT_PATH: its names are IP Address:10.0.1.10']],
    ['below', 'between', 0, [noRoot]],
    ['below+between', 'between', 0, [noRoot]],
    ['below', 'root', 0, [noWay]],
    ['below', 'between+alone', 0, [noWay]],
    ['alone', 'root', 0, [noWay]],
    ['below-none+no-authority', 'root', 0, ['CERT_PATH: CN=no-authority, which it leads over, is no authority']],
    ['below-short+short', 'root', 10, ['CERT_PATH: CN=short, which it leads over, ended at ']],
    ['below-short', 'short+root', 10, ['CA_PATH: CN=short, which it leads over, ended at ']],
    ['below-short', 'short+root', 4.5, ['CA_PATH: CN=short, which it leads over, ends at ']],
    ['below-ending', 'ending', 10, ['CA_PATH: CN=ending, which it leads over, ended at ']],
    ['below-ending+ending', undefined, 10, ['CERT_PATH: CN=ending, which it leads over, ended at ']],
  ])('is not enough: %s, believed by %s, %d days later', (certificate, trusted, days, expected) => {
    const told = judged(certificate, trusted, days * day).map((line) => line.replace(/\d{4}-\d\d-\S+$/, ''));
    expect(told).toEqual(expected);
  });

  test('of an authority that was signed twice the way that is valid counts', () => {
    make('again', { by: 'root', days: 5, extensions: authority });
    // The key and the name of one that lives longer.
    openssl(
      'x509',
      '-req',
      '-in',
      'again.csr',
      '-CA',
      'root.crt',
      '-CAkey',
      'root.key',
      '-CAcreateserial',
      '-extfile',
      'again.ext',
      '-days',
      '30',
      '-out',
      'longer.crt',
    );
    make('twice', { by: 'again', extensions: named });
    expect(judged('twice+again+longer', 'root', 10 * day)).toEqual([]);
    expect(judged('twice+again', 'root', 10 * day)).toHaveLength(1);
  });
});
