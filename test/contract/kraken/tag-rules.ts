import { ports } from './configurations';
import { docker, eventually } from './docker';
import { at, holdersOf, proxy } from './image-rules';
import { makeImage, pullImage, pushImage } from './registry-client';
import { expect, expectEqual, type Rule } from './rules';
import { partName, type Stage } from './stage';

/** What a tag means, and who knows it. */
const buildIndex = (stage: Stage, node: number) => at(stage, node, ports.buildIndex);

async function digestOf(stage: Stage, node: number, tag: string): Promise<string> {
  const answer = await fetch(`${buildIndex(stage, node)}/tags/${encodeURIComponent(tag)}`);
  return answer.status === 200 ? answer.text() : `${answer.status}`;
}

export const tagRules: Rule[] = [
  {
    title: 'every build-index answers GET /tags/<repository:tag> with the digest as text',
    async check(stage) {
      const image = makeImage('contract/tags', 'one');
      await pushImage(proxy(stage, 0), image);
      for (const node of [0, 1, 2]) {
        expectEqual(await digestOf(stage, node, 'contract/tags:one'), image.manifest.digest, `node ${node + 1}`);
      }
    },
  },
  {
    title: 'a tag that nobody pushed is 404 at a build-index and at a proxy',
    async check(stage) {
      expectEqual(await digestOf(stage, 0, 'contract/tags:none'), '404', 'build-index');
      const answer = await fetch(`${proxy(stage, 0)}/v2/contract/tags/manifests/none`);
      expectEqual(answer.status, 404, 'proxy');
    },
  },
  {
    title:
      'on its disk a build-index has a tag as <cache>/<repository>:<tag>/data, and an origin a blob as <cache>/<2>/<2>/<hex>/data',
    async check(stage) {
      const image = makeImage('contract/on-disk', 'one');
      await pushImage(proxy(stage, 0), image);
      const read = (node: number, part: 'build-index' | 'origin', path: string) =>
        docker('exec', partName(stage.nodes[node]!, part), 'cat', `/var/cache/kraken/kraken-${part}/cache/${path}`);
      for (const node of [0, 1, 2]) {
        await eventually(async () =>
          expectEqual(await read(node, 'build-index', 'contract/on-disk:one/data'), image.manifest.digest, 'tag'),
        );
      }
      const { digest, hex } = image.layer;
      const [holder = 0] = await holdersOf(stage, digest);
      const path = `${hex.slice(0, 2)}/${hex.slice(2, 4)}/${hex}/data`;
      await eventually(async () =>
        expectEqual(await read(holder, 'origin', path), `${image.layer.bytes}`.trimEnd(), 'blob'),
      );
    },
  },
  {
    title:
      'with write-through a pushed tag is in the backend as docker/registry/v2/repositories/<repository>/_manifests/tags/<tag>/current/link',
    async check(stage) {
      const image = makeImage('contract/written', 'one');
      await pushImage(proxy(stage, 0), image);
      const path = '/files/tags/docker/registry/v2/repositories/contract/written/_manifests/tags/one/current/link';
      const answers = await Promise.all(stage.nodes.map((_, node) => fetch(`${at(stage, node, ports.testfs)}${path}`)));
      const texts = await Promise.all(answers.filter(({ status }) => status === 200).map((answer) => answer.text()));
      expect(texts.length > 0, 'no backend has it');
      for (const text of texts) expectEqual(text, image.manifest.digest, 'content');
    },
  },
  {
    title: 'a tag that was pushed stays at its first digest when another image is pushed under it',
    async check(stage) {
      const [first, second] = [makeImage('contract/moved', 'one'), makeImage('contract/moved', 'one')];
      await pushImage(proxy(stage, 0), first);
      await pushImage(proxy(stage, 0), second);
      for (const node of [0, 1, 2]) {
        expectEqual(await digestOf(stage, node, 'contract/moved:one'), first.manifest.digest, `node ${node + 1}`);
      }
      await pullImage(proxy(stage, 1), second, second.manifest.digest);
    },
  },
  {
    title: 'tags of a repository and repositories are listed',
    async check(stage) {
      const image = makeImage('contract/listed', 'one');
      await pushImage(proxy(stage, 0), image);
      await eventually(async () => {
        const tags = await fetch(`${proxy(stage, 0)}/v2/contract/listed/tags/list`);
        expectEqual(await tags.json(), { name: 'contract/listed', tags: ['one'] }, 'tags');
      }, 35_000);
      await eventually(async () => {
        const all = (await (await fetch(`${proxy(stage, 0)}/v2/_catalog`)).json()) as { repositories: string[] };
        expect(all.repositories.includes('contract/listed'), `repositories: ${all.repositories}`);
      }, 35_000);
    },
  },
  {
    title: 'GET /list/<prefix> of a build-index lists repository:tag',
    async check(stage) {
      const image = makeImage('contract/prefix', 'one');
      await pushImage(proxy(stage, 0), image);
      const answer = await fetch(`${buildIndex(stage, 0)}/list/contract/prefix/_manifests/tags`);
      const { result } = (await answer.json()) as { result: string[] };
      expectEqual(result, ['contract/prefix:one'], 'result');
    },
  },
  {
    title: 'the prefetch hook of a proxy takes <host>/<repository>/<name:tag>, and refuses another shape with 400',
    async check(stage) {
      const image = makeImage('contract/prefetched', 'one');
      await pushImage(proxy(stage, 0), image);
      const ask = (tag: string) =>
        fetch(`${proxy(stage, 1)}/proxy/v2/registry/prefetch`, {
          method: 'POST',
          body: JSON.stringify({ tag, trace_id: 'a' }),
        });
      const answer = await ask('any.host/contract/prefetched:one');
      expectEqual([answer.status, ((await answer.json()) as { status: string }).status], [200, 'success'], 'answer');
      expectEqual((await ask('prefetched')).status, 400, 'another shape');
    },
  },
];
