import { ports } from './configurations';
import { docker, eventually, pause } from './docker';
import { at, holdersOf, proxy } from './image-rules';
import { expectBytes, expectStatus, makeBlob, makeImage, pullImage, pushBlob, pushImage } from './registry-client';
import { expect, expectEqual, type Rule } from './rules';
import { killNode, partName, type Stage } from './stage';
import { announce, makePeer, randomHash } from './swarm-rules';

/** What outlives restarts and deaths. Runs last, and in this order: the last node ends with them. */
const name = (stage: Stage, node: number, part: Parameters<typeof partName>[1]) => partName(stage.nodes[node]!, part);

async function expectAnswer(url: string, status: number): Promise<void> {
  expectEqual((await fetch(url, { signal: AbortSignal.timeout(5_000) })).status, status, url);
}

export const survivalRules: Rule[] = [
  {
    title: 'an origin that is restarted still has its blobs',
    async check(stage) {
      const blob = makeBlob(`${Math.random()}`);
      expectStatus(await pushBlob(proxy(stage, 0), 'contract/restarted', blob), 201);
      const [holder = 0] = await holdersOf(stage, blob.digest);
      // A small blob is written to disk a moment after it is acknowledged.
      await pause(3_000);
      await docker('restart', '-t', '5', name(stage, holder, 'origin'));
      const origin = at(stage, holder, ports.origin);
      await eventually(() => expectAnswer(`${origin}/health`, 200));
      const local = await fetch(`${origin}/internal/namespace/any/blobs/${blob.digest}?local=true`, { method: 'HEAD' });
      expectEqual(local.status, 200, 'on its disk');
      await expectBytes(await fetch(`${origin}/namespace/any/blobs/${blob.digest}`), blob);
    },
  },
  {
    title: 'while its backend is away an origin is healthy and, with must_ready, not ready; pushes go on',
    async check(stage) {
      for (const node of [0, 1, 2]) await docker('stop', '-t', '1', name(stage, node, 'testfs'));
      await expectAnswer(`${at(stage, 0, ports.origin)}/health`, 200);
      await eventually(() => expectAnswer(`${at(stage, 0, ports.origin)}/readiness`, 503));
      const blob = makeBlob(`${Math.random()}`);
      expectStatus(await pushBlob(proxy(stage, 0), 'contract/away', blob), 201);
      for (const node of [0, 1, 2]) await docker('start', name(stage, node, 'testfs'));
      await eventually(() => expectAnswer(`${at(stage, 0, ports.origin)}/readiness`, 200));
    },
  },
  {
    title: 'what an origin still has to write to its backend survives its restart',
    async check(stage) {
      for (const node of [0, 1, 2]) await docker('stop', '-t', '1', name(stage, node, 'testfs'));
      const blob = makeBlob(`${Math.random()}`);
      expectStatus(await pushBlob(proxy(stage, 0), 'contract/queued', blob), 201);
      await pause(3_000);
      for (const node of [0, 1, 2]) await docker('restart', '-t', '2', name(stage, node, 'origin'));
      for (const node of [0, 1, 2]) await docker('start', name(stage, node, 'testfs'));
      const urls = stage.nodes.map((_, node) => `${at(stage, node, ports.testfs)}/files/blobs/${blob.hex}`);
      await eventually(async () => {
        const found = await Promise.all(urls.map((url) => fetch(url)));
        const there = found.find(({ status }) => status === 200);
        expect(there !== undefined, 'no backend has it');
        await expectBytes(there!, blob);
      });
    },
  },
  {
    title: 'a proxy and a build-index that are restarted serve what was pushed before',
    async check(stage) {
      const image = makeImage('contract/again', 'one');
      await pushImage(proxy(stage, 0), image);
      for (const part of ['proxy', 'build-index'] as const) await docker('restart', '-t', '5', name(stage, 0, part));
      await eventually(() => expectAnswer(`${proxy(stage, 0)}/health`, 200));
      await eventually(() => expectAnswer(`${at(stage, 0, ports.buildIndex)}/health`, 200));
      await pullImage(proxy(stage, 0), image, image.tag);
    },
  },
  {
    title: 'with one origin dead, pushes and pulls go on from the first moment',
    async check(stage) {
      await docker('kill', name(stage, 2, 'origin'));
      for (const tag of ['one', 'two', 'three', 'four']) {
        const image = makeImage('contract/without-origin', tag);
        await pushImage(proxy(stage, 0), image);
        await pullImage(proxy(stage, 1), image, image.manifest.digest);
      }
      await docker('start', name(stage, 2, 'origin'));
      await eventually(() => expectAnswer(`${at(stage, 2, ports.origin)}/health`, 200));
    },
  },
  {
    title: 'a tracker names an origin again that it did not find, after originstore.origin_unavailable_ttl',
    async check(stage) {
      const blob = await eventually(async () => {
        const made = makeBlob(`${Math.random()}`);
        expectStatus(await pushBlob(proxy(stage, 0), 'contract/unavailable', made), 201);
        expect((await holdersOf(stage, made.digest)).includes(2), 'it belongs to other origins');
        return made;
      });
      const isNamed = async () => {
        const { peers } = await announce(at(stage, 0, ports.tracker), blob.digest, randomHash(), makePeer(8));
        return (peers ?? []).some(({ ip }) => ip === stage.nodes[2]!.address);
      };
      await eventually(async () => expect(await isNamed(), 'it is not named at first'));
      await docker('kill', name(stage, 2, 'origin'));
      // What an origin said of itself is remembered for ten seconds; the others take it for well for half a minute.
      await eventually(async () => expect(!(await isNamed()), 'it is still named'));
      await docker('start', name(stage, 2, 'origin'));
      await eventually(() => expectAnswer(`${at(stage, 2, ports.origin)}/health`, 200));
      await eventually(async () => expect(await isNamed(), 'it is not named again'));
    },
  },
  {
    title: 'with one whole node dead, pushes, pulls by tag and digest, announces and agents go on',
    async check(stage) {
      const before = makeImage('contract/before-death', 'one');
      await pushImage(proxy(stage, 0), before);
      await killNode(stage.nodes[2]!);
      const after = makeImage('contract/after-death', 'one');
      await eventually(() => pushImage(proxy(stage, 0), after), 60_000);
      for (const image of [before, after]) {
        await eventually(() => pullImage(proxy(stage, 1), image, image.manifest.digest), 60_000);
        await eventually(() => pullImage(proxy(stage, 1), image, image.tag), 60_000);
      }
      const hash = randomHash();
      const announced = await announce(at(stage, 1, ports.tracker), after.layer.digest, hash, makePeer(9));
      expectEqual(announced.status, 200, 'announce');
      await eventually(() => pullImage(at(stage, 0, ports.agent), after, after.tag), 60_000);
    },
  },
  {
    title: 'with Redis dead a tracker goes on answering with origins',
    async check(stage) {
      const image = makeImage('contract/no-redis', 'one');
      await eventually(() => pushImage(proxy(stage, 0), image), 60_000);
      await docker('kill', stage.redis.name);
      const { status, peers } = await announce(
        at(stage, 0, ports.tracker),
        image.layer.digest,
        randomHash(),
        makePeer(10),
      );
      expectEqual(status, 200, 'status');
      expect(
        (peers ?? []).some(({ origin }) => origin),
        'no origin is named',
      );
    },
  },
];
