import { dirname, join } from 'node:path';
import { Backends } from './backend';
import { BlobStore } from './blob-store';
import type { Settings } from './configuration';
import { readDigest } from './digest';
import type { Flags } from './flags';
import { type HostList, watchHosts } from './host-list';
import { send } from './http-client';
import { createRouter, type Exchange, HttpFailure, type Route, readJson, sendJson, sendText } from './http-router';
import { serve } from './inner-nginx';
import { fatal, panic, say } from './log';
import { referencesOf } from './manifest';
import { OriginCluster } from './origin-cluster';
import { answerReadiness } from './readiness';
import { TagStore } from './tag-store';

/** Knows which digest a tag means. */
interface BuildIndex {
  tags: TagStore;
  backends: Backends;
  origins: OriginCluster;
  neighbours: HostList;
  store: BlobStore;
  staggerMs: number;
}

export async function startBuildIndex(settings: Settings, flags: Flags): Promise<void> {
  if (!flags.port) panic('must specify non-zero port');
  if (settings.parts('tag_types').length === 0) fatal('Error creating tag type manager: no config specified');
  const backends = new Backends(settings);
  const index: BuildIndex = {
    tags: new TagStore(settings, backends),
    backends,
    origins: new OriginCluster(watchHosts(settings, 'origin')),
    neighbours: watchHosts(settings, 'cluster'),
    store: new BlobStore({
      upload: settings.text('store.upload_dir'),
      cache: join(dirname(settings.text('store.cache_dir')), 'manifests'),
    }),
    staggerMs: settings.duration('tagserver.duplicate_put_stagger', 1_200_000),
  };
  serve({
    part: 'build-index',
    settings,
    ports: [Number(flags.port)],
    socket: settings.text('tagserver.listener.addr'),
    cached: [
      { path: /^\/tags/, okMs: 300_000, anyMs: 0 },
      { path: /^\/repositories\/.*\/tags$/i, okMs: 1_000, anyMs: 1_000 },
      { path: /^\/list/, okMs: 30_000, anyMs: 1_000 },
    ],
    handler: createRouter(routesOf(index, settings)),
  });
}

function routesOf(index: BuildIndex, settings: Settings): Route[] {
  const [anyOrigin = ''] = settings.texts('origin.hosts.static');
  const of = (answer: (index: BuildIndex, exchange: Exchange) => Promise<void>) => (exchange: Exchange) =>
    answer(index, exchange);
  return [
    ['GET', '/health', ({ response }) => sendText(response, 'OK\n')],
    ['GET', '/readiness', (exchange) => answerReadiness(exchange, () => checkReadiness(index))],
    ['PUT', '/tags/:tag/digest/:digest', ({ params }) => putTag(index, params[0]!, readDigest(params[1]))],
    ['GET', '/tags/:tag', of(sendTag)],
    ['GET', '/repositories/:repo/tags', of(sendRepository)],
    ['GET', '/list/*', of(sendPrefix)],
    ['GET', '/origin', ({ response }) => sendText(response, anyOrigin)],
    ['PUT', '/internal/duplicate/tags/:tag/digest/:digest', of(takeDuplicate)],
  ];
}

async function sendTag({ tags }: BuildIndex, { params, response }: Exchange): Promise<void> {
  const hex = await tags.find(params[0]!);
  if (!hex) throw new HttpFailure(404);
  sendText(response, `sha256:${hex}`);
}

async function sendRepository({ backends }: BuildIndex, exchange: Exchange): Promise<void> {
  const repository = exchange.params[0]!;
  const names = await backends.find(repository).list(`${repository}/_manifests/tags`);
  const tags = names.flatMap((name) => name.split(':')[1] ?? []);
  sendList(exchange, tags);
}

async function sendPrefix({ backends }: BuildIndex, exchange: Exchange): Promise<void> {
  const prefix = exchange.params[0]!;
  sendList(exchange, await backends.find(prefix).list(prefix));
}

async function takeDuplicate({ tags }: BuildIndex, { params, request }: Exchange): Promise<void> {
  const { delay } = await readJson<{ delay: number }>(request);
  await tags.put(params[0]!, readDigest(params[1]), delay / 1e6);
}

async function checkReadiness({ backends, origins }: BuildIndex): Promise<void> {
  await backends.checkReadiness();
  await origins.checkReadiness();
}

/** A tag is taken only when all that it needs is at the origins; then the other build-indexes are told. */
async function putTag(index: BuildIndex, tag: string, hex: string): Promise<void> {
  for (const dependency of [...(await readReferences(index, tag, hex)), hex]) {
    if ((await index.origins.size(tag, dependency)) === undefined) {
      throw new HttpFailure(500, `cannot upload tag, missing dependency sha256:${dependency}`);
    }
  }
  await index.tags.put(tag, hex);
  await Promise.all(index.neighbours.resolve().map((address, place) => tell(index, { address, place, tag, hex })));
}

/** That one of them does not answer does not fail the push. */
async function tell(
  { staggerMs }: BuildIndex,
  { address, place, tag, hex }: { address: string; place: number; tag: string; hex: string },
): Promise<void> {
  try {
    const url = `http://${address}/internal/duplicate/tags/${encodeURIComponent(tag)}/digest/sha256:${hex}`;
    const body = JSON.stringify({ delay: staggerMs * (place + 1) * 1e6 });
    (await send(url, { method: 'PUT', body, timeoutMs: 10_000 })).resume();
  } catch (error) {
    say('ERROR', `Failed to duplicate put to neighbor: ${(error as Error).message}`);
  }
}

async function readReferences({ origins, store }: BuildIndex, tag: string, hex: string): Promise<string[]> {
  if ((await store.size(hex)) === undefined && !(await origins.download(tag, hex, store))) {
    throw new HttpFailure(500, 'resolve dependencies: download manifest: blob not found');
  }
  return referencesOf(await store.text(hex));
}

function sendList({ request, response, query }: Exchange, result: string[]): void {
  if (query.has('limit') || query.has('offset'))
    throw new HttpFailure(500, 'error listing from backend: pagination not supported');
  sendJson(response, { Links: { next: '', self: request.url }, size: result.length, result });
}
