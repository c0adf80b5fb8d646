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

type Blame = (file: keyof GivenFiles, problem: string, expected: string) => void;

export function judgeGiven(files: GivenFiles, nowMs: number): GivenVerdict {
  const mistakes: GivenMistake[] = [];
  const blame: Blame = (file, problem, expected) =>
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
  if (leaf && key && trusted.length > 0) {
    if (!leaf.checkPrivateKey(key.key))
      blame('key', 'it is not the key of CERT_PATH', 'the private key of that certificate');
    judgeLeaf(leaf, nowMs, blame);
    judgeWay({ chain, trusted, hasOwnFile: files.trusted !== undefined }, nowMs, blame);
  }
  const kept = { certificate: pemOf(chain), key: key?.pem ?? '', trusted: pemOf(trusted) };
  return {
    mistakes,
    id: idOf({ ...kept, trusted: files.trusted && kept.trusted }),
    kept,
    from: isoOf(leaf?.validFrom),
    until: isoOf(leaf?.validTo),
  };
}

function judgeLeaf(leaf: X509Certificate, nowMs: number, blame: Blame): void {
  if (isPublished(keySum(leaf.publicKey))) {
    blame('certificate', "it is one of Kraken's own test certificates, whose keys are published", 'a key of your own');
  }
  const wrong = wrongDates(leaf, nowMs);
  if (wrong) blame('certificate', `it ${wrong.problem}`, `a certificate that is ${wrong.expected}`);
  // Whatever is written in Go, Kraken and Docker, looks at these names alone.
  if (!leaf.checkHost(serverName, { subject: 'never' })) {
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
}

function wrongDates(certificate: X509Certificate, nowMs: number): { problem: string; expected: string } | undefined {
  const [from, until] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (nowMs < from) return { problem: `is not valid before ${isoOf(certificate.validFrom)}`, expected: 'valid now' };
  if (nowMs > until) return { problem: `ended at ${isoOf(certificate.validTo)}`, expected: 'valid now' };
  return until - nowMs < day
    ? { problem: `ends at ${isoOf(certificate.validTo)}`, expected: 'valid for a day and longer' }
    : undefined;
}

interface Believed {
  chain: X509Certificate[];
  trusted: X509Certificate[];
  /** CA_PATH is set. */
  hasOwnFile: boolean;
}

/** NGINX and Redis believe nothing but an authority that signs itself, and what leads there over authorities that are valid. */
function judgeWay({ chain, trusted, hasOwnFile }: Believed, nowMs: number, blame: Blame): void {
  if (!trusted.some(signsItself)) {
    if (hasOwnFile) blame('trusted', 'no certificate in it signs itself', 'the authority at the end of the chain');
    else
      blame(
        'certificate',
        'it does not end in a certificate that signs itself, and CA_PATH is not set',
        'CA_PATH, or the whole chain in CERT_PATH',
      );
    return;
  }
  const isSound = (certificate: X509Certificate) => certificate.ca && !wrongDates(certificate, nowMs);
  const [leaf, ...more] = chain;
  const others = [...trusted, ...more];
  if (wayFrom(leaf!, others.filter(isSound), trusted)) return;
  const way = wayFrom(leaf!, others, trusted);
  if (!way) blame('certificate', 'it does not lead to a certificate of CA_PATH', 'a chain that ends at one of them');
  for (const unsound of (way ?? []).filter((certificate) => !isSound(certificate))) {
    const file = hasOwnFile && isAmong(trusted, unsound) ? 'trusted' : 'certificate';
    const name = unsound.subject.replaceAll('\n', ', ');
    const wrong = wrongDates(unsound, nowMs) ?? { problem: 'is no authority', expected: 'one (CA:TRUE)' };
    blame(file, `${name}, which it leads over, ${wrong.problem}`, `authorities that are ${wrong.expected}`);
  }
}

/** Whom a certificate leads over to one that is believed and signs itself; undefined where there is no such way. */
function wayFrom(
  at: X509Certificate,
  others: X509Certificate[],
  trusted: X509Certificate[],
): X509Certificate[] | undefined {
  if (signsItself(at)) return isAmong(trusted, at) ? [] : undefined;
  for (const next of others.filter((other) => at.checkIssued(other) && at.verify(other.publicKey))) {
    const way = wayFrom(
      next,
      others.filter((other) => other !== next),
      trusted,
    );
    if (way) return [next, ...way];
  }
  return undefined;
}

function isAmong(certificates: X509Certificate[], one: X509Certificate): boolean {
  return certificates.some(({ fingerprint256 }) => fingerprint256 === one.fingerprint256);
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
