import { createHash, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { serverName } from './material';
import { isPublished, keySum } from './published';

/** Files of a person, judged before anything is changed. */
export interface GivenFiles {
  certificate: { path: string; text: string };
  key: { path: string; text: string };
  /** Absent: the last certificate of the chain, which then signs itself. */
  trusted?: { path: string; text: string };
}

export interface GivenMistake {
  /** CERT_PATH, KEY_PATH or CA_PATH. */
  field: string;
  value: string;
  problem: string;
  expected: string;
}

export interface GivenVerdict {
  mistakes: GivenMistake[];
  /** Where there are none: names what is kept. */
  id: string;
  /** What goes to hosts: a file may hold more than it is named for, a key beside its certificate for example. */
  kept: { certificate: string; key: string; trusted: string };
  from: string;
  until: string;
}

const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';
const day = 86_400_000;

export function judgeGiven(files: GivenFiles, nowMs: number): GivenVerdict {
  const mistakes: GivenMistake[] = [];
  const blame = (file: keyof GivenFiles, problem: string, expected: string) =>
    void mistakes.push({ field: fields[file], value: files[file]?.path ?? '', problem, expected });
  const chain = readCertificates(files.certificate.text);
  const trusted = files.trusted ? readCertificates(files.trusted.text) : chain.slice(-1);
  const key = readKey(files.key.text);
  const [leaf] = chain;
  if (!leaf)
    blame(
      'certificate',
      'no certificate could be read in it',
      'a certificate in PEM, those between it and its authority after it',
    );
  if (files.trusted && trusted.length === 0)
    blame('trusted', 'no certificate could be read in it', 'certificates of authorities in PEM');
  if (!key) blame('key', 'no key could be read in it', 'its private key in PEM, without a passphrase');
  const kept = { certificate: pemOf(chain), key: key?.pem ?? '', trusted: pemOf(trusted) };
  const end = (): GivenVerdict => ({
    mistakes,
    id: idOf({ ...kept, trusted: files.trusted && kept.trusted }),
    kept,
    from: isoOf(leaf?.validFrom),
    until: isoOf(leaf?.validTo),
  });
  if (!leaf || !key || trusted.length === 0) return end();
  if (!leaf.checkPrivateKey(key.key))
    blame('key', 'it is not the key of CERT_PATH', 'the private key of that certificate');
  if (isPublished(keySum(leaf.publicKey))) {
    blame('certificate', "it is one of Kraken's own test certificates, whose keys are published", 'a key of your own');
  }
  const [from, until] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)];
  if (nowMs < from)
    blame('certificate', `it is not valid before ${isoOf(leaf.validFrom)}`, 'a certificate that is valid now');
  if (nowMs > until) blame('certificate', `it ended at ${isoOf(leaf.validTo)}`, 'a certificate that is valid now');
  else if (until - nowMs < day)
    blame('certificate', `it ends at ${isoOf(leaf.validTo)}`, 'a certificate that is valid for a day and longer');
  if (!files.trusted && !signsItself(trusted[0]!))
    blame(
      'certificate',
      'it does not end in a certificate that signs itself, and CA_PATH is not set',
      'CA_PATH, or the whole chain in CERT_PATH',
    );
  else if (!isTrusted(chain, trusted))
    blame('certificate', 'it does not lead to a certificate of CA_PATH', 'a chain that ends at one of them');
  if (!leaf.checkHost(serverName)) {
    const names = leaf.subjectAltName ?? 'none';
    blame(
      'certificate',
      `its names are ${names}`,
      `the DNS name ${serverName} among them: all parts know each other by it`,
    );
  }
  // Read as extended key usage by Node; absent means any.
  const usage = leaf.keyUsage as string[] | undefined;
  const missing = usage ? [serverAuth, clientAuth].filter((id) => !usage.includes(id)) : [];
  if (missing.length > 0) {
    const words = missing.map((id) => (id === serverAuth ? 'servers' : 'clients')).join(' and ');
    blame('certificate', `its extended key usage is not for ${words}`, 'serverAuth and clientAuth: each part is both');
  }
  return end();
}

const fields: Record<keyof GivenFiles, string> = { certificate: 'CERT_PATH', key: 'KEY_PATH', trusted: 'CA_PATH' };

function idOf({ certificate, key, trusted }: Partial<GivenVerdict['kept']>): string {
  const texts = [certificate, key, trusted];
  return `given-${createHash('sha256').update(JSON.stringify(texts)).digest('hex').slice(0, 16)}`;
}

function isoOf(text: string | undefined): string {
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? '' : new Date(at).toISOString();
}

function readCertificates(text: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return blocks.flatMap((block) => {
    try {
      return [new X509Certificate(block)];
    } catch {
      return [];
    }
  });
}

function pemOf(certificates: X509Certificate[]): string {
  return certificates.map(String).join('');
}

/** The first one in a file, and its own text alone. */
function readKey(text: string): { key: KeyObject; pem: string } | undefined {
  const [block] = /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----[^-]+-----END \1PRIVATE KEY-----/.exec(text) ?? [];
  try {
    const key = createPrivateKey(block ?? '');
    createPublicKey(key);
    return { key, pem: `${block}\n` };
  } catch {
    return undefined;
  }
}

function signsItself(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
}

function isTrusted(chain: X509Certificate[], trusted: X509Certificate[]): boolean {
  let at = chain[0]!;
  for (const next of chain.slice(1)) {
    if (!at.checkIssued(next) || !at.verify(next.publicKey)) break;
    at = next;
  }
  return trusted.some(
    (ca) => ca.fingerprint256 === at.fingerprint256 || (at.checkIssued(ca) && at.verify(ca.publicKey)),
  );
}
