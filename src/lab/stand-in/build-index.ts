import { Backends } from './backend';
import { BlobStore } from './blob-store';
import type { Settings } from './configuration';
import type { Flags } from './flags';
import { type HostList, watchHosts } from './host-list';
import { send } from './http-client';
import { createRouter, type Exchange, HttpFailure, readJson, sendJson, sendText } from './http-router';
import { serve } from './inner-nginx';
import { fatal, panic, say } from './log';
import { referencesOf } from './manifest';
import { answerReadiness, readDigest } from './origin';
import { OriginCluster } from './origin-cluster';
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
  const cache = settings.text('store.cache_dir');
  const index: BuildIndex = {
    tags: new TagStore(settings, backends),
    backends,
    origins: new OriginCluster(watchHosts(settings, 'origin')),
    neighbours: watchHosts(settings, 'cluster'),
    store: new BlobStore({ upload: settings.text('store.upload_dir'), cache: `${cache}/manifests` }),
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
    handler: createRouter([
      ['GET', '/health', ({ response }) => sendText(response, 'OK\n')],
      ['GET', '/readiness', (exchange) => answerReadiness(exchange, () => checkReadiness(index))],
      ['PUT', '/tags/:tag/digest/:digest', ({ params }) => putTag(index, params[0]!, readDigest(params[1]))],
      [
        'GET',
        '/tags/:tag',
        async ({ params, response }) => {
          const hex = await index.tags.find(params[0]!);
          if (!hex) throw new HttpFailure(404);
          sendText(response, `sha256:${hex}`);
        },
      ],
      [
        'GET',
        '/repositories/:repo/tags',
        async (exchange) => {
          const names = await index.backends.find(exchange.params[0]!).list(`${exchange.params[0]}/_manifests/tags`);
          sendList(
            exchange,
            names.flatMap((name) => name.split(':')[1] ?? []),
          );
        },
      ],
      [
        'GET',
        '/list/*',
        async (exchange) => {
          sendList(exchange, await index.backends.find(exchange.params[0]!).list(exchange.params[0]!));
        },
      ],
      ['GET', '/origin', async ({ response }) => sendText(response, settings.texts('origin.hosts.static')[0] ?? '')],
      [
        'PUT',
        '/internal/duplicate/tags/:tag/digest/:digest',
        async ({ params, request }) => {
          const { delay } = await readJson<{ delay: number }>(request);
          await index.tags.put(params[0]!, readDigest(params[1]), delay / 1e6);
        },
      ],
    ]),
  });
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
  const tell = async (address: string, place: number) => {
    const url = `http://${address}/internal/duplicate/tags/${encodeURIComponent(tag)}/digest/sha256:${hex}`;
    const body = JSON.stringify({ delay: index.staggerMs * (place + 1) * 1e6 });
    (await send(url, { method: 'PUT', body, timeoutMs: 10_000 })).resume();
  };
  const telling = index.neighbours
    .resolve()
    .map((address, place) =>
      tell(address, place).catch((error: Error) =>
        say('ERROR', `Failed to duplicate put to neighbor: ${error.message}`),
      ),
    );
  await Promise.all(telling);
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
