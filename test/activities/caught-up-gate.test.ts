import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { ActivityDependencies } from '../../src/activities/dependencies';
import { gateActivities } from '../../src/activities/gates';
import type { HttpRequest } from '../../src/clients/host';
import { readAcknowledged, readCount } from '../../src/clients/traffic';
import { exampleSpec } from '../support/cluster';
import { MemoryLab } from '../support/memory-hosts';

const spec = exampleSpec();
const logger = new DefaultLogger('ERROR');
const hex = (n: number) => String(n).repeat(64);

/** An origin and a build-index of node-2 that have what is named here; what is asked for comes when the backend has it. */
async function stage(own: { belongs: string[]; backend: Set<string> }) {
  const lab = new MemoryLab();
  for (const node of spec.nodes) await lab.connect(node);
  const node = lab.machine('node-2');
  const state = { blobs: new Set<string>(), tags: [] as string[], asked: 0 };
  node.http = async ({ path, method = 'GET' }: HttpRequest) => {
    const answer = (status: number, headers = {}) => ({ status, headers, body: Buffer.alloc(0) });
    const [, blob = ''] = /sha256:(\d{64})/.exec(path) ?? [];
    if (method === 'PUT') {
      state.tags.push(decodeURIComponent(path));
      return answer(200);
    }
    if (path.endsWith('/locations'))
      return answer(200, { 'origin-locations': own.belongs.includes(blob) ? '10.0.1.10:8080,10.0.1.11:8080' : '' });
    if (path.endsWith('/metainfo')) {
      state.asked += 1;
      if (own.backend.has(blob)) state.blobs.add(blob);
      return answer(own.backend.has(blob) ? 200 : 404);
    }
    return answer(state.blobs.has(blob) ? 200 : 404);
  };
  let clock = 1_000_000;
  const deps = { hostsFor: () => lab, now: () => (clock += 1000) } as unknown as ActivityDependencies;
  const wait = (timeoutMs = 60_000, settled?: true) =>
    gateActivities(deps).awaitCaughtUp({
      spec,
      gate: { kind: 'caught-up', host: 'node-2', settled },
      sinceMs: 0,
      timeoutMs,
    });
  return { lab, state, wait };
}

describe('a node that is back', () => {
  test('takes the blobs that belong there and others took in, and every tag', async () => {
    const { lab, state, wait } = await stage({ belongs: [hex(1)], backend: new Set([hex(1), hex(2)]) });
    lab.machine('node-1').acknowledged = {
      blobs: [hex(1), hex(2)],
      tags: [{ name: 'a/b:1', digest: `sha256:${hex(3)}` }],
    };
    expect(await wait()).toEqual({ blobs: 2, tags: 1 });
    expect([...state.blobs]).toEqual([hex(1)]);
    expect(state.tags).toEqual([`/tags/a/b:1/digest/sha256:${hex(3)}`]);
  });

  test('is not asked for what is on its own disk already', async () => {
    const { lab, state, wait } = await stage({ belongs: [hex(1)], backend: new Set() });
    const same = { blobs: [hex(1)], tags: [{ name: 'a/b:1', digest: `sha256:${hex(3)}` }] };
    for (const node of ['node-1', 'node-2', 'node-3']) lab.machine(node).acknowledged = same;
    expect(await wait()).toEqual({ blobs: 1, tags: 1 });
    expect([state.asked, state.tags]).toEqual([0, []]);
  });

  test('is waited for while the one that took it in has not written it to its backend yet', async () => {
    const backend = new Set<string>();
    const { lab, state, wait } = await stage({ belongs: [hex(1)], backend });
    lab.machine('node-3').acknowledged = { blobs: [hex(1)], tags: [] };
    const waiting = wait();
    while (state.asked < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    backend.add(hex(1));
    expect(await waiting).toEqual({ blobs: 1, tags: 0 });
  });

  test('as the last one is looked at again once the others have taken it back: meanwhile they still went without it', async () => {
    const { lab, state, wait } = await stage({ belongs: [], backend: new Set() });
    let looks = 0;
    Object.defineProperty(lab.machine('node-3'), 'acknowledged', {
      get: () => {
        looks += 1;
        return { blobs: [], tags: looks > 1 ? [{ name: 'a/b:2', digest: `sha256:${hex(3)}` }] : [] };
      },
    });
    expect(await wait(60_000, true)).toEqual({ blobs: 0, tags: 1 });
    expect(state.tags).toHaveLength(1);
  });

  test('whose origin answers with errors has not caught up', async () => {
    const { lab, wait } = await stage({ belongs: [], backend: new Set() });
    lab.machine('node-3').acknowledged = { blobs: [hex(1)], tags: [] };
    lab.machine('node-2').http = async () => ({ status: 502, headers: {}, body: Buffer.alloc(0) });
    await expect(wait(4_000)).rejects.toThrow('node-2 lacks what others took in');
  });

  test('that cannot get something is named with it, and no other node is begun', async () => {
    const { lab, wait } = await stage({ belongs: [hex(1)], backend: new Set() });
    lab.machine('node-3').acknowledged = { blobs: [hex(1)], tags: [] };
    // The clock of this stage goes on by a second at each look at it.
    await expect(wait(4_000)).rejects.toThrow('node-2 lacks what others took in while it was away: blob 111111111111');
  });
});

describe('the time of a gate', () => {
  /** How many looks an attempt takes that goes on after others have worked for so long. */
  async function looksAfter(workedMs: number): Promise<number> {
    const { lab, state, wait } = await stage({ belongs: [hex(1)], backend: new Set() });
    lab.machine('node-3').acknowledged = { blobs: [hex(1)], tags: [] };
    const heartbeatDetails = { work: { workedMs, seenAt: Date.now() } };
    const attempt = new MockActivityEnvironment({ attempt: 2, heartbeatDetails }, { logger });
    // The clock of this stage goes on by a second at each look at it.
    await expect(attempt.run(() => wait(20_000))).rejects.toThrow('node-2 lacks');
    return state.asked;
  }

  test('is of all its attempts together, and each takes a look', async () => {
    const [alone, after, late] = [await looksAfter(0), await looksAfter(12_000), await looksAfter(100_000)];
    expect([alone > 5, after < alone / 2, late]).toEqual([true, true, 1]);
  });
});

describe('what a host says of what is under way', () => {
  test.each(['', 'seen ', 'ss: not found', 'seen x'])('no count is not none: %j', (text) => {
    expect(() => readCount(text)).toThrow('expected a count');
  });

  test('a count is the number after the word', () => expect(readCount('seen 12\n')).toBe(12));

  test('a list that was cut is none; lines that are neither blob nor tag are passed over', () => {
    const lines = [`blob ${hex(1)}`, `tag sha256:${hex(2)} a/b c:1`, 'blob ../../etc', 'tag x y', 'end'];
    expect(readAcknowledged(lines.join('\n'))).toEqual({
      blobs: [hex(1)],
      tags: [{ name: 'a/b c:1', digest: `sha256:${hex(2)}` }],
    });
    expect(() => readAcknowledged(lines.slice(0, 2).join('\n'))).toThrow('was cut');
  });
});
