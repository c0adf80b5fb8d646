import { ports } from './configurations';
import { at, holdersOf, origin, statusOf } from './image-rules';
import { type Blob, expectBytes, makeBlob } from './registry-client';
import { expect, expectEqual, type Rule } from './rules';
import type { Stage } from './stage';
import { announce, makePeer, randomHash } from './swarm-rules';

/** What one origin alone has: by this a node is tried through an agent. */

/** As an origin gives a blob to another: to this very node's, and one that belongs there. */
async function putAlone(stage: Stage, node: number): Promise<Blob> {
  const { address } = stage.nodes[node]!;
  for (let n = 0; n < 100; n += 1) {
    const blob = makeBlob(`alone ${Math.random()}`);
    const { headers } = await fetch(`${origin(stage, node)}/blobs/${blob.digest}/locations`);
    if (!(headers.get('origin-locations') ?? '').split(',').includes(`${address}:${ports.origin}`)) continue;
    const base = `${origin(stage, node)}/internal/blobs/${blob.digest}/uploads`;
    const started = await fetch(base, { method: 'POST' });
    expectEqual(started.status, 200, 'POST');
    const url = `${base}/${(started.headers.get('location') ?? '').replace(/^.*\//, '')}`;
    const range = { 'content-range': `0-${blob.bytes.length}` };
    expectEqual((await fetch(url, { method: 'PATCH', headers: range, body: blob.bytes })).status, 200, 'PATCH');
    expectEqual(await statusOf(url, 'PUT'), 200, 'PUT');
    return blob;
  }
  throw new Error('no blob belongs there');
}

export const loneRules: Rule[] = [
  {
    title:
      'a blob that comes to an origin as from another is there alone: not copied, not written to a backend; again it is 409, and DELETE takes it (202)',
    async check(stage) {
      const blob = await putAlone(stage, 1);
      expectEqual(await holdersOf(stage, blob.digest), [1], 'who has it');
      const base = `${origin(stage, 1)}/internal/blobs/${blob.digest}`;
      expectEqual(await statusOf(`${base}/uploads`, 'POST'), 409, 'once more');
      for (const node of [0, 1, 2])
        expectEqual(
          await statusOf(`${at(stage, node, ports.testfs)}/files/blobs/${blob.hex}`, 'HEAD'),
          404,
          `in the backend of node ${node + 1}`,
        );
      expectEqual(await statusOf(base, 'DELETE'), 202, 'DELETE');
      expectEqual(await holdersOf(stage, blob.digest), [], 'who has it then');
    },
  },
  {
    title:
      'trackers name the one origin that has a blob and tell of its pieces, and an agent gets it from there, under any namespace; a DELETE takes it from the agent',
    async check(stage) {
      const blob = await putAlone(stage, 1);
      const { address } = stage.nodes[1]!;
      for (const node of [0, 1, 2]) {
        const { peers } = await announce(at(stage, node, ports.tracker), blob.digest, randomHash(), makePeer(7));
        const named = (peers ?? []).filter((peer) => peer.origin).map(({ ip }) => ip);
        expect(named.includes(address), `tracker ${node + 1} names ${named}`);
      }
      const namespace = encodeURIComponent('krakenctl-canary/through-node-2');
      const metaInfo = `${at(stage, 1, ports.tracker)}/namespace/${namespace}/blobs/${blob.digest}/metainfo`;
      expectEqual(await statusOf(metaInfo), 200, 'metainfo');
      const agent = at(stage, 0, ports.agentServer);
      await expectBytes(await fetch(`${agent}/namespace/${namespace}/blobs/${blob.digest}`), blob);
      expectEqual(await statusOf(`${agent}/blobs/${blob.digest}`, 'DELETE'), 200, 'DELETE at the agent');
    },
  },
];
