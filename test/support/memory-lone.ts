import { createHash, randomUUID } from 'node:crypto';
import type { HttpRequest, HttpResponse } from '../../src/clients/host';
import type { MemoryHost, MemoryLab } from './memory-hosts';

/** Blobs that one origin alone has, trackers that name origins, and agents that get such blobs: enough for a canary through an agent. */
export interface MemorySwarm {
  /** By digest, of this host's origin. */
  readonly alone: Map<string, Buffer>;
  readonly uploads: Map<string, Buffer>;
  /** An origin that answers everything, and no peer. */
  isMute: boolean;
  /** An agent that is ready, and gets nothing from anybody. */
  getsNothing: boolean;
  /** What this host's agent was asked for: `namespace digest`. */
  readonly pulls: string[];
}

export const newSwarm = (): MemorySwarm => ({
  alone: new Map(),
  uploads: new Map(),
  isMute: false,
  getsNothing: false,
  pulls: [],
});

const answer = (status: number, body: Buffer | string = '', headers = {}): HttpResponse => ({
  status,
  headers,
  body: Buffer.from(body),
});

const nodesOf = (lab: MemoryLab) => [...lab.machines.values()].filter((m) => m.part('origin') !== undefined);

/** Two of three nodes have a digest. */
function ownersOf(lab: MemoryLab, digest: string): MemoryHost[] {
  const nodes = nodesOf(lab);
  const without = Number.parseInt(digest.slice(-4), 16) % nodes.length;
  return nodes.filter((_, index) => index !== without);
}

/** What an origin answers of blobs that came to it alone; undefined for all else. */
export function answerOrigin(host: MemoryHost, { path, method = 'GET', body }: HttpRequest): HttpResponse | undefined {
  const { alone, uploads } = host.swarm;
  const [, located] = /^\/blobs\/(sha256:[0-9a-f]{64})\/locations$/.exec(path) ?? [];
  if (located !== undefined) {
    const addresses = ownersOf(host.lab, located).map((m) => `${m.host.address}:8080`);
    return answer(200, '', { 'origin-locations': addresses.join(',') });
  }
  const [, digest, id] = /^\/internal\/blobs\/(sha256:[0-9a-f]{64})(?:\/uploads(?:\/(.+))?)?$/.exec(path) ?? [];
  if (digest === undefined) return answerBlob(host, path, method);
  if (method === 'DELETE') return answer(alone.delete(digest) ? 202 : 404);
  if (!ownersOf(host.lab, digest).includes(host)) return answer(400, 'digest does not hash to this origin');
  if (method === 'POST') return alone.has(digest) ? answer(409) : answer(200, '', { location: randomUUID() });
  if (method === 'PATCH') uploads.set(id!, body!);
  if (method !== 'PUT') return answer(200);
  const bytes = uploads.get(id!);
  if (bytes === undefined) return answer(404);
  if (digest !== `sha256:${createHash('sha256').update(bytes).digest('hex')}`) return answer(500, 'verify digest');
  alone.set(digest, bytes);
  return answer(200);
}

function answerBlob({ swarm, lab }: MemoryHost, path: string, method: string): HttpResponse | undefined {
  const [, digest = ''] = /\/blobs\/(sha256:[0-9a-f]{64})/.exec(path) ?? [];
  const bytes = swarm.alone.get(digest);
  if (bytes === undefined && path.endsWith('?local=true')) return answer(lab.registry.blobs.has(digest) ? 200 : 404);
  if (bytes === undefined || path.endsWith('/metainfo')) return undefined;
  return answer(200, method === 'HEAD' ? '' : bytes, { 'content-length': String(bytes.length) });
}

/** Who asks for a blob is named the origins that have it by the ring. */
export function answerAnnounce({ lab }: MemoryHost, { body }: HttpRequest): HttpResponse {
  const { digest, peer } = JSON.parse(String(body)) as { digest: string; peer: { complete: boolean } };
  if (peer.complete) return answer(200, '{}');
  const peers = ownersOf(lab, digest)
    .filter((m) => m.runs('origin'))
    .map((m) => ({ ip: m.host.address, port: 8090, origin: true, complete: true }));
  return answer(200, JSON.stringify({ peers }));
}

/** An agent's server port, by the load balancers that run: their own text says to whose tracker a request goes. */
export function answerAgent(vm: MemoryHost, { path, method = 'GET' }: HttpRequest): HttpResponse {
  const [, name, digest] = /^\/namespace\/([^/]+)\/blobs\/(sha256:[0-9a-f]{64})$/.exec(path) ?? [];
  if (name === undefined || digest === undefined)
    return answer(method === 'DELETE' || /^\/(readiness|health)$/.test(path) ? 200 : 404);
  const namespace = decodeURIComponent(name);
  vm.swarm.pulls.push(`${namespace} ${digest}`);
  if (vm.swarm.getsNothing) return answer(500, 'download torrent: timed out');
  const nodes = nodesOf(vm.lab);
  const text = nodes.find((m) => m.runs('nginx'))?.nginxRuns ?? '';
  const [, to] =
    new RegExp(`location \\^~ /namespace/${namespace}/ \\{[^]*?proxy_pass http://(\\S+);`).exec(text) ?? [];
  const [, address] = new RegExp(`upstream ${to} \\{\\s+server ([0-9.]+):8081 `).exec(text) ?? [];
  const tracker = nodes.find((m) =>
    address ? m.host.address === address : !new RegExp(` out=${m.host.id}`).test(text),
  );
  if (!tracker?.runs('tracker')) return answer(500, 'HTTP 502 of the load balancer');
  // By the usual way nobody is sent to a node that is out.
  const origin = nodes.find((m) => m.swarm.alone.has(digest) && m.runs('origin'));
  if (!origin || (address !== undefined && tracker !== origin)) return answer(404);
  return origin.swarm.isMute ? answer(500, 'download torrent: EOF') : answer(200, origin.swarm.alone.get(digest));
}
