import { createHash } from 'node:crypto';
import { RemoteCommandError } from '../clients/errors';
import type { HostConnection, HttpRequest, HttpResponse } from '../clients/host';
import type { ClusterSpec } from '../cluster/spec';

/**
 * A blob that the origin of one node alone has. It comes there as one origin gives a blob to another (`/internal/blobs/…/uploads`), which is neither copied on
 * nor written to a backend, so it is gone with that origin's copy, and whoever gets it got it from there.
 */
export interface LoneBlob {
  digest: string;
  bytes: Buffer;
}

/** By which one is known that was left behind. At most 256 bytes in all. */
const mark = 'krakenctl: what one origin alone has, ';
const mostBytes = 256;
const askTimeoutMs = 5_000;

/** The same for the same seed while the ring is the same. @throws {Error} where the origin does not take it. */
export async function putLoneBlob(node: HostConnection, spec: ClusterSpec, seed: string): Promise<LoneBlob> {
  const blob = await belongingTo(node, spec, seed);
  const { origin: port } = spec.ports;
  const base = `/internal/blobs/${blob.digest}/uploads`;
  const started = await node.http({ port, path: base, method: 'POST', body: Buffer.alloc(0), timeoutMs: askTimeoutMs });
  // It is there already: a try before this one came so far.
  if (started.status === 409) return blob;
  expectOk(node, started, `POST ${base}`);
  const path = `${base}/${uploadOf(started)}`;
  const headers = { 'content-range': `0-${blob.bytes.length}` };
  await mustAsk(node, { port, path, method: 'PATCH', headers, body: blob.bytes });
  await mustAsk(node, { port, path, method: 'PUT', body: Buffer.alloc(0) });
  return blob;
}

/** What one node alone has others can never get: it must not lie there for long. Where it does, the origin's own cleaning takes it. */
export async function removeLoneBlob(node: HostConnection, spec: ClusterSpec, { digest }: LoneBlob): Promise<void> {
  const path = `/internal/blobs/${digest}`;
  await node.http({ port: spec.ports.origin, path, method: 'DELETE', timeoutMs: askTimeoutMs });
}

/** The same where only its seed is known. */
export async function removeLoneBlobOf(node: HostConnection, spec: ClusterSpec, seed: string): Promise<void> {
  await removeLoneBlob(node, spec, await belongingTo(node, spec, seed));
}

/** Left behind by an operation that was ended in the middle of it: nobody is to have it. False where the origin does not say. */
export async function hasLoneBlob(node: HostConnection, spec: ClusterSpec, hex: string): Promise<boolean> {
  const { origin: port } = spec.ports;
  const path = `/namespace/krakenctl/blobs/sha256:${hex}`;
  // Of a size that it may have, and there: asked for what is not, an origin begins to fetch it.
  const head = await node.http({ port, path: `/internal${path}?local=true`, method: 'HEAD', timeoutMs: askTimeoutMs });
  if (head.status !== 200 || !(Number(head.headers['content-length']) <= mostBytes)) return false;
  const { status, body } = await node.http({ port, path, timeoutMs: askTimeoutMs });
  return status === 200 && body.subarray(0, mark.length).toString() === mark;
}

/** An origin keeps two or three of N digests, and takes no others: that it is given none of so many happens to one seed in 400 million. */
function contentsTried({ nodes, kraken }: ClusterSpec): number {
  return Math.max(500, Math.ceil((20 * nodes.length) / kraken.maxReplica));
}

/** Which origins have a blob is a matter of its digest, so others are tried until it belongs to this one. */
async function belongingTo(node: HostConnection, spec: ClusterSpec, seed: string): Promise<LoneBlob> {
  const { origin: port } = spec.ports;
  const { address } = spec.nodes.find(({ id }) => id === node.host.id)!;
  const contents = contentsTried(spec);
  for (let n = 0; n < contents; n += 1) {
    const bytes = Buffer.from(`${mark}${seed} ${n}`);
    if (bytes.length > mostBytes) throw new RangeError(`a lone blob has at most ${mostBytes} bytes`);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const { headers } = await mustAsk(node, { port, path: `/blobs/${digest}/locations` });
    if (
      String(headers['origin-locations'] ?? '')
        .split(',')
        .includes(`${address}:${port}`)
    )
      return { digest, bytes };
  }
  throw new Error(`of ${contents} digests its ring gives none to the origin of ${node.host.id}`);
}

async function mustAsk(node: HostConnection, request: HttpRequest): Promise<HttpResponse> {
  const response = await node.http({ timeoutMs: askTimeoutMs, ...request });
  expectOk(node, response, `${request.method ?? 'GET'} ${request.path}`);
  return response;
}

function expectOk({ host }: HostConnection, { status, body }: HttpResponse, what: string): void {
  if (status >= 200 && status < 300 && status !== 202) return;
  const text = body.toString().trim().slice(0, 200);
  throw new RemoteCommandError(`${what}: HTTP ${status} ${text}`, host.id, status, text);
}

/** The name alone counts; an inner nginx may make a path of it, or an address. */
function uploadOf({ headers }: HttpResponse): string {
  const name = String(headers.location ?? '').replace(/^.*\//, '');
  if (name === '') throw new Error('the origin answered an upload without a Location');
  return name;
}
