import { ports } from './configurations';
import { eventually } from './docker';
import {
  expectBytes,
  expectStatus,
  makeBlob,
  makeImage,
  pullImage,
  pushBlob,
  pushImage,
  putManifest,
  sameProxy,
  startUpload,
} from './registry-client';
import { expect, expectEqual, type Rule } from './rules';
import type { Stage } from './stage';

/** Images on their way through proxies, origins, build-indexes and backends. */
export function at({ nodes }: Stage, node: number, port: number): string {
  return `http://${nodes[node]!.address}:${port}`;
}

export const proxy = (stage: Stage, node: number) => at(stage, node, ports.proxy);
export const origin = (stage: Stage, node: number) => at(stage, node, ports.origin);

export async function statusOf(url: string, method = 'GET'): Promise<number> {
  return (await fetch(url, { method })).status;
}

/** Numbers of the nodes whose origin has the blob on its own disk. */
export async function holdersOf(stage: Stage, digest: string): Promise<number[]> {
  const path = `/internal/namespace/any/blobs/${digest}?local=true`;
  const found = await Promise.all(stage.nodes.map((_, node) => statusOf(`${origin(stage, node)}${path}`, 'HEAD')));
  return found.flatMap((status, node) => (status === 200 ? [node] : []));
}

export const imageRules: Rule[] = [
  {
    title: '/health answers 200 on every part, and it is short text',
    async check(stage) {
      for (const port of [
        ports.testfs,
        ports.origin,
        ports.tracker,
        ports.buildIndex,
        ports.proxy,
        ports.agent,
        ports.agentServer,
      ]) {
        const answer = await fetch(`${at(stage, 0, port)}/health`);
        expectEqual([answer.status, (await answer.text()).trim()], [200, 'OK'], `/health on ${port}`);
      }
    },
  },
  {
    title: '/readiness answers 200 on origin, tracker, build-index and both ports of an agent; 404 on proxy and testfs',
    async check(stage) {
      const ready = [ports.origin, ports.tracker, ports.buildIndex, ports.agent, ports.agentServer];
      for (const port of ready) {
        await eventually(async () =>
          expectEqual(await statusOf(`${at(stage, 0, port)}/readiness`), 200, `readiness on ${port}`),
        );
      }
      for (const port of [ports.proxy, ports.testfs]) {
        expectEqual(await statusOf(`${at(stage, 0, port)}/readiness`), 404, `readiness on ${port}`);
      }
    },
  },
  {
    title: 'a proxy is a registry: /v2/ answers 200 and names the API',
    async check(stage) {
      const answer = await fetch(`${proxy(stage, 0)}/v2/`);
      expectEqual(answer.status, 200, 'status');
      expectEqual(answer.headers.get('docker-distribution-api-version'), 'registry/2.0', 'API');
    },
  },
  {
    title: 'what is pushed through one proxy is pulled by tag and by digest through the others',
    async check(stage) {
      const image = makeImage('contract/library/app', 'one');
      await pushImage(proxy(stage, 0), image);
      await pullImage(proxy(stage, 1), image, image.manifest.digest);
      await pullImage(proxy(stage, 2), image, image.tag);
    },
  },
  {
    title: 'a blob may come in one PATCH, in several, or with the last PUT alone',
    async check(stage) {
      for (const [count, pieces] of [1, 3, 0].entries()) {
        const blob = makeBlob(`${Math.random()} `.repeat(9_000 + count));
        const answer = await pushBlob(proxy(stage, 0), 'contract/pieces', blob, pieces);
        expectEqual(
          [answer.status, answer.headers.get('docker-content-digest')],
          [201, blob.digest],
          `${pieces} pieces`,
        );
        await expectBytes(await fetch(`${proxy(stage, 1)}/v2/contract/pieces/blobs/${blob.digest}`), blob);
      }
    },
  },
  {
    title: 'an upload answers with Location absolute, on the host that was asked and the inner port',
    async check(stage) {
      const { hostname } = new URL(proxy(stage, 0));
      const answer = await startUpload(proxy(stage, 0), 'contract/location');
      expectEqual(answer.status, 202, 'status');
      const location = answer.headers.get('location') ?? '';
      const pattern = new RegExp(
        `^http://${hostname}:${ports.proxy}/v2/contract/location/blobs/uploads/[\\w-]+\\?_state=`,
      );
      expect(pattern.test(location), `Location is ${location}`);
      expect((answer.headers.get('docker-upload-uuid') ?? '') !== '', 'no Docker-Upload-UUID');
      const finished = await pushBlob(proxy(stage, 0), 'contract/location', makeBlob(`${Math.random()}`));
      expect(
        /^http:\/\//.test(finished.headers.get('location') ?? ''),
        `Location is ${finished.headers.get('location')}`,
      );
    },
  },
  {
    title: 'an upload belongs to the proxy that began it: another one refuses it',
    async check(stage) {
      const begun = await startUpload(proxy(stage, 0), 'contract/tied');
      const elsewhere = sameProxy(proxy(stage, 1), begun.headers.get('location'));
      const { status } = await fetch(elsewhere, { method: 'PATCH', body: 'bytes' });
      expect(status === 400 || status === 404, `another proxy answers ${status}`);
    },
  },
  {
    title: 'a blob that nobody has is 404 at a proxy and at an origin; a blob that is there has its length',
    async check(stage) {
      const blob = makeBlob(`${Math.random()}`);
      const path = `/v2/contract/some/blobs/${blob.digest}`;
      for (const method of ['HEAD', 'GET'])
        expectEqual(await statusOf(`${proxy(stage, 0)}${path}`, method), 404, method);
      expectEqual(await statusOf(`${origin(stage, 0)}/namespace/any/blobs/${blob.digest}`), 404, 'origin');
      expectStatus(await pushBlob(proxy(stage, 0), 'contract/some', blob), 201);
      const head = await fetch(`${proxy(stage, 1)}${path}`, { method: 'HEAD' });
      expectEqual([head.status, head.headers.get('content-length')], [200, `${blob.bytes.length}`], 'HEAD');
    },
  },
  {
    title: 'content that is not what its digest says is refused with 400',
    async check(stage) {
      const wrong = { ...makeBlob('what it is not'), bytes: Buffer.from('what it is') };
      expectEqual((await pushBlob(proxy(stage, 0), 'contract/wrong', wrong)).status, 400, 'status');
    },
  },
  {
    title: 'a manifest whose blobs are not there is refused with 400',
    async check(stage) {
      expectEqual((await putManifest(proxy(stage, 0), makeImage('contract/hollow', 'one'))).status, 400, 'status');
    },
  },
  {
    title: 'a blob that another repository has is mounted instead of uploaded: 201',
    async check(stage) {
      const blob = makeBlob(`${Math.random()}`);
      expectStatus(await pushBlob(proxy(stage, 0), 'contract/from', blob), 201);
      const query = `mount=${blob.digest}&from=contract/from`;
      const answer = await fetch(`${proxy(stage, 1)}/v2/contract/into/blobs/uploads/?${query}`, { method: 'POST' });
      expectEqual(answer.status, 201, 'status');
    },
  },
  {
    title: 'part of a blob is answered with 206',
    async check(stage) {
      const blob = makeBlob(`0123456789 ${Math.random()}`);
      expectStatus(await pushBlob(proxy(stage, 0), 'contract/range', blob), 201);
      const url = `${proxy(stage, 1)}/v2/contract/range/blobs/${blob.digest}`;
      const answer = await fetch(url, { headers: { Range: 'bytes=2-5' } });
      expectEqual([answer.status, await answer.text()], [206, '2345'], 'bytes 2 to 5');
    },
  },
];
