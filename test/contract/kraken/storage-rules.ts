import { ports } from './configurations';
import { docker, eventually, pause } from './docker';
import { at, holdersOf, origin, proxy, statusOf } from './image-rules';
import { type Blob, expectBytes, expectStatus, makeBlob, makeImage, pushBlob, pushImage } from './registry-client';
import { expect, expectEqual, type Rule } from './rules';
import type { Stage } from './stage';

/** Where blobs are after a push: on origins' disks and in their backends. */
export const storageRules: Rule[] = [
  {
    title: 'hashring.max_replica origins hold each blob on their disk, and every origin names the same ones',
    async check(stage) {
      const image = makeImage('contract/replicas', 'one');
      await pushImage(proxy(stage, 0), image);
      const locate = async (node: number) => {
        const answer = await fetch(`${origin(stage, node)}/blobs/${image.layer.digest}/locations`);
        return (answer.headers.get('origin-locations') ?? '').split(',').sort();
      };
      const named = await locate(0);
      for (const node of [1, 2]) expectEqual(await locate(node), named, `what node ${node + 1} says`);
      const holders = await holdersOf(stage, image.layer.digest);
      expectEqual(holders.map((node) => origin(stage, node).slice(7)).sort(), named, 'who has it');
      expectEqual(named.length, 2, 'origins');
    },
  },
  {
    title: 'an origin keeps a blob as cache/<2 hex>/<2 hex>/<hex>/data below its cache folder',
    async check(stage) {
      const blob = makeBlob(`${Math.random()}`);
      expectStatus(await pushBlob(proxy(stage, 0), 'contract/disk', blob), 201);
      const [holder = 0] = await holdersOf(stage, blob.digest);
      const folder = '/var/cache/kraken/kraken-origin/cache';
      const path = `${folder}/${blob.hex.slice(0, 2)}/${blob.hex.slice(2, 4)}/${blob.hex}/data`;
      const name = `${stage.nodes[holder]!.name}-origin`;
      await eventually(async () => {
        expect((await docker('exec', name, 'sha256sum', path)).startsWith(blob.hex), 'other content');
      });
    },
  },
  {
    title: 'a push reaches the backend of an origin that holds it: /files/<root>/<hex>',
    async check(stage) {
      const blob = makeBlob(`${Math.random()}`);
      expectStatus(await pushBlob(proxy(stage, 0), 'contract/backend', blob), 201);
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
    title:
      'an origin refuses to delete a blob that it still has to write back (500), and deletes one that it has written (202)',
    async check(stage) {
      const blob = await pushUntilWritten(stage, 'contract/deleted');
      expectEqual(await deleteAt(stage, blob.waiting, blob.digest), 500, 'still to be written');
      expectEqual(await deleteAt(stage, blob.writer, blob.digest), 202, 'written');
    },
  },
  {
    title: 'a blob that an origin lost is fetched from its backend again: 202 meanwhile, then 200',
    async check(stage) {
      const blob = await pushUntilWritten(stage, 'contract/lost');
      expectEqual(await deleteAt(stage, blob.writer, blob.digest), 202, 'DELETE');
      const url = `${origin(stage, blob.writer)}/namespace/any/blobs/${blob.digest}`;
      expectEqual(await statusOf(url), 202, 'first answer');
      await eventually(async () => expectBytes(await fetch(url), blob));
    },
  },
];

const deleteAt = (stage: Stage, node: number, digest: string) =>
  statusOf(`${origin(stage, node)}/internal/blobs/${digest}`, 'DELETE');

/** The origin that took a blob writes it back at once, the other holder only after half an hour. */
async function pushUntilWritten(stage: Stage, repository: string): Promise<Blob & { writer: number; waiting: number }> {
  const blob = makeBlob(`${Math.random()}`);
  expectStatus(await pushBlob(proxy(stage, 0), repository, blob), 201);
  const holders = await holdersOf(stage, blob.digest);
  const inBackend = (node: number) =>
    statusOf(`${at(stage, node, ports.testfs)}/files/blobs/${blob.hex}`, 'HEAD').then((status) => status === 200);
  const writer = await eventually(async () => {
    for (const node of holders) if (await inBackend(node)) return node;
    throw new Error('no backend has it');
  });
  // Its note that this is done follows a moment later.
  await pause(500);
  return { ...blob, writer, waiting: holders.find((node) => node !== writer)! };
}
