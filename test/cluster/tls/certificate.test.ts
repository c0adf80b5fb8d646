import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Vault } from '../../../src/clients/vault';
import { partNames, type TlsState } from '../../../src/cluster/spec';
import { judgeGiven } from '../../../src/cluster/tls/given';
import { identityOf, SignerMissingError, trustedBy } from '../../../src/cluster/tls/material';
import { testAuthority } from '../../support/authorities';
import { exampleSpec } from '../../support/cluster';

const nowMs = Date.parse('2026-11-30T12:00:00Z');
const hour = 3_600_000;
const ca = testAuthority('own', 'cluster', nowMs);
const other = testAuthority('foreign', 'cluster', nowMs);
const signers: Vault['signer'] = (id) => [ca, other].find((it) => it.id === id);
const iso = (ms: number) => new Date(nowMs + ms).toISOString();
const state: TlsState = {
  stage: 'require',
  signer: ca.id,
  trusts: [ca.id],
  series: { number: 1, from: iso(-hour), until: iso(48 * hour) },
};
const { nodes } = exampleSpec();
const of = (part: (typeof partNames)[number] = 'origin', change: Partial<TlsState> = {}) =>
  identityOf({ ...state, ...change }, { cluster: 'cluster', node: nodes[1]!, part }, signers);

test('a certificate is for its host and part, as server and as client, and for the name that all ask for', () => {
  const made = new X509Certificate(of().certificate);
  const authority = new X509Certificate(ca.certificate);
  expect(made.verify(authority.publicKey)).toBe(true);
  expect(made.checkIssued(authority)).toBe(true);
  expect(authority.ca && !made.ca).toBe(true);
  expect(made.checkPrivateKey(createPrivateKey(of().key))).toBe(true);
  expect(made.subjectAltName).toBe('DNS:kraken, DNS:origin.node-2.cluster, IP Address:10.0.1.11, IP Address:127.0.0.1');
  expect(made.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  expect(new Date(made.validTo).toISOString()).toBe(state.series.until);
});

test('the same is made again to the byte, by whoever has the key of the authority', () => {
  const again = identityOf(
    structuredClone(state),
    { cluster: 'cluster', node: structuredClone(nodes[1]!), part: 'origin' },
    signers,
  );
  expect(again).toEqual(of());
});

test('no two parts, series or authorities share a key or a serial', () => {
  const all = [
    ...partNames.map((part) => of(part)),
    of('origin', { series: { ...state.series, number: 2 } }),
    of('origin', { signer: other.id }),
  ];
  expect(new Set(all.map(({ key }) => key)).size).toBe(all.length);
  // Serials are of an authority: the last one may have the same as the first.
  expect(new Set(all.slice(0, -1).map(({ certificate }) => new X509Certificate(certificate).serialNumber)).size).toBe(
    all.length - 1,
  );
});

test('both authorities are believed while one takes over', () => {
  const trusted = trustedBy({ ...state, trusts: [ca.id, other.id] }, signers);
  expect(trusted).toBe(`${ca.certificate}${other.certificate}`);
});

test('without the key of the authority nothing is made', () => {
  expect(() => of('origin', { signer: 'ca-gone' })).toThrow(SignerMissingError);
  expect(() => trustedBy({ ...state, trusts: ['ca-gone'] }, signers)).toThrow('ca-gone is not on this worker');
});

describe("a person's own files", () => {
  const file = (path: string, text: string) => ({ path, text });
  const right = {
    certificate: file('/c', of().certificate),
    key: file('/k', of().key),
    trusted: file('/a', ca.certificate),
  };
  const short = of('origin', { series: { ...state.series, until: iso(23 * hour) } });
  const past = of('origin', { series: { ...state.series, until: iso(-1) } });
  const early = of('origin', { series: { ...state.series, from: iso(hour) } });

  test('are taken as they are where nothing is wrong with them, and named by what is in them', () => {
    const verdict = judgeGiven(right, nowMs);
    expect(verdict).toMatchObject({ mistakes: [], until: state.series.until });
    expect(judgeGiven({ ...right, certificate: file('/moved', right.certificate.text) }, nowMs).id).toBe(verdict.id);
    const others = { ...right, trusted: file('/a', `${ca.certificate}${other.certificate}`) };
    expect(judgeGiven(others, nowMs).id).not.toBe(verdict.id);
    const { certificate, key, trusted } = right;
    expect(verdict.kept).toEqual({ certificate: certificate.text, key: key.text, trusted: trusted.text });
  });

  test.each<[string, Parameters<typeof judgeGiven>[0], string]>([
    ['a key of another', { ...right, key: file('/k', of('proxy').key) }, 'KEY_PATH /k: it is not the key of CERT_PATH'],
    ['no key', { ...right, key: file('/k', 'none') }, 'KEY_PATH /k: no key could be read in it'],
    [
      'no certificate',
      { ...right, certificate: file('/c', 'none') },
      'CERT_PATH /c: no certificate could be read in it',
    ],
    [
      'an authority that did not sign',
      { ...right, trusted: file('/a', other.certificate) },
      'CERT_PATH /c: it does not lead to a certificate of CA_PATH',
    ],
    [
      'no authority',
      { ...right, trusted: undefined },
      'CERT_PATH /c: it does not end in a certificate that signs itself, and CA_PATH is not set',
    ],
    [
      'hours left',
      { ...right, certificate: file('/c', short.certificate), key: file('/k', short.key) },
      `CERT_PATH /c: it ends at ${iso(23 * hour)}`,
    ],
    [
      'an end that is over',
      { ...right, certificate: file('/c', past.certificate), key: file('/k', past.key) },
      `CERT_PATH /c: it ended at 2026-11-30T11:59:59.000Z`,
    ],
    [
      'a beginning to come',
      { ...right, certificate: file('/c', early.certificate), key: file('/k', early.key) },
      `CERT_PATH /c: it is not valid before ${iso(hour)}`,
    ],
  ])('are refused with %s', (_, files, expected) => {
    const [first, ...more] = judgeGiven(files, nowMs).mistakes;
    expect(more).toEqual([]);
    expect(`${first?.field} ${first?.value}: ${first?.problem}`).toBe(expected);
    expect(first?.expected).not.toBe('');
  });

  test('a chain that ends in its own authority needs no CA_PATH', () => {
    const chain = { ...right, certificate: file('/c', `${of().certificate}${ca.certificate}`), trusted: undefined };
    expect(judgeGiven(chain, nowMs).mistakes).toEqual([]);
  });
});
