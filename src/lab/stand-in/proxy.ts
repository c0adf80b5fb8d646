import type { RequestListener } from 'node:http';
import { BlobStore } from './blob-store';
import type { Settings } from './configuration';
import type { Flags } from './flags';
import { watchHosts } from './host-list';
import { createRouter, type Exchange, HttpFailure, readJson, sendJson } from './http-router';
import { serve } from './inner-nginx';
import { panic, say } from './log';
import { referencesOf } from './manifest';
import { OriginCluster } from './origin-cluster';
import { answerHealth } from './readiness';
import { createRegistry } from './registry';
import type { ImageSource } from './registry-request';
import { TagClient } from './tag-client';

/** The namespace under which Kraken's proxies hand blobs to origins, whatever the repository. */
const uploadNamespace = 'TODO';

/** The registry into which images are pushed; it keeps copies, and hands everything to origins and build-indexes. */
export async function startProxy(settings: Settings, flags: Flags): Promise<void> {
  const ports = Array.isArray(flags.port) ? flags.port : [];
  if (ports.length === 0) panic('must specify a port');
  const store = new BlobStore({
    upload: settings.text('castore.upload_dir'),
    cache: settings.text('castore.cache_dir'),
  });
  const origins = new OriginCluster(watchHosts(settings, 'origin'));
  const tags = new TagClient(watchHosts(settings, 'build_index'));
  const source = imageSource(store, origins, tags);
  const registry = createRegistry(source);
  const own = createRouter([
    ['GET', '/health', answerHealth],
    ['GET', '/v2/_catalog', (exchange) => sendCatalog(tags, exchange)],
    ['POST', '/proxy/v1/registry/prefetch', (exchange) => prefetch(source, exchange)],
    ['POST', '/proxy/v2/registry/prefetch', (exchange) => prefetch(source, exchange)],
  ]);
  const handler: RequestListener = (request, response) =>
    /^\/(health$|readiness$|proxy\/|v2\/_catalog)/.test(request.url ?? '')
      ? own(request, response)
      : registry(request, response);
  serve({ part: 'proxy', settings, ports, socket: settings.text('server.listener.addr'), handler });
}

async function sendCatalog(tags: TagClient, { response }: Exchange): Promise<void> {
  const names = (await tags.list('')).map((tag) => tag.split(':')[0]);
  sendJson(response, { repositories: [...new Set(names)] });
}

function imageSource(store: BlobStore, origins: OriginCluster, tags: TagClient): ImageSource {
  return {
    store,
    fetch: async (repository, hex) =>
      (await store.size(hex)) !== undefined || (await origins.download(repository, hex, store)),
    size: async (repository, hex) =>
      (await store.size(hex)) ??
      (await origins.size(repository, hex).catch((error: Error) => {
        // Pushes ask first: an error here would stop one that could go on.
        say('INFO', `Error stat-ing origin blob: ${error.message}`);
        return undefined;
      })),
    findTag: (tag) => tags.find(tag),
    sink: {
      upload: (hex) => origins.upload(uploadNamespace, hex, store),
      putTag: (tag, hex) => tags.put(tag, hex),
      listTags: async (repository) => {
        const all = await tags.list(`${repository}/_manifests/tags`);
        return all.flatMap((tag) => tag.split(':')[1] ?? []);
      },
    },
  };
}

/** Makes origins hold all of an image before anybody asks. The tag reads `host/repository/name:tag`. */
async function prefetch(source: ImageSource, { request, response }: Exchange): Promise<void> {
  const body = await readJson<{ tag?: string; trace_id?: string }>(request).catch(() => ({ tag: '', trace_id: '' }));
  const [, namespace, name] = (body.tag ?? '').split('/');
  if (!namespace || !name)
    throw new HttpFailure(400, `{"error":"Bad Request","message":"invalid tag format: ${body.tag}"}`);
  const tag = `${namespace}/${name}`;
  const hex = await source.findTag(tag);
  if (!hex || !(await source.fetch(namespace, hex)))
    throw new HttpFailure(500, `tag request: ${tag}, failed to get tag`);
  const blobs = referencesOf(await source.store.text(hex));
  await Promise.all(blobs.map((blob) => source.size(namespace, blob)));
  const message = 'prefetching initiated successfully';
  sendJson(response, { tag: name, prefetched: true, status: 'success', message, trace_id: body.trace_id ?? '' });
}
