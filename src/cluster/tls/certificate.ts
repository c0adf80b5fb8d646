import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { bits, integer, named, nothing, octets, oid, sequence, set, tagged, time, tlv, utf8, yes } from './der';

/**
 * X.509 certificates as a pure function: the same input gives the same bytes, since RSA signatures (PKCS #1 v1.5) have no chance in them. So a
 * certificate is rendered like any other file, and nothing but the key of its authority has to be kept anywhere.
 */

export interface Validity {
  notBefore: Date;
  notAfter: Date;
}

interface Wanted extends Validity {
  subject: string;
  issuer: string;
  /** Hex. */
  serial: string;
  publicKey: KeyObject;
  signer: KeyObject;
  extensions: Buffer[];
}

const sha256WithRsa = sequence(oid('1.2.840.113549.1.1.11'), nothing);
const commonName = (text: string) => sequence(set(sequence(oid('2.5.4.3'), utf8(text))));

function extension(id: string, value: Buffer, isCritical = false): Buffer {
  return sequence(oid(id), ...(isCritical ? [yes] : []), octets(value));
}

function signed(wanted: Wanted): string {
  const body = sequence(
    tagged(0, integer(Buffer.from([2]))),
    integer(Buffer.from(wanted.serial, 'hex')),
    sha256WithRsa,
    commonName(wanted.issuer),
    sequence(time(wanted.notBefore), time(wanted.notAfter)),
    commonName(wanted.subject),
    wanted.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, sequence(...wanted.extensions)),
  );
  const whole = sequence(body, sha256WithRsa, bits(sign('sha256', body, wanted.signer)));
  return pem('CERTIFICATE', whole);
}

function pem(label: string, der: Buffer): string {
  return `-----BEGIN ${label}-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`;
}

function keyId(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();
}

/** Digital signature; for an authority: signs certificates and lists of revoked ones. */
const usage = { leaf: bits(Buffer.from([0x80]), 7), authority: bits(Buffer.from([0x06]), 1) };
const serverAndClient = sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'));

/** The certificate of an authority by itself. `keyPem`: an RSA key. */
export function authorityCertificate(keyPem: string, name: string, validity: Validity): string {
  const signer = createPrivateKey(keyPem);
  const publicKey = createPublicKey(signer);
  const id = keyId(publicKey);
  const extensions = [
    extension('2.5.29.19', sequence(yes), true),
    extension('2.5.29.15', usage.authority, true),
    extension('2.5.29.14', octets(id)),
  ];
  const serial = `01${id.subarray(0, 15).toString('hex')}`;
  return signed({ ...validity, subject: name, issuer: name, serial, publicKey, signer, extensions });
}

export interface LeafInput extends Validity {
  authority: { keyPem: string; name: string };
  subject: string;
  serial: string;
  /** DNS names and IPv4 addresses. */
  names: string[];
  publicKey: KeyObject;
}

/** For server and client both: each part is both, and the bus of Redis asks for it. */
export function leafCertificate({ authority, names, publicKey, ...wanted }: LeafInput): string {
  const signer = createPrivateKey(authority.keyPem);
  const extensions = [
    extension('2.5.29.19', sequence(), true),
    extension('2.5.29.15', usage.leaf, true),
    extension('2.5.29.37', serverAndClient),
    extension('2.5.29.17', sequence(...names.map(alternativeName))),
    extension('2.5.29.35', sequence(tlv(0x80, keyId(createPublicKey(signer))))),
  ];
  return signed({ ...wanted, issuer: authority.name, publicKey, signer, extensions });
}

function alternativeName(name: string): Buffer {
  if (/^(\d{1,3}\.){3}\d{1,3}$/.test(name)) return named(7, Buffer.from(name.split('.').map(Number)));
  return named(2, Buffer.from(name));
}
