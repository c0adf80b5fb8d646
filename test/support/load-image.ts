import { createHash, randomBytes } from 'node:crypto';
import { type Answer, ask, StepFailure } from './load-request';
import { tarOf } from './tar';

/** A small image as it is on the wire, pushed and pulled as Docker and containerd do it. Imports nothing of src. */
export interface Image {
  repository: string;
  tag: string;
  layer: Buffer;
  config: Buffer;
  manifest: Buffer;
}

/** What a registry has acknowledged: from now on these bytes are owed. */
export interface Acknowledged {
  repository: string;
  tag: string;
  /** Digest of the manifest. */
  digest: string;
  /** Digests of configuration and layer. */
  blobs: string[];
}

export const manifestType = 'application/vnd.docker.distribution.manifest.v2+json';
const binary = { 'content-type': 'application/octet-stream' };

export const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Content that nobody has: a layer that an engine can unpack, and a configuration of its own. */
export function freshImage(repository: string, tag: string, bytes = 4096): Image {
  const layer = tarOf('random', randomBytes(bytes));
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    }),
  );
  return { repository, tag, layer, config, manifest: manifestOf(config, layer) };
}

function manifestOf(config: Buffer, layer: Buffer): Buffer {
  const described = (bytes: Buffer, mediaType: string) => ({ mediaType, size: bytes.length, digest: digestOf(bytes) });
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: described(config, 'application/vnd.docker.container.image.v1+json'),
      layers: [described(layer, 'application/vnd.docker.image.rootfs.diff.tar.gzip')],
    }),
  );
}

export const acknowledged = ({ repository, tag, manifest, config, layer }: Image): Acknowledged => ({
  repository,
  tag,
  digest: digestOf(manifest),
  blobs: [digestOf(config), digestOf(layer)],
});

/** Layer as Docker pushes it (POST, PATCH, PUT), configuration as containerd does (POST, PUT), then the manifest under its tag. */
export function push(address: string, image: Image): Promise<Acknowledged> {
  return pushSlowly(address, image, { pieces: 1, between: async () => undefined });
}

/** A push whose layer comes in pieces, with something between them: time, or what is waited for. */
export async function pushSlowly(
  address: string,
  image: Image,
  { pieces, between }: { pieces: number; between: (sent: number, place: string) => Promise<void> },
): Promise<Acknowledged> {
  const upload = await Upload.begin(address, image.repository, 'layer');
  const size = Math.ceil(image.layer.length / pieces);
  for (let at = 0; at < image.layer.length; at += size) {
    await upload.piece(image.layer.subarray(at, at + size));
    await between(at / size + 1, upload.place);
  }
  await upload.finish(digestOf(image.layer));
  await (await Upload.begin(address, image.repository, 'config')).finish(digestOf(image.config), image.config);
  return putManifest(address, image);
}

async function putManifest(address: string, image: Image): Promise<Acknowledged> {
  const path = `/v2/${image.repository}/manifests/${image.tag}`;
  const headers = { 'content-type': manifestType };
  await ask(address, { step: 'PUT manifest', method: 'PUT', path, headers, body: image.manifest, wanted: [201] });
  return acknowledged(image);
}

/** One session of uploading a blob. The place that an answer names is taken as it is, with all its parameters. */
export class Upload {
  private sent = 0;

  private constructor(
    private readonly address: string,
    private readonly what: string,
    private location: string,
  ) {}

  static async begin(address: string, repository: string, what: string): Promise<Upload> {
    const path = `/v2/${repository}/blobs/uploads/`;
    const answer = await ask(address, { step: `POST ${what}`, method: 'POST', path, wanted: [202] });
    return new Upload(address, what, locationIn(answer, `POST ${what}`));
  }

  /** Where it goes on, as the last answer said. */
  get place(): string {
    return this.location;
  }

  async piece(bytes: Buffer): Promise<void> {
    const step = `PATCH ${this.what}`;
    const headers = { ...binary, 'content-range': `${this.sent}-${this.sent + bytes.length - 1}` };
    const answer = await ask(this.address, {
      step,
      ...this.at(),
      method: 'PATCH',
      headers,
      body: bytes,
      wanted: [202],
    });
    this.sent += bytes.length;
    this.location = locationIn(answer, step);
  }

  async finish(digest: string, body: Buffer = Buffer.alloc(0)): Promise<void> {
    const { path, onto } = this.at();
    const parameter = `digest=${encodeURIComponent(digest)}`;
    const whole = `${path}${path.includes('?') ? '&' : '?'}${parameter}`;
    const step = `PUT ${this.what}`;
    await ask(this.address, { step, onto, method: 'PUT', path: whole, headers: binary, body, wanted: [201] });
  }

  /** A path is on the host that was asked; an address names another. */
  private at(): { path: string; onto?: string } {
    const found = /^https?:\/\/([^/]+)(\/.*)$/.exec(this.location);
    return found ? { onto: found[1]!, path: found[2]! } : { path: this.location };
  }
}

function locationIn(answer: Answer, step: string): string {
  const location = answer.headers.location;
  if (!location) throw new StepFailure(step, answer.status, 'the answer names no Location');
  return location;
}

/** Every byte is hashed and compared with what was acknowledged. */
export async function pull(address: string, image: Acknowledged, by: 'digest' | 'tag'): Promise<void> {
  const { repository, digest } = image;
  const step = `GET manifest by ${by}`;
  const path = `/v2/${repository}/manifests/${by === 'tag' ? image.tag : digest}`;
  const headers = { accept: manifestType };
  const manifest = await ask(address, { step, method: 'GET', path, headers, wanted: [200] });
  expectDigest(step, manifest, digest);
  const named = manifest.headers['docker-content-digest'];
  if (named !== undefined && named !== digest) throw new StepFailure(step, 200, `names ${named}`, digest);
  for (const blob of image.blobs) {
    const one = { step: 'GET blob', method: 'GET', path: `/v2/${repository}/blobs/${blob}`, wanted: [200] };
    expectDigest('GET blob', await ask(address, one), blob);
  }
}

function expectDigest(step: string, { status, body }: Answer, digest: string): void {
  const found = digestOf(body);
  if (found !== digest) throw new StepFailure(step, status, `${body.length} bytes of ${found}`, digest);
}
