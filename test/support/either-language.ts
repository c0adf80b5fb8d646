import { createHash, randomBytes } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { request as requestInTls } from 'node:https';

/**
 * A client that knows both languages and never tries the same request twice in one: in TLS when it has been told whom to believe, without where nobody
 * answers TLS, and the other way round. Imports nothing of src.
 */
export class EitherClient {
  /** Certificates to believe, PEM; read from a host as soon as there are any. */
  trusted: string | undefined;
  readonly spoken = { plain: 0, tls: 0 };
  readonly failed: string[] = [];
  operations = 0;

  constructor(private readonly addresses: string[]) {}

  /** Pushes one small image through one load balancer and pulls it by its tag through the next, again and again until told to stop. */
  async run(signal: AbortSignal): Promise<void> {
    for (let n = 0; !signal.aborted; n += 1) {
      const [to, from] = [0, 1].map((step) => this.addresses[(n + step) % this.addresses.length]!);
      this.operations += 1;
      await this.pushAndPull(to!, from!, n).catch((error: Error) =>
        this.failed.push(`${new Date().toISOString()} ${to} ${from}: ${error.message}`),
      );
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  private async pushAndPull(to: string, from: string, n: number): Promise<void> {
    const base = `/v2/either/${n % 8}`;
    const blob = randomBytes(700);
    const digest = await this.pushBlob(to, base, blob);
    const part = { mediaType: 'application/octet-stream', size: blob.length, digest };
    const manifest = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config: part, layers: [part] }),
    );
    const tag = `t${Date.now()}`;
    const headers = { 'content-type': manifestType };
    await this.ask(to, {
      method: 'PUT',
      path: `${base}/manifests/${tag}`,
      headers,
      body: manifest,
      wanted: [200, 201],
    });
    const pulled = await this.ask(from, {
      path: `${base}/manifests/${tag}`,
      headers: { accept: manifestType },
      wanted: [200],
    });
    if (!pulled.body.equals(manifest)) throw new Error('another manifest was served');
    const bytes = await this.ask(from, { path: `${base}/blobs/${digest}`, wanted: [200] });
    if (!bytes.body.equals(blob)) throw new Error('another blob was served');
  }

  private async pushBlob(to: string, base: string, blob: Buffer): Promise<string> {
    const digest = `sha256:${createHash('sha256').update(blob).digest('hex')}`;
    const begun = await this.ask(to, { method: 'POST', path: `${base}/blobs/uploads/`, wanted: [202] });
    const patched = await this.ask(to, { method: 'PATCH', path: placeOf(begun), body: blob, wanted: [202] });
    const end = placeOf(patched);
    const path = `${end}${end.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
    await this.ask(to, { method: 'PUT', path, wanted: [201] });
    return digest;
  }

  private async ask(address: string, one: Ask): Promise<Answer> {
    const first = this.trusted ? 'tls' : 'plain';
    const answer = await this.exchange(address, one, first);
    if (answer !== 'not understood') return this.counted(first, one, answer);
    const second = first === 'tls' ? 'plain' : 'tls';
    const again = await this.exchange(address, one, second);
    if (again === 'not understood') throw new Error(`${one.path}: neither language is understood`);
    return this.counted(second, one, again);
  }

  private counted(language: 'plain' | 'tls', { path, wanted }: Ask, answer: Answer): Answer {
    this.spoken[language] += 1;
    if (wanted.includes(answer.status)) return answer;
    throw new Error(`${path}: HTTP ${answer.status} in ${language}: ${answer.body.toString().slice(0, 200)}`);
  }

  private exchange(address: string, one: Ask, language: 'plain' | 'tls'): Promise<Answer | 'not understood'> {
    const [host, port] = address.split(':');
    const { method = 'GET', path, headers = {}, body } = one;
    const length = { 'content-length': String(body?.length ?? 0) };
    const options = {
      host,
      port,
      method,
      path,
      agent: false as const,
      timeout: 20_000,
      headers: { ...headers, ...length },
    };
    return new Promise((resolve, reject) => {
      const done = (response: IncomingMessage) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const answer = { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) };
          const isRefused = answer.status === 400 && answer.body.includes('plain HTTP request was sent to HTTPS port');
          resolve(isRefused ? 'not understood' : answer);
        });
      };
      const tls = { ca: this.trusted ?? '', servername: 'kraken' };
      const sent = language === 'tls' ? requestInTls({ ...options, ...tls }, done) : request(options, done);
      sent.on('timeout', () => sent.destroy(new Error('no answer within 20 s')));
      sent.on('error', (error: NodeJS.ErrnoException) => {
        if (/wrong version number|packet length too long/i.test(error.message)) resolve('not understood');
        else reject(new Error(`${path} in ${language}: ${error.message}`));
      });
      sent.end(body);
    });
  }
}

interface Ask {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: Buffer;
  wanted: number[];
}

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

const manifestType = 'application/vnd.docker.distribution.manifest.v2+json';

function placeOf({ headers }: Answer): string {
  const { pathname, search } = new URL(headers.location ?? '', 'http://registry');
  return `${pathname}${search}`;
}
