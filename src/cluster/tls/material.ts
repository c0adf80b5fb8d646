import { createECDH, createHash, createPrivateKey, createPublicKey, hkdfSync } from 'node:crypto';
import type { HostSpec, PartName, TlsState } from '../spec';
import { leafCertificate } from './certificate';

/**
 * What TLS needs on hosts. A key is derived from that of its authority, the cluster's name, its host, its part and the number of its series: whoever has
 * the authority's key can make it again, and nobody has to keep or send it. Docs: decisions/0043.
 */

/** Who signs; with its private key, so it never leaves the worker. */
export type Signer =
  | { kind: 'authority'; id: string; name: string; certificate: string; key: string }
  /** One certificate for all, made elsewhere. */
  | { kind: 'given'; id: string; trusted: string; certificate: string; key: string };

/** By id; undefined where this worker does not have it. */
export type Signers = (id: string) => Signer | undefined;

export interface Identity {
  certificate: string;
  key: string;
}

/** krakenctl itself, as a client of Redis. */
export type Bearer = PartName | 'krakenctl';

/** The name that every part verifies, whoever it talks to: Kraken has one setting for all of them. */
export const serverName = 'kraken';

const remembered = new Map<string, Identity>();
const mostRemembered = 2000;

/** @throws {SignerMissingError} */
export function identityOf(
  state: TlsState,
  bearer: { cluster: string; node: HostSpec; part: Bearer },
  signers: Signers,
) {
  const signer = requireSigner(state.signer, signers);
  if (signer.kind === 'given') return { certificate: signer.certificate, key: signer.key };
  const { cluster, node, part } = bearer;
  const seed = [cluster, node.id, node.address, part, state.series.number, state.series.from, state.series.until].join(
    '|',
  );
  const name = `${signer.id} ${seed}`;
  const known = remembered.get(name);
  if (known) return known;
  const key = derivedKey(signer.key, seed);
  const made = {
    key: key.export({ type: 'sec1', format: 'pem' }).toString(),
    certificate: leafCertificate({
      authority: { keyPem: signer.key, name: signer.name },
      subject: `${part} of ${node.id}`,
      serial: serialOf(seed),
      names: [serverName, `${part}.${node.id}.${cluster}`, node.address, '127.0.0.1'],
      notBefore: new Date(state.series.from),
      notAfter: new Date(state.series.until),
      publicKey: createPublicKey(key),
    }),
  };
  if (remembered.size >= mostRemembered) remembered.clear();
  remembered.set(name, made);
  return made;
}

export class SignerMissingError extends Error {
  constructor(readonly id: string) {
    super(`the key of the certificate authority ${id} is not on this worker`);
    this.name = 'SignerMissingError';
  }
}

function requireSigner(id: string, signers: Signers): Signer {
  const signer = signers(id);
  if (!signer) throw new SignerMissingError(id);
  return signer;
}

/** Certificates by which others are known, in the order of the state. @throws {SignerMissingError} */
export function trustedBy(state: TlsState, signers: Signers): string {
  const texts = state.trusts.map((id) => {
    const signer = requireSigner(id, signers);
    return (signer.kind === 'given' ? signer.trusted : signer.certificate).replace(/\n*$/, '\n');
  });
  return [...new Set(texts)].join('');
}

/** Hex, 16 bytes, above zero. */
function serialOf(seed: string): string {
  return `01${createHash('sha256').update(`serial|${seed}`).digest('hex').slice(0, 30)}`;
}

const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');

/** P-256. Forty-eight bytes before the reduction, so that no key is likelier than another (FIPS 186-5, A.2.1). */
function derivedKey(authorityKey: string, seed: string) {
  const secret = createPrivateKey(authorityKey).export({ type: 'pkcs8', format: 'der' });
  const wide = Buffer.from(hkdfSync('sha256', secret, 'krakenctl tls', seed, 48));
  const scalar = (BigInt(`0x${wide.toString('hex')}`) % (order - 1n)) + 1n;
  const d = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex');
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(d);
  const point = curve.getPublicKey();
  const coordinate = (from: number) => point.subarray(from, from + 32).toString('base64url');
  const jwk = { kty: 'EC', crv: 'P-256', d: d.toString('base64url'), x: coordinate(1), y: coordinate(33) };
  return createPrivateKey({ key: jwk, format: 'jwk' });
}

/** Names of the files in a part's folder. */
export const tlsFileNames = { trusted: 'ca.crt', certificate: 'tls.crt', key: 'tls.key', passphrase: 'passphrase' };
